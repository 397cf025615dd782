// The clock of the machine: what tells the time of day, and what only goes forward.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sleep, systemClock } from '../../../src/kube/clock.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

afterEach(() => void vi.useRealTimers());

describe('elapsed time', () => {
  test('goes on with the machine, also within a millisecond', async () => {
    const before = systemClock.elapsed();
    await sleep(systemClock, 20);
    const passed = systemClock.elapsed() - before;
    expect(passed).toBeGreaterThan(18);
    expect(passed).toBeLessThan(5_000);
  });

  test('is not moved when the machine is set to another time of day', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const before = { now: systemClock.now(), elapsed: systemClock.elapsed() };
    vi.setSystemTime(before.now - 7_200_000);
    expect(systemClock.now() - before.now).toBe(-7_200_000);
    const passed = systemClock.elapsed() - before.elapsed;
    expect(passed).toBeGreaterThanOrEqual(0);
    expect(passed).toBeLessThan(1_000);
  });

  test('of a virtual clock is what a test lets pass', async () => {
    const clock = new VirtualClock();
    const before = clock.elapsed();
    await clock.advance(1_234);
    expect(clock.elapsed() - before).toBe(1_234);
  });
});
