// Faults put around a transport: an API that is away, one that fails, loses answers or is slow, a process that dies at a
// given write.
import { sleep, type Clock } from '../../src/kube/clock.ts';
import type { HttpRequest, HttpResponse, Transport } from '../../src/kube/transport.ts';

/** What a refused connection looks like to the client. */
export function connectionRefused(): Error {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6443'), { code: 'ECONNREFUSED' });
  return new TypeError('fetch failed', { cause });
}

/** A connection that breaks while the answer is awaited: nobody knows whether the request was carried out. */
export function connectionReset(): Error {
  const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  return new TypeError('fetch failed', { cause });
}

/** A switch between client and API. */
export interface Line {
  transport: Transport;
  /** False: every request fails, and open watches break. */
  up: boolean;
}

/** A line that a test can cut. */
export function cuttable(inner: Transport): Line {
  const line: Line = {
    up: true,
    transport: async (request) => {
      if (!line.up) throw connectionRefused();
      const answer = await inner(request);
      return { ...answer, body: whileUp(line, answer) };
    },
  };
  return line;
}

async function* whileUp(line: Line, answer: HttpResponse): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of answer.body) {
    if (!line.up) throw connectionReset();
    yield chunk;
  }
}

/** Where a process dies: before its n-th write is sent, or after it was carried out and before the answer came. */
export interface Death {
  write: number;
  moment: 'before' | 'after';
}

/**
 * A transport of a process that dies; from then on nothing it sends arrives. Events and access reviews do not count as
 * writes.
 */
export function mortal(inner: Transport, death: Death, onDeath: () => void): Transport {
  let writes = 0;
  let dead = false;
  const die = () => {
    dead = true;
    onDeath();
  };
  const isWrite = ({ method, path }: HttpRequest) =>
    method !== 'GET' && !/\/(events|selfsubjectaccessreviews)/.test(path);
  return async (request) => {
    if (dead) throw connectionRefused();
    const last = isWrite(request) && ++writes === death.write;
    if (last && death.moment === 'before') {
      die();
      throw connectionReset();
    }
    const answer = await inner(request);
    if (last) {
      die();
      throw connectionReset();
    }
    return answer;
  };
}

/** A fault that strikes some requests for as long as the test wants. */
export interface Fault {
  wrap: (inner: Transport) => Transport;
  /** Requests that are struck from now on: `Infinity`, 0 or how many are left. */
  left: number;
  /** When requests were struck, in milliseconds of the clock. */
  readonly at: number[];
}

/** What a struck request meets. */
export type Strike = (request: HttpRequest, inner: Transport) => Promise<HttpResponse>;

/** Strikes the requests that look like `what`: method, path with query, and body, with spaces between. */
export function fault(what: RegExp, clock: Clock, strike: Strike): Fault {
  const made: Fault = {
    left: Infinity,
    at: [],
    wrap: (inner) => async (request) => {
      const { method, path, body = '' } = request;
      if (made.left === 0 || !what.test(`${method} ${path} ${body}`)) return inner(request);
      made.left -= 1;
      made.at.push(clock.now());
      return strike(request, inner);
    },
  };
  return made;
}

/** The API server fails before it did anything. */
export const answers500: Strike = async () => {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500 };
  const message = 'Internal error occurred: etcdserver: request timed out';
  const text = JSON.stringify({ ...status, reason: 'InternalError', message });
  return { status: 500, headers: { 'content-type': 'application/json' }, body: bodyOf(text) };
};

/** The request is carried out, and its answer never comes. */
export const losesAnswer: Strike = async (request, inner) => {
  await inner(request);
  throw connectionReset();
};

/** The API server takes its time before it looks at the request. */
export function slowBy(ms: number, clock: Clock): Strike {
  return async (request, inner) => {
    await sleep(clock, ms, request.signal);
    request.signal.throwIfAborted();
    return inner(request);
  };
}

/** The request is never looked at: who waits for an answer waits until its own limit. */
export const neverAnswers: Strike = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(connectionReset()), { once: true });
  });

/** The answer comes at once, its body in pieces over that time, never more than 5 s apart. */
export function flowsFor(ms: number, clock: Clock): Strike {
  return async (request, inner) => {
    const answer = await inner(request);
    return { ...answer, body: inPieces(answer, Math.max(1, Math.ceil(ms / 5_000)), ms, clock) };
  };
}

async function* inPieces(
  { body }: HttpResponse,
  count: number,
  ms: number,
  clock: Clock,
): AsyncGenerator<Uint8Array, void, void> {
  const whole = Buffer.concat(await Array.fromAsync(body));
  for (let piece = 0; piece < count; piece++) {
    await sleep(clock, ms / count);
    yield whole.subarray((whole.length * piece) / count, (whole.length * (piece + 1)) / count);
  }
}

/** The API server cannot reach the node, and says so at once. */
export const nodeRefuses: Strike = async () => {
  const message =
    'Get "https://10.89.0.2:10250/containerLogs": dial tcp 10.89.0.2:10250: connect: connection refused';
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500 };
  const text = JSON.stringify({ ...status, message });
  return { status: 500, headers: { 'content-type': 'application/json' }, body: bodyOf(text) };
};

/** The request is carried out that much later, whether its sender still waits or not. */
export function carriedOutAfter(ms: number, clock: Clock): Strike {
  return async (request, inner) => {
    const later = sleep(clock, ms).then(() => inner({ ...request, signal: new AbortController().signal }));
    const aborted = new Promise<never>((_resolve, reject) => {
      const fail = () => reject(connectionReset());
      request.signal.addEventListener('abort', fail, { once: true });
    });
    return Promise.race([later, aborted]);
  };
}

/** Watches of that resource stand still while `held`; what they would have told comes afterwards. */
export interface HeldWatch {
  wrap: (inner: Transport) => Transport;
  hold: () => void;
  release: () => void;
}

/** @param plural of the resource. */
export function holdable(plural: string): HeldWatch {
  let gate = Promise.resolve();
  let open: () => void = () => {};
  async function* delayed(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const bytes of body) {
      await gate;
      yield bytes;
    }
  }
  return {
    hold: () => {
      gate = new Promise((resolve) => (open = resolve));
    },
    release: () => open(),
    wrap: (inner) => async (request) => {
      const answer = await inner(request);
      const watches = request.streaming && request.path.includes(`/${plural}?`);
      return watches ? { ...answer, body: delayed(answer.body) } : answer;
    },
  };
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
