// Conversations with a real API server, and the form in which answers are compared.

/** How much of an answer must be the same: all, or the code, the reason and which fields are wrong. */
export type Comparison = 'all' | 'causes';

/** One request with what the real API server answered. */
export interface Step {
  name: string;
  compare?: Comparison;
  request: { method: string; path: string; contentType?: string; body?: unknown };
  answer: Answer;
}

/** An answer, simplified: see {@link simplify}. `body` is text, an object, or the lines of a watch. */
export interface Answer {
  status: number;
  contentType: string | null;
  retryAfter: string | null;
  body: unknown;
}

/** `{{start}}` in a path stands for the resourceVersion of the first object of the conversation. */
export const START = '{{start}}';

/** What a real server adds and the embedded one does not: nobody here reads it. */
const NOT_SERVED = new Set([
  'managedFields',
  'tolerations',
  'priority',
  'preemptionPolicy',
  'serviceAccountName',
  'lastProbeTime',
]);

/** The body of a request as it is sent. */
export function bodyText(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}

/** An answer with everything replaced that differs from run to run, and without what the embedded API leaves out. */
export function simplify(
  status: number,
  headers: { get(name: string): string | null },
  text: string,
): Answer {
  const lines = text.split('\n').filter((line) => line !== '');
  const parsed = lines.map((line) => simplified(parse(line), ''));
  return {
    status,
    contentType: headers.get('content-type'),
    retryAfter: headers.get('retry-after'),
    body: parsed.length > 1 ? parsed : (parsed[0] ?? ''),
  };
}

/** What of an answer counts. */
export function comparable(answer: Answer, comparison: Comparison = 'all'): unknown {
  if (comparison === 'all') return answer;
  const { reason, details } = answer.body as {
    reason?: string;
    details?: { causes?: { reason: string; field: string }[] };
  };
  const causes = (details?.causes ?? [])
    // The real server adds that rules were not checked because of the other problems.
    .filter(({ field }) => field !== '<nil>')
    .map((cause) => `${cause.field} ${cause.reason}`);
  return { status: answer.status, reason, causes };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

function simplified(value: unknown, key: string): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => simplified(item, ''));
    // The real server validates some fields several times, and says so several times.
    return key === 'causes'
      ? [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
      : items;
  }
  if (typeof value === 'string') return simplifiedText(value, key);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([field]) => !NOT_SERVED.has(field));
  return Object.fromEntries(entries.map(([field, inner]) => [field, simplified(inner, field)]));
}

function simplifiedText(text: string, key: string): string {
  if (key === 'resourceVersion') return '<revision>';
  if (key === 'continue' && text !== '') return '<token>';
  if (key.endsWith('Timestamp') && text.endsWith('Z')) return '<time>';
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '<time>')
    .replace(/in record \(\d+\)/, 'in record (<revision>)')
    .replace(/current: \d+/, 'current: <revision>');
}
