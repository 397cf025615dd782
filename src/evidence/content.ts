// Content on its way into a bundle: cut at a limit, given up in time, hashed, and held a piece at a time.
import { createHash } from 'node:crypto';

/** Bytes and SHA-256 (64 hex digits) of some content. */
export interface Digest {
  size: number;
  sha256: string;
}

/** Content, and what is known of as much of it as was read. */
export interface Hashed {
  content: AsyncIterable<Uint8Array>;
  digest: () => Digest;
}

/** Hashes what passes. */
export function hashed(source: AsyncIterable<Uint8Array>): Hashed {
  const hash = createHash('sha256');
  let size = 0;
  async function* pass(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  return { content: pass(), digest: () => ({ size, sha256: hash.copy().digest('hex') }) };
}

/** How content ended. */
export interface Ending {
  /** Bytes that passed. */
  size: number;
  /** There was more than the limit allows. */
  cut: boolean;
  /** Its source failed or was given up: why. */
  failure?: unknown;
}

/** What {@link limited} takes beside the content. */
export interface Limit {
  /** Bytes that may pass. */
  room: number;
  /** When it fires, what has not come by then is given up. */
  signal?: AbortSignal | undefined;
}

/** Content that ends in time and within its limit. */
export interface Limited {
  content: AsyncIterable<Uint8Array>;
  ending: () => Ending;
  /** Ends the source, also if nothing was read; harmless after the end. */
  release: () => void;
}

/**
 * Passes on what fits and comes in time, and then ends as if that were all: what stores it never sees the source fail.
 * The source is ended with `return()`, and not waited for: one that hangs must not hold up its bundle.
 */
export function limited(source: AsyncIterable<Uint8Array>, { room, signal }: Limit): Limited {
  const ending: Ending = { size: 0, cut: false };
  const iterator = source[Symbol.asyncIterator]();
  let released = false;
  const release = () => {
    if (!released) void Promise.resolve(iterator.return?.()).catch(() => {});
    released = true;
  };
  /** The part of the next chunk that fits; undefined at the end. */
  const next = async (): Promise<Uint8Array | undefined> => {
    const step = await inTime(iterator.next(), signal);
    if (step.done === true) return undefined;
    const kept = step.value.subarray(0, room - ending.size);
    ending.cut = kept.length < step.value.length;
    ending.size += kept.length;
    return kept;
  };
  async function* pass(): AsyncGenerator<Uint8Array> {
    try {
      while (!ending.cut) {
        const kept = await next();
        if (kept === undefined) break;
        if (kept.length > 0) yield kept;
      }
    } catch (error) {
      ending.failure = error ?? new Error('it failed without a reason');
    } finally {
      release();
    }
  }
  return { content: pass(), ending: () => ending, release };
}

/** One piece as a stream. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function inTime<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  // If the signal wins, nobody looks at what becomes of the work.
  work.catch(() => {});
  signal.throwIfAborted();
  const given = Promise.withResolvers<never>();
  const giveUp = () => given.reject(signal.reason as Error);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, given.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
