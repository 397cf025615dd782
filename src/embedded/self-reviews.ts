// POST selfsubjectreviews: who is the caller? Nobody proves who they are to this API, so that everybody is one user. As with
// access reviews, nothing is stored.
import { resourcePath, SELF_SUBJECT_REVIEWS } from '../kube/resources.ts';
import { serverTime, type Backend } from './backend.ts';
import { decoded } from './creates.ts';
import type { JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { refuseUnknownFields } from './validators.ts';

/** The one user. */
export const EMBEDDED_USER = 'embedded-admin';
/** Where reviews are posted to. */
export const SELF_REVIEWS_PATH = resourcePath(SELF_SUBJECT_REVIEWS);

const REVIEW: ServedKind = {
  resource: SELF_SUBJECT_REVIEWS,
  status: false,
  generation: false,
  unconditionalUpdate: false,
  returnsDeleted: false,
  custom: false,
};

/** The review with its answer. @throws ApiError 400 for another kind or an unknown field. */
export function reviewSelf(backend: Backend, body: JsonObject, { strict }: { strict: boolean }): object {
  const review = decoded(REVIEW, body);
  if (strict) refuseUnknownFields(backend, REVIEW, review);
  const userInfo = { username: EMBEDDED_USER, groups: ['system:masters', 'system:authenticated'] };
  return {
    ...review,
    metadata: { creationTimestamp: serverTime(backend.clock.now()) },
    status: { userInfo },
  };
}
