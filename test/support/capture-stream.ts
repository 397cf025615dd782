// A capture as it goes over the wire, made by the sink of the node; and what a reader made of it.
import type { FileEnd, FileHead } from '../../src/helpers/capture-stream.ts';
import { CaptureWireError, type CaptureDone, type WireLimits } from '../../src/helpers/capture-wire.ts';
import { readCapture } from '../../src/helpers/capture-reader.ts';
import { createSink } from '../../src/helpers/programs/capture/serve-sink.ts';

export const LIMITS: WireLimits = { files: 64, bytes: 8 * 1024 * 1024 };

/** What is to be sent: a file, or a problem. */
export type Sent = { path: string; pieces: readonly Uint8Array[] } | { problem: string };

/** What came. */
export interface Taken {
  files: { head: FileHead; content: Buffer; end: FileEnd }[];
  problems: string[];
  done: CaptureDone;
}

export function head(path: string): FileHead {
  const contentType = 'application/octet-stream';
  return { path, collector: 'test', contentType, source: 'a test', collectedAt: '2026-11-22T00:00:00.000Z' };
}

/** The frames of a capture, in order. */
export async function framesOf(
  sent: readonly Sent[],
  { limits = LIMITS, recipients = [] as readonly string[] } = {},
): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const sink = createSink({ send: async (frame) => void frames.push(frame), limits, recipients });
  const of = sink.of(new AbortController().signal);
  for (const one of sent) {
    if ('problem' in one) of.problem('test', one.problem);
    else await of.file(head(one.path), one.pieces);
  }
  await sink.done();
  return frames;
}

/** Reads frames that come in these pieces. @throws CaptureWireError */
export async function take(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  limits = LIMITS,
): Promise<Taken> {
  const taken: Omit<Taken, 'done'> = { files: [], problems: [] };
  const done = await readCapture({
    source: pieces(source),
    limits,
    take: async ({ head: about, content, end }) => {
      const all = Buffer.concat(await Array.fromAsync(content));
      taken.files.push({ head: about, content: all, end: end() });
    },
    problem: (_collector, message) => void taken.problems.push(message),
  });
  return { ...taken, done };
}

/** What came of it, or the reason of the refusal. */
export async function outcome(source: Iterable<Uint8Array>): Promise<Taken | string> {
  try {
    return await take(source);
  } catch (error) {
    if (error instanceof CaptureWireError) return error.reason;
    throw error;
  }
}

async function* pieces(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}
