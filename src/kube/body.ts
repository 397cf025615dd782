// Reading of answers under limits of size and time, whatever the transport below does.
import { deadline, type Cancel, type Clock } from './clock.ts';

/** Waits for one piece of work under some limit; rejects with the limit's error when it is reached. */
export type Within = <T>(work: Promise<T>) => Promise<T>;

/** Waits until `work` settles, or rejects with the signal's reason as soon as it fires, even if the work never ends. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(signal.reason as Error);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  return promise;
}

/** Limits each piece of work to `ms` milliseconds, and all of it by the signal. */
export function withinEach(clock: Clock, ms: number, parent: AbortSignal): Within {
  return (work) => {
    const { signal, done } = deadline(clock, ms, parent);
    return orAbort(work, signal).finally(done);
  };
}

/** The items of `source`, each waited for under the limit. A source that is left early is told so, but not waited for. */
export async function* each<T>(source: AsyncIterable<T>, within: Within): AsyncGenerator<T, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await within(iterator.next());
      ended = next.done ?? false;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!ended) void leave(iterator);
  }
}

async function leave(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // It failed, which is why it is left.
  }
}

/** A signal that fires when `parent` does, or `ms` milliseconds after the start and after the last call of `heard`. */
export function silenceLimit(
  clock: Clock,
  ms: number,
  parent: AbortSignal,
): { signal: AbortSignal; heard: () => void; done: Cancel } {
  const silence = new AbortController();
  const start = () =>
    clock.after(ms, () => silence.abort(new DOMException(`nothing came for ${ms} ms`, 'TimeoutError')));
  let cancel = start();
  const heard = () => {
    cancel();
    cancel = start();
  };
  return { signal: AbortSignal.any([parent, silence.signal]), heard, done: () => cancel() };
}

/**
 * Reads a body up to `maxBytes`; `truncated` tells that there was more, which is not read.
 * @param onBytes told what is read, for a caller that wants it even if the rest fails.
 */
export async function readUpTo(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
  onBytes: (bytes: Uint8Array) => void = () => {},
): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const chunks: Uint8Array[] = [];
  let room = maxBytes;
  for await (const chunk of each(body, (work) => orAbort(work, signal))) {
    const bytes = chunk.subarray(0, room);
    chunks.push(bytes);
    onBytes(bytes);
    if (chunk.length > room) return { bytes: Buffer.concat(chunks), truncated: true };
    room -= chunk.length;
  }
  return { bytes: Buffer.concat(chunks), truncated: false };
}
