// How a receiver holds back when it has no room.
import { describe, expect, it } from 'vitest';
import { Pace, redeliveryDelayMs } from '../../../../src/detect/stream/pace.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

describe('the pace', () => {
  it('is free at first', () => {
    const pace = new Pace(new VirtualClock());
    expect(pace).toMatchObject({ pauseMs: 0, trying: false });
  });

  it('pauses after a refusal, then tries with one', async () => {
    const clock = new VirtualClock();
    const pace = new Pace(clock);
    pace.refused();
    expect(pace).toMatchObject({ pauseMs: 1_000, trying: true });
    await clock.advance(400);
    expect(pace.pauseMs).toBe(600);
    await clock.advance(600);
    expect(pace).toMatchObject({ pauseMs: 0, trying: true });
  });

  it('pauses twice as long each time, up to half a minute', async () => {
    const clock = new VirtualClock();
    const pace = new Pace(clock);
    const pauses: number[] = [];
    for (let refusal = 0; refusal < 7; refusal++) {
      pace.refused();
      pauses.push(pace.pauseMs);
      await clock.advance(pace.pauseMs);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('takes refusals of one request as one', () => {
    const pace = new Pace(new VirtualClock());
    for (let count = 0; count < 200; count++) pace.refused();
    expect(pace.pauseMs).toBe(1_000);
  });

  it('is free again as soon as one is accepted', () => {
    const pace = new Pace(new VirtualClock());
    pace.refused();
    pace.accepted();
    expect(pace).toMatchObject({ pauseMs: 0, trying: false });
    pace.refused();
    expect(pace.pauseMs).toBe(1_000);
  });
});

describe('a message that was refused', () => {
  it.each([
    [1, 1_000, 1_500],
    [2, 2_000, 3_000],
    [6, 32_000, 48_000],
    [7, 60_000, 90_000],
    [1_000_000, 60_000, 90_000],
  ])('after %i deliveries waits %i to %i ms', (deliveries, least, most) => {
    expect(redeliveryDelayMs(deliveries, () => 0)).toBe(least);
    expect(redeliveryDelayMs(deliveries, () => 0.9999)).toBeLessThanOrEqual(most);
    expect(redeliveryDelayMs(deliveries, () => 0.9999)).toBeGreaterThan(most * 0.99);
  });

  it('has more than an hour and a half before its deliveries run out', () => {
    const waits = Array.from({ length: 99 }, (_, index) => redeliveryDelayMs(index + 1, () => 0));
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(90 * 60_000);
  });
});
