// POST selfsubjectaccessreviews: may the caller do this? Everything is allowed unless a test says otherwise. A review is
// no object: nothing is stored, and there is nothing to read. Reviews of paths that are no resources are not served.
import { resourcePath, SELF_SUBJECT_ACCESS_REVIEWS } from '../kube/resources.ts';
import type { Backend } from './backend.ts';
import { decoded } from './creates.ts';
import { isJsonObject, objectAt, textAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { invalid } from './status.ts';
import { refuseUnknownFields } from './validators.ts';

/** What is asked about, as the API has it; what was not sent is empty. */
export interface AccessAttributes {
  verb: string;
  group: string;
  /** The plural. */
  resource: string;
  subresource: string;
  /** Empty: all namespaces, or a kind without any. */
  namespace: string;
  /** Empty: objects of any name. */
  name: string;
}

/** Answers an access review; one hook that says false denies. Requests are carried out whatever it says. */
export type AccessHook = (asked: AccessAttributes) => boolean;

/** Verbs of requests. Any other one, such as `manage`, is a right that somebody made up: nobody has it unless granted. */
const VERBS: ReadonlySet<string> = new Set([
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  '*',
]);

/** Where reviews are posted to. */
export const REVIEWS_PATH = resourcePath(SELF_SUBJECT_ACCESS_REVIEWS);

const REVIEW: ServedKind = {
  resource: SELF_SUBJECT_ACCESS_REVIEWS,
  status: false,
  generation: false,
  unconditionalUpdate: false,
  returnsDeleted: false,
  custom: false,
};

/** The review with its answer. @throws ApiError 400 for another kind or an unknown field, 422 without a question. */
export function reviewAccess(backend: Backend, body: JsonObject, { strict }: { strict: boolean }): object {
  const review = decoded(REVIEW, body);
  if (strict) refuseUnknownFields(backend, REVIEW, review);
  const asked = objectAt(review['spec'])['resourceAttributes'];
  if (!isJsonObject(asked)) throw withoutQuestion();
  const attributes: AccessAttributes = {
    verb: textAt(asked['verb']),
    group: textAt(asked['group']),
    resource: textAt(asked['resource']),
    subresource: textAt(asked['subresource']),
    namespace: textAt(asked['namespace']),
    name: textAt(asked['name']),
  };
  const { verb, resource, group } = attributes;
  const exists = VERBS.has(verb) || backend.grants.has(`${verb} ${resource}.${group}`);
  const allowed = exists && backend.access.every((hook) => hook(attributes));
  return { ...review, metadata: {}, status: { allowed } };
}

// The server forgets to name the kind.
function withoutQuestion() {
  const message =
    'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return invalid({ group: SELF_SUBJECT_ACCESS_REVIEWS.group, kind: '' }, '', [
    { reason: 'FieldValueInvalid', field: 'spec.resourceAttributes', message },
  ]);
}
