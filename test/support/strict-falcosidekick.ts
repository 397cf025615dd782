// A double of Falcosidekick's way in: it takes what newFalcoPayload() and Check() of falcosecurity/falcosidekick take
// (handlers.go and types/types.go at 2026-08-17), is stricter where the real one would only misbehave, and sends on what
// the real one sends to a webhook. Nothing here is recorded; test/unit/observe/notify-double.test.ts compares it with recordings.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Notice } from '../../src/observe/notify/notice.ts';

/** How it answers the `index`th request (from 0) that it would take, in place of 200; `hang`: never. */
export type Behave = (
  index: number,
) => { status: number; headers?: Record<string, string> } | 'hang' | undefined;

/** See the file's first line. */
export interface StrictFalcosidekick {
  readonly url: string;
  /** What it took, as it came. */
  readonly taken: Notice[];
  /** What it sends on for each of these: the text of the body. */
  readonly forwarded: string[];
  /** Why it refused requests. */
  readonly refusals: string[];
  /** Headers of all requests. */
  readonly headers: IncomingMessage['headers'][];
  behave: Behave;
  close(): Promise<void>;
}

const PRIORITIES = /^(emergency|alert|critical|error|warning|notice|informational|info|debug)$/i;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const KEYS = new Set([
  'uuid',
  'output',
  'priority',
  'rule',
  'time',
  'output_fields',
  'source',
  'tags',
  'hostname',
]);

/** Why Falcosidekick does not take a body, or would not do well with it; undefined: it takes it. */
export function refusalOf(body: string): string | undefined {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(body) as Record<string, unknown>;
  } catch {
    return 'no JSON';
  }
  const fields = event['output_fields'];
  const checks: [boolean, string][] = [
    [typeof event['priority'] === 'string' && PRIORITIES.test(event['priority']), 'priority'],
    [isText(event['rule']), 'rule'],
    [typeof event['time'] === 'string' && TIME.test(event['time']), 'time'],
    [typeof fields === 'object' && fields !== null && Object.keys(fields).length > 0, 'output_fields'],
    [isOptionalText(event['source']) && isOptionalText(event['hostname']), 'source or hostname'],
    [event['tags'] === undefined || isTexts(event['tags']), 'tags'],
    // These two end the handler with a panic when they are no strings.
    [['k8s.ns.name', 'k8s.pod.name'].every((key) => isField(fields ?? {}, key)), 'k8s names'],
  ];
  return checks.find(([good]) => !good)?.[1];
}

/** Why an event of ours is not what it should be, though Falcosidekick would take it. */
export function faultOf(body: string): string | undefined {
  const event = JSON.parse(body) as Record<string, unknown>;
  if (event['rule'] === 'Test rule') return 'Test rule: it would pass every minimum priority';
  if (!isText(event['output'])) return 'no output: older ones refuse it, and people would see nothing';
  const unknown = Object.keys(event).filter((key) => !KEYS.has(key));
  if (unknown.length > 0) return `keys that are dropped: ${unknown.join()}`;
  if (!isTexts(Object.values(event['output_fields'] as object))) return 'output_fields that are no text';
  return Buffer.byteLength(body) > 4096 ? 'more than 4096 bytes: strings would be cut' : undefined;
}

/** The text that Falcosidekick posts to a webhook for an event: with a uuid, sorted, and escaped as Go does. */
export function forwardedBody(event: Record<string, unknown>): string {
  const { output, priority, rule, time, source, tags, hostname } = event;
  const fields = Object.entries(event['output_fields'] ?? {});
  const sent = {
    uuid: randomUUID(),
    output: output ?? '',
    priority,
    rule,
    time,
    output_fields: Object.fromEntries(fields.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    source: rule === 'Test rule' ? 'internal' : source === undefined || source === '' ? 'syscalls' : source,
    ...(Array.isArray(tags) &&
      tags.length > 0 && { tags: tags.map(String).toSorted((a, b) => (a < b ? -1 : 1)) }),
    ...(hostname !== undefined && hostname !== '' && { hostname }),
  };
  const escaped = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(sent).replaceAll(/[<>&\u2028\u2029]/g, escaped)}\n`;
}

/** Starts one on a free port of loopback. */
export async function startStrictFalcosidekick(): Promise<StrictFalcosidekick> {
  const server = createServer((request, response) => void take(request, response));
  const double = {
    url: '',
    taken: [] as Notice[],
    forwarded: [] as string[],
    refusals: [] as string[],
    headers: [] as IncomingMessage['headers'][],
    behave: (() => undefined) as Behave,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  let count = 0;
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    double.headers.push(request.headers);
    const why = request.method === 'POST' ? (refusalOf(body) ?? faultOf(body)) : 'method';
    if (why !== undefined) {
      double.refusals.push(why);
      response.writeHead(400).end('Please send a valid request body\n');
      return;
    }
    const behaviour = double.behave(count++);
    if (behaviour === 'hang') return;
    if (behaviour !== undefined) {
      response.writeHead(behaviour.status, behaviour.headers).end();
      return;
    }
    const event = JSON.parse(body) as Notice;
    double.taken.push(event);
    double.forwarded.push(forwardedBody({ ...event }));
    response.writeHead(200).end();
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  double.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return double;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'string';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isField(fields: object, key: string): boolean {
  const value = (fields as Record<string, unknown>)[key];
  return value === undefined || value === null || typeof value === 'string';
}
