// Parts that run together end together.
import { expect, test } from 'vitest';
import { runTogether } from '../../../src/roles/together.ts';

const failing = { run: () => Promise.reject(new Error('the watch is broken')) };

/** Ends what it has in hand `later` than the signal. */
function slow(done: string[]): { run(signal: AbortSignal): Promise<void> } {
  return {
    run: async (signal) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await Promise.resolve().then(() => Promise.resolve());
      done.push('flushed');
    },
  };
}

test('a part that fails stops the others, and is told of once they have ended what they had in hand', async () => {
  const done: string[] = [];
  await expect(runTogether([failing, slow(done)], new AbortController().signal)).rejects.toThrow(
    'the watch is broken',
  );
  expect(done).toEqual(['flushed']);
});

test('all end when the signal fires', async () => {
  const done: string[] = [];
  const stop = new AbortController();
  const running = runTogether([slow(done), slow(done)], stop.signal);
  stop.abort();
  await running;
  expect(done).toEqual(['flushed', 'flushed']);
});
