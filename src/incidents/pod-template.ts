// Reads the template that a pod was made from: from its controller, or from the revision of that time.
import type { KubeObject } from '../api/meta.ts';
import type { PodFacts } from '../api/pod.ts';
import { approvedTemplate, templateSource, type ApprovedTemplate } from '../decide/approved-template.ts';
import { orAbsent } from '../kube/absent.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import {
  apiVersionOf,
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  JOBS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
  type Resource,
} from '../kube/resources.ts';
import { targetOf } from './target.ts';

/** The template, why there is none, or why nobody knows. */
export type ReadTemplate = ApprovedTemplate | { kind: 'Unreadable'; message: string };

/** How long what was read is good for, in milliseconds: all pods of a rollout ask for the same. */
const GOOD_MS = 30_000;
const MAX_KEPT = 512;
const READABLE: readonly Resource[] = [
  REPLICA_SETS,
  STATEFUL_SETS,
  DAEMON_SETS,
  JOBS,
  REPLICATION_CONTROLLERS,
];

interface Wanted {
  namespace: string;
  name: string;
  /** Of the controller. */
  uid: string;
  fresh: boolean;
}

/** What it reads with. */
export interface TemplateReaderOptions {
  client: KubeClient;
  clock: Pick<Clock, 'elapsed'>;
}

/**
 * Reads it. @param fresh: what was read a moment ago is read again.
 * @throws KubeError when the API server does not answer.
 */
export type TemplateReader = (pod: PodFacts, options?: { fresh: boolean }) => Promise<ReadTemplate>;

/** Makes a reader that remembers for a short time. */
export function createTemplateReader({ client, clock }: TemplateReaderOptions): TemplateReader {
  const kept = new Map<string, { at: number; object: Promise<KubeObject | undefined> }>();
  const read = (resource: Resource, { namespace, name, uid, fresh }: Wanted) => {
    const key = `${resource.kind} ${namespace}/${name} ${uid}`;
    const known = kept.get(key);
    if (!fresh && known && clock.elapsed() - known.at < GOOD_MS) return known.object;
    const object = orAbsent(client.get<KubeObject>(resource, { namespace, name }));
    kept.delete(key);
    kept.set(key, { at: clock.elapsed(), object });
    object.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return object;
  };
  return async (pod, { fresh } = { fresh: false }) => {
    const subject = targetOf(pod);
    const source = templateSource(subject);
    if (source.kind === 'None') return approvedTemplate(subject, { owner: undefined });
    const { owner, revision: name } = source;
    const resource = READABLE.find(
      (known) => known.kind === owner.kind && apiVersionOf(known) === owner.apiVersion,
    );
    if (!resource) return { kind: 'Unreadable', message: `${owner.apiVersion} ${owner.kind} is not known` };
    try {
      const wanted = { namespace: pod.namespace, uid: owner.uid, fresh };
      const [live, revision] = await Promise.all([
        read(resource, { ...wanted, name: owner.name }),
        name === undefined ? undefined : read(CONTROLLER_REVISIONS, { ...wanted, name }),
      ]);
      return approvedTemplate(subject, { owner: live, revision });
    } catch (error) {
      if (!isForbidden(error)) throw error;
      return {
        kind: 'Unreadable',
        message: `the template of its ${owner.kind} may not be read: apply config/components/verification`,
      };
    }
  };
}
