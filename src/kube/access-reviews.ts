// Asks the API server what this process may do, and remembers each answer for a short time.
import type { KubeObject } from '../api/meta.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { brokenAnswer } from './errors.ts';
import { apiVersionOf, SELF_SUBJECT_ACCESS_REVIEWS, type ObjectPath, type Resource } from './resources.ts';

/** One verb on one kind of object, as RBAC knows it. */
export interface Access {
  /** Those after `delete` are asked for by our admission policies only. */
  verb:
    | 'get'
    | 'list'
    | 'watch'
    | 'create'
    | 'patch'
    | 'delete'
    | 'manage'
    | 'run'
    | 'approve'
    | 'hold'
    | 'release';
  resource: Resource;
  /** Without a namespace: in the whole cluster. Without a name: on objects of any name. */
  at: ObjectPath;
}

/** How long an answer is shared, in milliseconds: the policies of a namespace are judged together at a start. */
const SHARED_MS = 5_000;

/** See the file's first line. */
export class AccessReviews {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  /** Answers on their way and those of the last {@link SHARED_MS}, failures too, by what was asked. */
  readonly #answers = new Map<string, Promise<boolean>>();

  constructor({ client, clock }: { client: KubeClient; clock: Clock }) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Whether this process may do it. @throws KubeError when the API server does not tell. */
  mayDo(access: Access): Promise<boolean> {
    const attributes = attributesOf(access);
    const key = JSON.stringify(attributes);
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#ask(attributes);
    this.#answers.set(key, answer);
    const forget = () => void this.#clock.after(SHARED_MS, () => this.#answers.delete(key));
    answer.then(forget, forget);
    return answer;
  }

  // Every authenticated account may ask about itself, by the ClusterRole system:basic-user.
  async #ask(resourceAttributes: object): Promise<boolean> {
    const review = await this.#client.create<Review>(
      SELF_SUBJECT_ACCESS_REVIEWS,
      {},
      {
        apiVersion: apiVersionOf(SELF_SUBJECT_ACCESS_REVIEWS),
        kind: SELF_SUBJECT_ACCESS_REVIEWS.kind,
        spec: { resourceAttributes },
      },
    );
    const allowed = review.status?.allowed;
    if (typeof allowed !== 'boolean')
      throw brokenAnswer(
        `create ${SELF_SUBJECT_ACCESS_REVIEWS.kind}`,
        'the answer does not say what is allowed',
      );
    return allowed;
  }
}

interface Review extends KubeObject {
  status?: { allowed?: boolean };
}

function attributesOf({ verb, resource, at }: Access): object {
  const { group, version, plural } = resource;
  return { ...at, verb, group, version, resource: plural };
}
