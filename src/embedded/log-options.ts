// The query of GET pods/<name>/log: core/v1 PodLogOptions as the server decodes and checks them
// (ValidatePodLogOptions of kubernetes/pkg/apis/core/validation).
import { invalidValue } from './metadata.ts';
import { wholeNumber } from './reads.ts';
import { badRequest, invalid, type FieldProblem } from './status.ts';

/** What is asked of a log. */
export interface LogOptions {
  /** Empty: the only one. */
  container: string;
  previous: boolean;
  timestamps: boolean;
  /** Infinity for all. */
  tailLines: number;
  limitBytes: number;
  /** Only what was written from then on, in milliseconds since the epoch. */
  since?: number;
}

/** The least value of each number, and how that is said. */
const LEAST: Readonly<Record<string, { least: number; rule: string }>> = {
  tailLines: { least: 0, rule: 'must be greater than or equal to 0' },
  limitBytes: { least: 1, rule: 'must be greater than 0' },
  sinceSeconds: { least: 1, rule: 'must be greater than 0' },
};

/**
 * Reads the options; throws a 400 for what cannot be decoded and a 422 for wrong values.
 * @param now milliseconds since the epoch, for `sinceSeconds`.
 */
export function logOptions(pod: string, query: URLSearchParams, now: number): LogOptions {
  const numbers = Object.fromEntries(
    Object.keys(LEAST).flatMap((name) =>
      query.has(name) ? [[name, wholeNumber(query.get(name) ?? '')]] : [],
    ),
  );
  const sinceTime = query.has('sinceTime') ? time(query.get('sinceTime') ?? '') : undefined;
  const problems = [...Object.entries(numbers).flatMap(numberProblems), ...otherProblems(query)];
  if (problems.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, pod, problems);
  const { tailLines = Infinity, limitBytes = Infinity, sinceSeconds } = numbers;
  const since = sinceSeconds === undefined ? sinceTime : now - sinceSeconds * 1000;
  return {
    container: query.get('container') ?? '',
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    tailLines,
    limitBytes,
    ...(since !== undefined && { since }),
  };
}

function numberProblems([name, value]: [string, number]): FieldProblem[] {
  const { least = 0, rule = '' } = LEAST[name] ?? {};
  return value < least ? [invalidValue(name, value, rule)] : [];
}

function otherProblems(query: URLSearchParams): FieldProblem[] {
  const forbidden = (field: string, why: string) => ({
    reason: 'FieldValueForbidden',
    field,
    message: `Forbidden: ${why}`,
  });
  return [
    ...(query.has('sinceTime') && query.has('sinceSeconds')
      ? [forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified')]
      : []),
    ...(query.has('stream') ? [forbidden('stream', 'may not be specified')] : []),
  ];
}

function time(text: string): number {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw badRequest(`parsing time "${text}" as "2006-01-02T15:04:05Z07:00": cannot parse "${text}" as "2006"`);
}

/** Anything but these two turns a flag on. */
function flag(query: URLSearchParams, name: string): boolean {
  return query.has(name) && !['false', '0'].includes((query.get(name) ?? '').toLowerCase());
}
