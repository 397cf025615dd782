// Faults put around a transport: an API that is away, a process that dies at a given write.
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

/** A transport of a process that dies; from then on nothing it sends arrives. Events do not count as writes. */
export function mortal(inner: Transport, death: Death, onDeath: () => void): Transport {
  let writes = 0;
  let dead = false;
  const die = () => {
    dead = true;
    onDeath();
  };
  const isWrite = ({ method, path }: HttpRequest) => method !== 'GET' && !path.includes('/events');
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
