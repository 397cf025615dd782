// Transports in memory: scripted answers, and watches that a test feeds, ends or breaks by hand.
import type { HttpRequest, HttpResponse, Transport } from '../../../../src/kube/transport.ts';

/** Answers one request; `index` counts from 0. */
export type Handler = (request: HttpRequest, index: number) => HttpResponse | Promise<HttpResponse>;

/** A transport that records its requests. */
export function recorded(handler: Handler): { transport: Transport; requests: HttpRequest[] } {
  const requests: HttpRequest[] = [];
  const transport: Transport = async (request) => {
    requests.push(request);
    return handler(request, requests.length - 1);
  };
  return { transport, requests };
}

/** An answer, or what makes or refuses one. */
export type Scripted = HttpResponse | (() => HttpResponse | Promise<HttpResponse>);

/** Answers from a list, in order. The last one is repeated. */
export function scripted(...answers: readonly Scripted[]): ReturnType<typeof recorded> {
  return recorded((_, index) => {
    const next = answers[Math.min(index, answers.length - 1)];
    if (next === undefined) throw new Error('the script is empty');
    return typeof next === 'function' ? next() : next;
  });
}

/** A body of the given pieces. */
export async function* bytes(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** A body that breaks after its pieces. */
export async function* broken(error: Error, ...pieces: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* bytes(...pieces);
  throw error;
}

/** An answer with a body; a function makes it anew for each reader. */
export function answer(
  status: number,
  body: string | AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers,
    body: typeof body === 'string' ? { [Symbol.asyncIterator]: () => bytes(body) } : body,
  };
}

/** A JSON answer. */
export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}) =>
  answer(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });

/** A `Status` answer, as the API server words its refusals. */
export function refusal(
  code: number,
  reason: string,
  rest: { message?: string; details?: object; headers?: Readonly<Record<string, string>> } = {},
): HttpResponse {
  const { message = 'no', details = { name: 'web' }, headers = {} } = rest;
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  };
  return json(body, code, headers);
}

/** An error as sockets raise it. */
export const networkFailure = (code: string, message = `socket: ${code}`) =>
  Object.assign(new Error(message), { code });

/** A throwing answer. */
export const failing = (error: Error) => (): never => {
  throw error;
};

type Item = { chunk: Uint8Array } | { error: Error } | { end: true };

/** The body of a watch in the hands of a test. */
export class LiveBody implements AsyncIterable<Uint8Array> {
  readonly #items: Item[] = [];
  #wake: () => void = () => {};
  /** Whether the reader went away. */
  left = false;

  /** Sends raw text. */
  send(text: string): void {
    this.#put({ chunk: Buffer.from(text) });
  }

  /** Sends one watch event. */
  event(type: string, object: object): void {
    this.send(`${JSON.stringify({ type, object })}\n`);
  }

  end(): void {
    this.#put({ end: true });
  }

  fail(error: Error): void {
    this.#put({ error });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else if ('chunk' in item) yield item.chunk;
        else if ('error' in item) throw item.error;
        else return;
      }
    } finally {
      this.left = true;
    }
  }

  #put(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }
}

/** The query of a request. */
export function queryOf(request: HttpRequest | undefined): Record<string, string> {
  return Object.fromEntries(new URL(request?.path ?? '', 'http://x').searchParams);
}

/** The JSON that a request carried. */
export const bodyOf = (request: HttpRequest | undefined): unknown => JSON.parse(request?.body ?? 'null');
