// Waiting under a limit ends in time, and lets go of what it left.
import { describe, expect, test } from 'vitest';
import { each, orAbort, readUpTo, withinEach } from '../../../src/kube/body.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';
import { broken, bytes, LiveBody } from './support/fake-transport.ts';

const never = <T>() => new Promise<T>(() => {});
const open = () => new AbortController().signal;

describe('work under a signal', () => {
  test('gives its result, and leaves no listener', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = {
      aborted: false,
      reason: undefined,
      addEventListener: () => (listeners += 1),
      removeEventListener: () => (listeners -= 1),
    } as unknown as AbortSignal;
    expect(await orAbort(Promise.resolve(7), signal)).toBe(7);
    await orAbort(Promise.resolve(7), counted);
    await drain();
    expect(listeners).toBe(0);
  });

  test('gives its error', async () => {
    await expect(orAbort(Promise.reject(new Error('oops')), open())).rejects.toThrow('oops');
  });

  test('is left when the signal fires, or fired before', async () => {
    const stop = new AbortController();
    const waiting = orAbort(never(), stop.signal);
    stop.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    await expect(orAbort(never(), stop.signal)).rejects.toThrow('stopping');
  });

  test('that fails after it was left harms nobody', async () => {
    const late = Promise.withResolvers<never>();
    await expect(orAbort(late.promise, AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
    late.reject(new Error('late'));
    await drain();
  });
});

describe('work under a time limit', () => {
  test('starts its time with each piece, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const within = withinEach(clock, 100, open());
    for (let n = 0; n < 3; n++) {
      await clock.advance(80);
      expect(await within(Promise.resolve(n))).toBe(n);
    }
    expect(clock.pending).toBe(0);
  });

  test('is left when its time is over', async () => {
    const clock = new VirtualClock();
    const waiting = withinEach(clock, 100, open())(never()).catch((error: unknown) => error);
    await clock.advance(100);
    expect(await waiting).toMatchObject({ name: 'TimeoutError', message: 'no answer within 100 ms' });
  });
});

describe('the items of a source', () => {
  const plainly = <T>(work: Promise<T>) => work;

  test('come in order, to the end', async () => {
    expect(await Array.fromAsync(each(bytes('a', 'b'), plainly), String)).toHaveLength(2);
  });

  test('end with the error of the source', async () => {
    await expect(Array.fromAsync(each(broken(new Error('reset'), 'a'), plainly))).rejects.toThrow('reset');
  });

  test('let the source go when the reader leaves', async () => {
    const body = new LiveBody();
    body.send('a');
    for await (const chunk of each(body, plainly)) {
      expect(Buffer.from(chunk).toString()).toBe('a');
      break;
    }
    await drain();
    expect(body.left).toBe(true);
  });

  test('do not wait for a source that does not let go, nor for one that fails at it', async () => {
    const leave = [() => never<IteratorResult<number>>(), () => Promise.reject(new Error('stuck'))];
    for (const done of leave) {
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false as const, value: 1 }),
          return: done,
        }),
      };
      for await (const item of each(source, plainly)) {
        expect(item).toBe(1);
        break;
      }
    }
    await drain();
  });
});

test('reading stops at the limit, in the middle of a chunk', async () => {
  const { bytes: read, truncated } = await readUpTo(bytes('abc', 'def', 'ghi'), 4, open());
  expect([Buffer.from(read).toString(), truncated]).toEqual(['abcd', true]);
});
