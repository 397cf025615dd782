// What the API server or the way to it refused, and the questions that callers ask of it.
import { z } from 'zod';
import { cleanText } from './text.ts';

/** One cause in the details of a `Status`. Texts are cleaned and cut. */
export interface StatusCause {
  /** For programs, e.g. `FieldValueInvalid`; may be empty. */
  reason: string;
  message: string;
  /** Path of the field, if it is about one. */
  field: string;
}

interface KubeErrorFields {
  status: number;
  reason: string;
  retryAfterMs?: number | undefined;
  causes?: readonly StatusCause[];
  hasDetails?: boolean;
  cause?: unknown;
}

/** A call that failed. The message names the verb and the object and is fit for people, logs and conditions. */
export class KubeError extends Error {
  /** HTTP status; 0 when no whole answer came. */
  readonly status: number;
  /** Reason of the `Status`; without one: `Unknown`, `Timeout`, `Aborted`, `BrokenAnswer`, a code as `ECONNREFUSED`. */
  readonly reason: string;
  /** Milliseconds after which the server wants to be asked again. */
  readonly retryAfterMs: number | undefined;
  readonly causes: readonly StatusCause[];
  /** Whether the details of the `Status` name an object or a cause. */
  readonly hasDetails: boolean;

  constructor(message: string, fields: KubeErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'KubeError';
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
    this.causes = fields.causes ?? [];
    this.hasDetails = fields.hasDetails ?? false;
  }
}

/** Longest text of others in a message: it protects the logs. */
const MAX_TEXT_BYTES = 256;
/** More causes than any answer that we act on has. */
const MAX_CAUSES = 16;
/** What is longer, in seconds, is no serious answer, and no time can be made of the longest numbers. */
const MAX_RETRY_AFTER_S = 999_999;
const MULTIPLE_BUDGETS = 'MultipleDisruptionBudgets';
const TOO_LARGE = 'TooLarge';
/** Reason of the error for what {@link isNotLeading} holds. */
export const NOT_LEADING = 'NotLeading';

const text = z.string().catch('').transform(clean);
const CauseSchema = z.object({ reason: text, message: text, field: text });
const StatusSchema = z
  .object({
    kind: z.literal('Status').optional(),
    status: z.string().optional(),
    message: text,
    reason: text,
    code: z.int().min(400).max(599).optional().catch(undefined),
    details: z
      .object({
        name: z.string().catch(''),
        causes: z.array(z.unknown()).catch([]),
        retryAfterSeconds: z.number().min(0).max(MAX_RETRY_AFTER_S).optional().catch(undefined),
      })
      .optional()
      .catch(undefined),
  })
  .refine((body) => body.kind === 'Status' || body.status === 'Failure');
type Status = z.infer<typeof StatusSchema>;

function clean(of: string): string {
  return cleanText(of, MAX_TEXT_BYTES);
}

/**
 * The error for an answer with an error status.
 * @param doing verb and object, e.g. `patch Pod shop/web-1`
 * @param answer status, `Retry-After` in seconds if sent, and the parsed body; a body that is no `Status` is dropped
 */
export function statusError(
  doing: string,
  answer: { status: number; retryAfter?: string | undefined; body: unknown },
): KubeError {
  const parsed = StatusSchema.safeParse(answer.body);
  if (!parsed.success) return withoutStatus(doing, answer);
  const status = parsed.data;
  const reason = reasonOf(status);
  const said = [`${answer.status} ${reason}`.trim(), status.message].filter(Boolean).join(': ');
  const causes = (status.details?.causes ?? []).slice(0, MAX_CAUSES).flatMap(causeOf);
  return new KubeError(`cannot ${doing}: ${said}`, {
    status: answer.status,
    reason,
    retryAfterMs: retryAfterMs(answer.retryAfter, status.details?.retryAfterSeconds),
    causes,
    hasDetails: causes.length > 0 || Boolean(status.details?.name),
  });
}

/** The error for an `ERROR` event of a watch, whose object is a `Status`. */
export function watchError(doing: string, object: unknown): KubeError {
  const parsed = StatusSchema.safeParse(object);
  return statusError(doing, { status: parsed.data?.code ?? 500, body: object });
}

/** The error for a call to which no whole answer came; a KubeError is passed on. A fired `signal` is the cause. */
export function networkError(doing: string, error: unknown, signal?: AbortSignal): KubeError {
  if (error instanceof KubeError) return error;
  const cause: unknown = signal?.aborted ? signal.reason : error;
  const reason = signal?.aborted && !isTimeout(cause) ? 'Aborted' : networkReason(cause);
  const message = cause instanceof Error && cause.message !== '' ? clean(cause.message) : reason;
  return new KubeError(`cannot ${doing}: ${message}`, { status: 0, reason, cause });
}

/** The error for an answer that is cut off, no JSON, or not of the expected form. */
export function brokenAnswer(doing: string, what: string, cause?: unknown): KubeError {
  return new KubeError(`cannot ${doing}: ${what}`, { status: 0, reason: 'BrokenAnswer', cause });
}

/** The error for an answer beyond our limit; asking again would not help. */
export function oversizedAnswer(doing: string, maxBytes: number): KubeError {
  const message = `cannot ${doing}: the answer has more than ${maxBytes} bytes`;
  return new KubeError(message, { status: 0, reason: TOO_LARGE });
}

function withoutStatus(
  doing: string,
  answer: { status: number; retryAfter?: string | undefined },
): KubeError {
  return new KubeError(`cannot ${doing}: ${answer.status}, and the answer is not from an API server`, {
    status: answer.status,
    reason: 'Unknown',
    retryAfterMs: retryAfterMs(answer.retryAfter, undefined),
  });
}

/** The API server refuses evictions under two budgets with a 500 that only its text tells from an outage. */
function reasonOf(status: Status): string {
  if (status.reason !== '') return status.reason;
  return status.message.includes('more than one PodDisruptionBudget') ? MULTIPLE_BUDGETS : 'Unknown';
}

function causeOf(cause: unknown): StatusCause[] {
  const parsed = CauseSchema.safeParse(cause);
  return parsed.success ? [parsed.data] : [];
}

/** The header wins; the API server sends seconds, never a date. */
function retryAfterMs(header: string | undefined, seconds: number | undefined): number | undefined {
  if (header !== undefined && /^\d{1,6}$/.test(header)) return Number(header) * 1000;
  return seconds ? seconds * 1000 : undefined;
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError';

/** The first code in the chain of causes says most: `ECONNRESET` below a `fetch failed`. */
function networkReason(error: unknown): string {
  if (isTimeout(error)) return 'Timeout';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return 'NetworkError';
}

const is =
  (holds: (error: KubeError) => boolean) =>
  (error: unknown): boolean =>
    error instanceof KubeError && holds(error);

/** The object does not exist. An unserved path or a proxy's 404 is none of that. */
export const isNotFound = is((error) => error.status === 404 && error.reason === 'NotFound');
/** The object changed, or a precondition does not hold. */
export const isConflict = is((error) => error.status === 409 && error.reason === 'Conflict');
/** An object of that name exists. */
export const isAlreadyExists = is((error) => error.status === 409 && error.reason === 'AlreadyExists');
/** The resourceVersion or continue token is too old: list again. */
export const isGone = is((error) => error.status === 410 || error.reason === 'Expired');
/** RBAC or admission refused it. */
export const isForbidden = is((error) => error.status === 403);
/** The object or patch is not acceptable as it is. Holds for failed tests too. */
export const isInvalid = is((error) => error.status === 422);
/** A `test` of a JSON patch did not hold: the API server says so by EMPTY details only. */
export const isTestFailure = is(
  (error) => error.status === 422 && error.reason === 'Invalid' && !error.hasDetails,
);
/** An eviction waits for a disruption budget. */
export const isBudgetDenied = is(
  (error) => error.status === 429 && error.causes.some((cause) => cause.reason === 'DisruptionBudget'),
);
/** An eviction waits for a disruption budget whose status is older than the budget itself: then it says when to ask again. */
export const isBudgetStale = is((error) => isBudgetDenied(error) && error.retryAfterMs !== undefined);
/** An eviction is refused by a disruption budget whose status nobody keeps up to date. */
export const isBudgetBroken = is(
  (error) =>
    error.status === 403 &&
    /pdb disruptions allowed is negative|DisruptedPods map too big/.test(error.message),
);
/** More than one disruption budget selects the pod: no eviction will ever succeed. */
export const isMultipleBudgets = is((error) => error.reason === MULTIPLE_BUDGETS);
/** The server sheds load: ask again later. It did not start on the request. */
export const isThrottled = is((error) => error.status === 429 && !isBudgetDenied(error));
/** The request was not sent, because this replica does not lead; see fence.ts. */
export const isNotLeading = is((error) => error.status === 0 && error.reason === NOT_LEADING);
/** No whole answer, or the server could not work: the outcome of a write is unknown. Asking again may help. */
export const isUnavailable = is((error) =>
  error.status === 0
    ? ![TOO_LARGE, NOT_LEADING].includes(error.reason)
    : [500, 502, 503, 504].includes(error.status) && !isMultipleBudgets(error),
);
/** No connection came to be, so that the server cannot have started on the request. */
export const isNotConnected = is(
  (error) =>
    error.status === 0 &&
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(error.reason),
);
