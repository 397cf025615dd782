// What no input may do, whatever the target is: take long, never end, leave a rejection to nobody, change a prototype.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Longest time for one input. It is the CPU time of this thread that is measured, so that a machine that is busy with
 * something else fails nothing.
 */
const LIMIT_MS = 1_000;
/** Longest real time for one input that waits: what takes longer never ends. */
const SETTLES_WITHIN_MS = 30_000;

/** Runs the work on one input; rejects with what it throws, and with what it must not do. */
export async function supervised(work: () => unknown): Promise<void> {
  const strays: unknown[] = [];
  const onStray = (error: unknown) => void strays.push(error);
  process.on('unhandledRejection', onStray);
  const before = process.threadCpuUsage();
  try {
    const result = work();
    if (result instanceof Promise) await settled(result);
  } finally {
    process.off('unhandledRejection', onStray);
  }
  const { user, system } = process.threadCpuUsage(before);
  const usedMs = (user + system) / 1000;
  if (strays.length > 0) throw new Error('a rejection was not handled', { cause: strays[0] });
  if (usedMs > LIMIT_MS)
    throw new Error(`took ${Math.round(usedMs)} ms of CPU time; the limit is ${LIMIT_MS} ms`);
  expectCleanPrototypes();
}

async function settled(work: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const late = sleep(SETTLES_WITHIN_MS, true, { signal: ended.signal }).catch(() => false);
  try {
    if ((await Promise.race([work, late])) === true)
      throw new Error(`did not end within ${SETTLES_WITHIN_MS} ms`);
  } finally {
    ended.abort();
  }
  // A turn of the event loop: by then a rejection that nobody handles was told.
  await new Promise((resolve) => setImmediate(resolve));
}

const PROTOTYPES = [Object.prototype, Array.prototype, String.prototype, Function.prototype];
const CLEAN = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

function expectCleanPrototypes(): void {
  const dirty = PROTOTYPES.some((prototype, index) => Reflect.ownKeys(prototype).length !== CLEAN[index]);
  if (dirty) throw new Error('the input has changed a prototype');
}
