// Errors of S3 in words for the people who run the operator.
import { messageOf } from './error-message.ts';
import { EvidenceStoreError, type StoreFailure } from './store.ts';

interface Explanation {
  reason: StoreFailure;
  why: string;
  cure: string;
}

const AGAIN = 'the capture is then done again.';

const REFUSED: Explanation = {
  reason: 'Denied',
  why: 'the credentials do not allow this',
  cure: `Give them the actions that docs/stores.md lists, for this bucket and prefix; ${AGAIN}`,
};
const BAD_CREDENTIALS: Explanation = {
  reason: 'Denied',
  why: 'the server does not take the credentials: they are wrong, disabled or expired',
  cure: `Check the service account's role or the secret with the keys; ${AGAIN}`,
};
const NO_CREDENTIALS: Explanation = {
  reason: 'Denied',
  why: 'there are no credentials',
  cure: `Give the pod a role (web identity) or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; ${AGAIN}`,
};
const SKEWED: Explanation = {
  reason: 'Denied',
  why: "the clock of this machine differs from the server's by more than 15 minutes",
  cure: `Set the node's clock (NTP); ${AGAIN}`,
};
const NO_BUCKET: Explanation = {
  reason: 'Missing',
  why: 'there is no such bucket',
  cure: `Make it, with object lock if that is set, or correct --evidence-store; ${AGAIN}`,
};
const ELSEWHERE: Explanation = {
  reason: 'Missing',
  why: 'the bucket is in another region',
  cure: `Set --evidence-s3-region to that of the bucket; ${AGAIN}`,
};
const NO_LOCK: Explanation = {
  reason: 'Missing',
  why: 'object lock is not enabled on the bucket, and --evidence-s3-lock-mode asks for it',
  cure: 'Enable it (it needs versioning), or take a bucket that has it; without it evidence could be deleted.',
};
const BUSY: Explanation = {
  reason: 'Busy',
  why: 'the server has too much to do and refuses requests',
  cure: 'The capture is tried again; if this lasts, look at the limits of the bucket and its server.',
};
const FULL: Explanation = {
  reason: 'NoSpace',
  why: 'the storage or its quota is full',
  cure: `Make room or raise the quota; ${AGAIN}`,
};
const OTHER_BYTES: Explanation = {
  reason: 'Corrupt',
  why: 'the server got other bytes than were sent (their checksum is wrong), and stored nothing',
  cure: 'The capture is tried again; if this lasts, something on the way changes what is sent.',
};

// By the error's name, which is S3's code; see the API reference, "Error responses".
const BY_NAME: Readonly<Record<string, Explanation>> = {
  AccessDenied: REFUSED,
  AllAccessDisabled: REFUSED,
  UnauthorizedAccess: REFUSED,
  InvalidAccessKeyId: BAD_CREDENTIALS,
  SignatureDoesNotMatch: BAD_CREDENTIALS,
  ExpiredToken: BAD_CREDENTIALS,
  ExpiredTokenException: BAD_CREDENTIALS,
  InvalidToken: BAD_CREDENTIALS,
  TokenRefreshRequired: BAD_CREDENTIALS,
  CredentialsProviderError: NO_CREDENTIALS,
  RequestTimeTooSkewed: SKEWED,
  NoSuchBucket: NO_BUCKET,
  PermanentRedirect: ELSEWHERE,
  AuthorizationHeaderMalformed: ELSEWHERE,
  IncorrectEndpoint: ELSEWHERE,
  ObjectLockConfigurationNotFoundError: NO_LOCK,
  InvalidBucketState: NO_LOCK,
  SlowDown: BUSY,
  ServiceUnavailable: BUSY,
  ThrottlingException: BUSY,
  TooManyRequests: BUSY,
  RequestLimitExceeded: BUSY,
  QuotaExceeded: FULL,
  InsufficientStorage: FULL,
  XMinioStorageFull: FULL,
  XMinioAdminBucketQuotaExceeded: FULL,
  BadDigest: OTHER_BYTES,
  XAmzContentChecksumMismatch: OTHER_BYTES,
  XAmzContentSHA256Mismatch: OTHER_BYTES,
};

const BY_STATUS: Readonly<Record<number, Explanation>> = {
  301: ELSEWHERE,
  401: BAD_CREDENTIALS,
  403: REFUSED,
  429: BUSY,
  503: BUSY,
  507: FULL,
};

/** The error as an {@link EvidenceStoreError} that says which object, why, and what to do. `path` is an `s3://` URL. */
export function explainS3Error(error: unknown, path: string): EvidenceStoreError {
  if (error instanceof EvidenceStoreError) return error;
  const { reason, why, cure } = explanationOf(error);
  const code = s3CodeOf(error);
  const suffix = code === undefined || why.includes(code) ? '' : ` (${code})`;
  return new EvidenceStoreError(reason, path, `evidence at ${path}: ${why}${suffix}. ${cure}`, {
    cause: error,
  });
}

/** S3's code of the error or that of the network's, if it has one. */
export function s3CodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'Error' ? undefined : error.name;
}

/** The status of the server's answer; undefined if there was none. */
export function s3StatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
  return httpStatusCode;
}

/** Whether the same request may succeed soon: no answer, an overloaded server, a clock that the client now allows for. */
export function isPassing(error: unknown): boolean {
  const status = s3StatusOf(error);
  if (s3CodeOf(error) === 'RequestTimeTooSkewed') return true;
  if (s3CodeOf(error) === 'CredentialsProviderError') return false;
  return status === undefined || status === 409 || status === 429 || (status >= 500 && status !== 507);
}

function explanationOf(error: unknown): Explanation {
  const code = s3CodeOf(error) ?? '';
  const status = s3StatusOf(error);
  const known = BY_NAME[code];
  if (known) return known;
  if (code === 'InvalidRequest' && /object.?lock/i.test(messageOf(error))) return NO_LOCK;
  if (status !== undefined) return BY_STATUS[status] ?? unexplained(error, `the server answered ${status}`);
  return isFromTheNetwork(error) ? unreachable(error) : unexplained(error, 'the request failed');
}

function unreachable(error: unknown): Explanation {
  return {
    reason: 'Unreachable',
    why: `the server does not answer: ${messageOf(error) || 'the connection failed'}`,
    cure: `Check --evidence-s3-endpoint, the network and the server's certificate; ${AGAIN}`,
  };
}

/** Node names the failures of sockets, names and certificates by a code; deadlines are a `TimeoutError`. */
function isFromTheNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && typeof error.code === 'string') || error.name === 'TimeoutError';
}

function unexplained(error: unknown, what: string): Explanation {
  return {
    reason: 'Failed',
    why: `${what}: ${messageOf(error)}`,
    cure: "Look at the server's log; the capture is tried again.",
  };
}

/** An error as S3 would name it, for what its answer says without a code. */
export function named(name: string, message: string, httpStatusCode: number): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}
