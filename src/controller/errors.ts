// Tells errors apart: what a person must mend, what only needs time, and what is worth another try.
import {
  isBudgetBroken,
  isBudgetDenied,
  isBudgetStale,
  isConflict,
  isForbidden,
  isGone,
  isMultipleBudgets,
  isNotFound,
  isTestFailure,
  isUnavailable,
  KubeError,
} from '../kube/errors.ts';
import { TerminalError, WaitingError, type Outcome } from './outcome.ts';

/**
 * What to do about an error. `terminal`: nothing, a person is needed. `waiting`: no failure, look again after
 * `afterMs`. `slow`: a person is needed, and their cure shows by itself, so try again after `afterMs`. `retry`: try
 * again with backoff, or after `afterMs` if given.
 */
export interface Classified {
  kind: 'terminal' | 'waiting' | 'retry' | 'slow';
  /** One word for programs: 1 to 64 letters, as the resources demand of a reason. */
  reason: string;
  /** For people: what failed, and for terminal and slow what they can do. */
  message: string;
  /** Milliseconds; always given for waiting and slow. */
  afterMs?: number;
}

/** Between two tries of what a person has to permit or install. */
const SLOW_MS = 300_000;
/** Where the server does not say when a budget may allow more. */
const BUDGET_MS = 10_000;

/** The one place that tells errors apart. Never throws. */
export function classify(error: unknown): Classified {
  const classified = classifyAny(error);
  return { ...classified, reason: oneWord(classified.reason) };
}

function classifyAny(error: unknown): Classified {
  if (error instanceof TerminalError)
    return { kind: 'terminal', reason: error.reason, message: error.message };
  if (error instanceof WaitingError) {
    return { kind: 'waiting', reason: error.reason, message: error.message, afterMs: error.afterMs };
  }
  if (error instanceof KubeError) return classifyKube(error);
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'retry', reason: error instanceof Error ? error.name : 'Error', message };
}

/** The outcome of a run that ended with that error. What is terminal waits for an event. */
export function outcomeOf(error: unknown): Outcome {
  const { kind, reason, afterMs } = classify(error);
  switch (kind) {
    case 'terminal':
      return { kind: 'done' };
    case 'waiting':
    case 'slow':
      return { kind: 'requeue', afterMs: afterMs ?? SLOW_MS, reason };
    case 'retry':
      return { kind: 'failed', error };
  }
}

/** Names of errors and codes of the network come from others and may hold anything. */
function oneWord(reason: string): string {
  return reason.replaceAll(/[^A-Za-z]/g, '').slice(0, 64) || 'Error';
}

interface Row {
  holds: (error: KubeError) => boolean;
  as: (error: KubeError) => Classified;
}

const hasStatus =
  (...statuses: number[]) =>
  (error: KubeError) =>
    statuses.includes(error.status);

/** The first row that holds decides. Order matters: a failed test is a 422 as well, a denied budget a 429. */
const TABLE: readonly Row[] = [
  {
    holds: isBudgetBroken,
    as: (error) => ({ kind: 'waiting', reason: 'BudgetStale', message: error.message, afterMs: BUDGET_MS }),
  },
  { holds: isForbidden, as: forbidden },
  {
    holds: isBudgetDenied,
    // It says when to ask again only where the status of the budget is older than the budget.
    as: (error) => ({
      kind: 'waiting',
      reason: isBudgetStale(error) ? 'BudgetStale' : 'DisruptionBudget',
      message: withCauses(error),
      afterMs: error.retryAfterMs ?? BUDGET_MS,
    }),
  },
  {
    holds: isMultipleBudgets,
    as: terminal(
      'MultipleDisruptionBudgets',
      'leave one budget that selects the pod, or delete the pod yourself',
    ),
  },
  // The object moved on: read it again, now.
  { holds: isTestFailure, as: (error) => ({ ...retry(error), reason: 'Conflict', afterMs: 0 }) },
  { holds: isConflict, as: (error) => ({ ...retry(error), afterMs: 0 }) },
  { holds: hasStatus(409), as: retry },
  { holds: isNotFound, as: retry },
  { holds: isGone, as: retry },
  {
    holds: hasStatus(404),
    as: slow(
      'NotServed',
      'the API server does not serve this kind; is its CustomResourceDefinition installed?',
    ),
  },
  // A token that was just rotated is accepted within seconds.
  {
    holds: hasStatus(401),
    as: (error) => ({ ...retry(error), message: `${error.message}; check the credentials of die-operator` }),
  },
  { holds: hasStatus(429), as: retry },
  { holds: isUnavailable, as: retry },
  {
    holds: hasStatus(400, 405, 413, 415, 422),
    as: terminal(
      'InvalidRequest',
      'trying again changes nothing; if no policy explains it, this is a defect of die-operator',
    ),
  },
  { holds: (error) => error.reason === 'TooLarge', as: terminal('TooLarge', 'trying again changes nothing') },
];

function classifyKube(error: KubeError): Classified {
  return (TABLE.find((row) => row.holds(error))?.as ?? retry)(error);
}

// The message of a denied eviction names no budget; its causes do.
function withCauses({ message, causes }: KubeError): string {
  return [message, ...causes.map((cause) => cause.message)].join(' ');
}

function retry(error: KubeError): Classified {
  const { reason, message, retryAfterMs } = error;
  return { kind: 'retry', reason, message, ...(retryAfterMs !== undefined && { afterMs: retryAfterMs }) };
}

function terminal(reason: string, cure: string): (error: KubeError) => Classified {
  return ({ message }) => ({ kind: 'terminal', reason, message: `${message}; ${cure}` });
}

function slow(reason: string, cure: string): (error: KubeError) => Classified {
  return ({ message }) => ({ kind: 'slow', reason, message: `${message}; ${cure}`, afterMs: SLOW_MS });
}

/** How the authorizers of Kubernetes word a refusal; what is cut off at the end may be missing. */
const MISSING_RIGHT =
  /cannot (?<verb>[a-z]+) resource "(?<resource>[^"]+)"(?: in API group "(?<group>[^"]*)")?(?: in the namespace "(?<namespace>[^"]+)"| at the cluster scope)?/;
/** How admission words it: webhooks, policies, quotas, and namespaces that are being deleted. */
const DENIED = /denied (?:the )?request|exceeded quota|violates PodSecurity|because it is being terminated/;

/** The API server answers 403 for a missing right and for a refusal by admission; a person mends each elsewhere. */
function forbidden(error: KubeError): Classified {
  const right = MISSING_RIGHT.exec(error.message)?.groups;
  if (!right && DENIED.test(error.message)) {
    return slow(
      'Denied',
      'an admission rule of the cluster refuses it; it is tried again every 5 minutes',
    )(error);
  }
  const missing = right ? describeRight(right) : 'the right that it names';
  return slow(
    'MissingPermission',
    `grant die-operator ${missing}; it is tried again at least every 5 minutes`,
  )(error);
}

function describeRight({ verb, resource, group, namespace }: Record<string, string | undefined>): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const of = group === undefined || group === '' ? '' : ` of API group ${group}`;
  return `the verb ${verb} on ${resource}${of}${where}`;
}
