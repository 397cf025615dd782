// Answers of an API server that is broken, or of something else that took its place.
import fc from 'fast-check';
import type { HttpResponse, Transport } from '../../../src/kube/transport.ts';
import { mutationsOf, type Vocabulary } from './mutate.ts';
import { oddJson, oddText, type Json } from './noise.ts';
import { damage, onWire } from './wire.ts';

/** One answer, or a request that gets none. */
export interface BadAnswer {
  status: number;
  headers: Record<string, string>;
  bytes: Uint8Array;
  /** Where the bytes are cut into chunks. */
  cuts: readonly number[];
  /** How the body ends; `floods` goes on with the same bytes for ever. */
  end: 'whole' | 'breaks' | 'hangs' | 'floods';
  /** Code of the error with which the request fails before it is answered. */
  fails?: string | undefined;
}

const ERRORS = [201, 204, 301, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504, 999];
const CODES = ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET', 'EAI_AGAIN', 'CERT_HAS_EXPIRED', ''];

/** Bodies: documents with edits, on the wire, whole or damaged; now and then anything. */
export function bodiesOf(documents: readonly Json[], words: Vocabulary): fc.Arbitrary<Uint8Array> {
  const document = fc.oneof(
    { weight: 9, arbitrary: mutationsOf(documents, 3, words) },
    { weight: 1, arbitrary: oddJson },
  );
  return fc.oneof(
    { weight: 12, arbitrary: fc.tuple(document, damage).map(([value, how]) => onWire(value, how)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: oddText.map((text) => Buffer.from(text)) },
  );
}

/** Answers with such bodies. A flood is rare: it costs as much as a hundred others. */
export function answersOf(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<BadAnswer> {
  return fc.record({
    status: fc.oneof(fc.constant(200), fc.constantFrom(...ERRORS)),
    headers: fc.oneof(
      fc.constant({}),
      fc.record({ 'retry-after': fc.oneof(fc.constantFrom('0', '1', '999999', '1e9', '-1'), oddText) }),
      fc.record({ 'content-type': oddText, 'content-length': oddText }),
    ),
    bytes,
    cuts: fc.oneof(fc.constant([]), fc.array(fc.nat({ max: 400 }), { maxLength: 6 })),
    end: fc.oneof(
      { weight: 1990, arbitrary: fc.constant('whole' as const) },
      { weight: 150, arbitrary: fc.constantFrom('breaks' as const, 'hangs' as const) },
      { weight: 4, arbitrary: fc.constant('floods' as const) },
    ),
    fails: fc.oneof(
      { weight: 15, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(...CODES) },
    ),
  });
}

/** A server that gives these answers in turn, the last one again and again, and counts what is read of their bodies. */
export interface BadServer {
  transport: Transport;
  requests: number;
  /** Bytes of the body that was read furthest. */
  mostRead: number;
  /** Of the last answer; 0 if that was none. */
  status: number;
}

/** Makes one. */
export function serve(answers: readonly BadAnswer[]): BadServer {
  const server: BadServer = {
    requests: 0,
    mostRead: 0,
    status: 0,
    transport: async () => {
      const answer = answers[Math.min(server.requests++, answers.length - 1)];
      server.status = 0;
      if (!answer || answer.fails !== undefined)
        throw Object.assign(new Error('no answer'), { code: answer?.fails });
      server.status = answer.status;
      return respond(answer, (total) => (server.mostRead = Math.max(server.mostRead, total)));
    },
  };
  return server;
}

function respond(answer: BadAnswer, onRead: (total: number) => void): HttpResponse {
  const { status, headers } = answer;
  return { status, headers, body: counted(bodyOf(answer), onRead) };
}

async function* bodyOf({ bytes, cuts, end }: BadAnswer): AsyncGenerator<Uint8Array, void, void> {
  const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
  for (const [index, start] of at.slice(0, -1).entries()) yield bytes.subarray(start, at[index + 1]);
  if (end === 'breaks') throw Object.assign(new Error('terminated'), { code: 'UND_ERR_SOCKET' });
  if (end === 'hangs') await new Promise<never>(() => {});
  if (end !== 'floods' || bytes.length === 0) return;
  const much = Buffer.alloc(1 << 20, bytes);
  for (let chunk = 1; ; chunk++) {
    yield much;
    // Beyond every limit, before time goes on: so it is the limit that ends it and not the deadline.
    if (chunk % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  onRead: (total: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    onRead(total);
    yield chunk;
  }
}
