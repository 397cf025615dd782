// Answers that are no objects: metav1.Status, and the error that carries one. Wording and codes are those of
// k8s.io/apimachinery/pkg/api/errors of Kubernetes 1.36.
import type { Resource } from '../kube/resources.ts';

/** One cause of a refusal. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** What a refusal is about. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: readonly StatusCause[];
  retryAfterSeconds?: number;
}

/** metav1.Status. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  /** Absent from the answer to a deletion. */
  code?: number;
}

/** One wrong field; `message` is the body as the server prints it, e.g. `Required value`. */
export interface FieldProblem {
  /** `FieldValueInvalid`, `FieldValueRequired` ...: the causes of k8s.io/apimachinery/pkg/util/validation/field. */
  reason: string;
  field: string;
  message: string;
}

/** A request that is refused. */
export class ApiError extends Error {
  readonly code: number;
  readonly status: Status;

  constructor(code: number, status: Status) {
    super(status.message ?? `code ${code}`);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }
}

/** `pods`, or with a group `driftincidents.die-operator.dev`. */
export function qualified(resource: Pick<Resource, 'group'>, what: string): string {
  return resource.group === '' ? what : `${what}.${resource.group}`;
}

/** A Status that reports success. */
export function success(more: Pick<Status, 'details' | 'code'>): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...more };
}

/** Any refusal; the named ones below are made of it. */
export function failure(
  code: number,
  reason: string | undefined,
  message: string,
  details?: StatusDetails,
): ApiError {
  return new ApiError(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason !== undefined && { reason }),
    ...(details && { details }),
    code,
  });
}

/** The details that name an object of `resource`; `kind` is the plural, as the server has it. */
export function detailsOf(resource: Resource, name: string): StatusDetails {
  return {
    ...(name !== '' && { name }),
    ...(resource.group !== '' && { group: resource.group }),
    kind: resource.plural,
  };
}

/** 404: no such object. */
export function notFound(resource: Resource, name: string): ApiError {
  const message = `${qualified(resource, resource.plural)} "${name}" not found`;
  return failure(404, 'NotFound', message, detailsOf(resource, name));
}

/** 409: the name is taken; `deleting` when its holder is on its way out. */
export function alreadyExists(resource: Resource, name: string, deleting: boolean): ApiError {
  const message = `${qualified(resource, resource.plural)} "${name}" already exists`;
  return failure(
    409,
    'AlreadyExists',
    deleting ? `object is being deleted: ${message}` : message,
    detailsOf(resource, name),
  );
}

/** 409: the object is not what the writer thought. */
export function conflict(resource: Resource, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource, resource.plural)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, detailsOf(resource, name));
}

/** 409 of a failed precondition of a deletion, which names the kind where others name the plural. */
export function preconditionFailed(resource: Resource, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource, resource.kind)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, { ...detailsOf(resource, name), kind: resource.kind });
}

/** 403. */
export function forbidden(
  resource: Resource,
  name: string,
  why: string,
  causes?: readonly StatusCause[],
): ApiError {
  const message = `${qualified(resource, resource.plural)} "${name}" is forbidden: ${why}`;
  return failure(403, 'Forbidden', message, { ...detailsOf(resource, name), ...(causes && { causes }) });
}

/** 400. */
export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message);
}

/** 422 with a cause for each wrong field. */
export function invalid(
  about: { group: string; kind: string },
  name: string,
  problems: readonly FieldProblem[],
): ApiError {
  const lines = [...new Set(problems.map((problem) => `${problem.field}: ${problem.message}`))];
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return failure(422, 'Invalid', `${qualified(about, about.kind)} "${name}" is invalid: ${list}`, {
    ...(name !== '' && { name }),
    ...(about.group !== '' && { group: about.group }),
    ...(about.kind !== '' && { kind: about.kind }),
    causes: problems.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** 422 of a JSON patch that does not apply; the empty details tell it from a validation error. */
export function patchRefused(): ApiError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

/** 504: a revision is asked for that is not there yet. */
export function tooLargeRevision(asked: number, current: number): ApiError {
  const message = `Timeout: Too large resource version: ${asked}, current: ${current}`;
  return failure(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** 410: the past that was asked for is forgotten. */
export function expired(message: string): ApiError {
  return failure(410, 'Expired', message);
}

/** The server shows this much of a body that it cannot read. */
const SHOWN_BODY = 30;

/** What a 400 says of a body that is no object of that kind. */
export function unrecognized(kind: string, body: string, why: string): string {
  const short = body.length > SHOWN_BODY ? `${body.slice(0, SHOWN_BODY)} ...` : body || '<empty>';
  return `the object provided is unrecognized (must be of type ${kind}): ${why} (${short})`;
}

/** 404: the group is served, the resource is not. */
export function unknownResource(): ApiError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 405. */
export function methodNotAllowed(): ApiError {
  return failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

/** 415 with the media types of a real server; `missingHere` for one that only the embedded one lacks. */
export function unsupportedMediaType(accepted: readonly string[], missingHere: boolean): ApiError {
  const message = missingHere
    ? 'server-side apply is not served by the embedded API'
    : `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return failure(415, 'UnsupportedMediaType', message);
}

/** 429 of an eviction that a budget refuses; `retryAfterSeconds` 0 means no hint. */
export function disruptionRefused(cause: string, retryAfterSeconds: number): ApiError {
  return failure(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfterSeconds > 0 && { retryAfterSeconds }),
    },
  );
}
