// Conversations with an API server, and the form in which answers are compared.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { HttpRequest, Transport } from '../../../../src/kube/transport.ts';

/** How much of an answer must be the same: all, or the code, the reason and which fields are wrong. */
export type Comparison = 'all' | 'causes';

/** One request with what the real API server answered. */
export interface Step {
  name: string;
  compare?: Comparison;
  /** Why the embedded API answers otherwise: nothing that it is for needs this. */
  differs?: string;
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

/** Steps about one topic, in order. */
export interface Conversation {
  name: string;
  steps: Step[];
}

const fileOf = (name: string) => new URL(`${name}.json`, import.meta.url);

/** All conversations, by name. */
export async function readConversations(): Promise<Conversation[]> {
  const files = (await readdir(new URL('.', import.meta.url))).filter((file) => file.endsWith('.json'));
  const names = files.map((file) => file.replace('.json', '')).toSorted();
  return Promise.all(
    names.map(async (name) => ({ name, steps: JSON.parse(await readFile(fileOf(name), 'utf8')) as Step[] })),
  );
}

/** Writes a conversation with its answers. */
export function writeConversation(name: string, steps: readonly Step[]): Promise<void> {
  return writeFile(fileOf(name), `${JSON.stringify(steps, null, 2)}\n`);
}

/** In a path: the resourceVersion of the first object of the conversation, and the latest token of a page. */
const START = '{{start}}';
const CONTINUE = '{{continue}}';

/** What a real server adds and the embedded one does not: nobody here reads it. */
const NOT_SERVED = new Set(['managedFields', 'lastProbeTime']);

/** How a conversation is held. */
export interface Manner {
  /** Awaited once an answer has begun: lets a second pass where time is virtual, for the watches. */
  pass?: (path: string) => Promise<void>;
  /** A read whose answer does not please is asked again, as a busy server may be late with a watch. */
  pleases?: (index: number, answer: Answer) => boolean;
}

const READS = 5;

/** Asks everything in order, and gives the answers. */
export async function converse(
  transport: Transport,
  steps: readonly Pick<Step, 'request'>[],
  { pass = () => Promise.resolve(), pleases = () => true }: Manner = {},
): Promise<Answer[]> {
  const answers: Answer[] = [];
  let start = '';
  let token = '';
  const ask = async (request: HttpRequest): Promise<Answer> => {
    const { status, headers, body } = await transport(request);
    const reading = Array.fromAsync(body);
    await pass(request.path);
    const text = Buffer.concat(await reading).toString();
    start ||= /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '';
    token = /"continue":"([^"]+)"/.exec(text)?.[1] ?? token;
    return simplify(status, headers, text);
  };
  for (const [index, { request }] of steps.entries()) {
    const path = request.path.replace(START, start).replace(CONTINUE, encodeURIComponent(token));
    const sent = requestOf(request, path);
    let answer = await ask(sent);
    for (let read = 1; request.method === 'GET' && read < READS && !pleases(index, answer); read++)
      answer = await ask(sent);
    answers.push(answer);
  }
  return answers;
}

function requestOf({ method, contentType, body }: Step['request'], path: string): HttpRequest {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method: method as HttpRequest['method'],
    path,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    ...(text !== undefined && { body: text }),
    streaming: false,
    signal: new AbortController().signal,
  };
}

/** An answer with everything replaced that differs from run to run, and without what the embedded API leaves out. */
function simplify(status: number, headers: Readonly<Record<string, string>>, text: string): Answer {
  const lines = text.split('\n').filter((line) => line !== '');
  const parsed = lines.map((line) => simplified(parse(line), ''));
  return {
    status,
    contentType: headers['content-type'] ?? null,
    retryAfter: headers['retry-after'] ?? null,
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
    .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<random>')
    .replace(/in record \(\d+\)/, 'in record (<revision>)')
    .replace(/current: \d+/, 'current: <revision>');
}
