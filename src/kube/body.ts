// Reading of answers under limits of size and time, whatever the transport below does.
import { deadline, type Clock } from './clock.ts';

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

/** Reads a body up to `maxBytes`; `truncated` tells that there was more, which is not read. */
export async function readUpTo(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const chunks: Uint8Array[] = [];
  let room = maxBytes;
  for await (const chunk of each(body, (work) => orAbort(work, signal))) {
    chunks.push(chunk.subarray(0, room));
    if (chunk.length > room) return { bytes: Buffer.concat(chunks), truncated: true };
    room -= chunk.length;
  }
  return { bytes: Buffer.concat(chunks), truncated: false };
}
