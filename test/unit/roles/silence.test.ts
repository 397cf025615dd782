// Receivers notice silence together, on the embedded API: whoever asks for a test event, any of them may get it.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { drain } from '../../support/virtual-clock.ts';
import { createStage, silent, warned, MINUTE, type SilenceStage } from './silence-stage.ts';

let stage: SilenceStage;
beforeEach(async () => {
  stage = await createStage();
});

describe('an alert', () => {
  it('is noted where all receivers can read it, and by the one that starts next', async () => {
    const first = stage.receiver(1);
    await drain();
    first.silence.arrived('Alert');
    await drain();
    const came = first.clock.now();
    expect(await stage.data()).toEqual({ lastAlertTimestamp: new Date(came).toISOString() });
    await first.stop();
    const second = stage.receiver(2);
    await stage.pass(MINUTE);
    expect(await second.metric('last_alert_timestamp_seconds')).toBe(came / 1000);
  });

  it('is one write a minute however many come, and the last is not forgotten', async () => {
    const one = stage.receiver(1, { canary: undefined });
    await stage.pass(5_000);
    for (let count = 0; count < 120; count++) {
      one.silence.arrived('Alert');
      await stage.pass(1_000, 1_000);
    }
    expect(stage.writes).toBeLessThanOrEqual(3);
    const last = one.clock.now() - 1_000;
    one.silence.arrived('Alert');
    await one.stop();
    expect(Date.parse((await stage.data())['lastAlertTimestamp'] ?? '')).toBe(last + 1_000);
  });

  it('is known to this receiver though it cannot be noted, which is said once', async () => {
    await stage.remove();
    const one = stage.receiver(1);
    await stage.pass(MINUTE);
    one.silence.arrived('Alert');
    await stage.pass(5 * MINUTE);
    expect(await one.metric('last_alert_timestamp_seconds')).toBeGreaterThan(0);
    expect(stage.asked).toBe(0);
    expect(warned(one)).toMatch(/there is no ConfigMap .*apply config\/default again/);
    expect(one.silence.check.reason()).toBeUndefined();
    expect(one.log.lines.map(({ level }) => level)).toEqual(['warn']);
    await stage.make();
    await stage.pass(2 * MINUTE);
    expect(await stage.data()).toHaveProperty('lastAlertTimestamp');
    expect(warned(one)).toBeUndefined();
  });
});

describe('a test event', () => {
  it('is asked for by one receiver in an interval, and may come to the other', async () => {
    const [first, second] = [stage.receiver(1), stage.receiver(2)];
    // Falcosidekick keeps one connection: to the first, whoever asks.
    stage.onAsk = () => first.silence.arrived('Test');
    await stage.pass(20 * MINUTE);
    expect(stage.asked).toBeGreaterThanOrEqual(3);
    expect(stage.asked).toBeLessThanOrEqual(5);
    for (const one of [first, second]) {
      expect([await silent(one), warned(one), one.log.lines]).toEqual([false, undefined, []]);
      const age = one.clock.now() / 1000 - ((await one.metric('canary_last_success_timestamp_seconds')) ?? 0);
      expect(age).toBeLessThan(6 * 60);
    }
  });

  it('that is missing twice in a row is a silent route, said once by each, and its return is', async () => {
    const [first, second] = [stage.receiver(1), stage.receiver(2)];
    await stage.pass(5 * MINUTE);
    expect([stage.asked, await silent(first), await silent(second)]).toEqual([1, false, false]);
    await stage.pass(4 * MINUTE);
    expect([stage.asked, await silent(first), await silent(second)]).toEqual([2, true, true]);
    for (const one of [first, second]) {
      expect(one.silence.check.reason()).toBeUndefined();
      expect(warned(one)).toMatch(/the last 2 test events .* did not arrive/);
    }
    await stage.pass(20 * MINUTE);
    stage.onAsk = () => second.silence.arrived('Test');
    await stage.pass(6 * MINUTE);
    for (const one of [first, second]) {
      expect([await silent(one), warned(one)]).toEqual([false, undefined]);
      expect(one.log.lines.map(({ level }) => level)).toEqual(['error', 'info']);
    }
  });

  it('that comes late, or was lost once, is no silence', async () => {
    const one = stage.receiver(1);
    stage.onAsk = () => (stage.asked % 2 === 0 ? one.silence.arrived('Test') : undefined);
    for (let minute = 0; minute < 60; minute++) {
      await stage.pass(MINUTE);
      expect(await silent(one)).toBe(false);
    }
    expect(stage.asked).toBeGreaterThan(9);
  });

  it('that cannot be asked for is missing, too, and it is said why', async () => {
    const one = stage.receiver(1);
    stage.onAsk = () => 'connection refused: no server listens there';
    await stage.pass(20 * MINUTE);
    expect(warned(one)).toContain('this receiver could not ask: connection refused');
    expect(one.log.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('is asked for though the answer to what was written before is lost', async () => {
    const one = stage.receiver(1);
    stage.onAsk = () => one.silence.arrived('Test');
    stage.loses = 'answers';
    await stage.pass(MINUTE);
    expect([stage.writes, stage.asked]).toEqual([1, 0]);
    stage.loses = undefined;
    await stage.pass(MINUTE);
    expect(stage.asked).toBe(1);
    expect((await stage.data())['lastCanaryAnswered']).toBe((await stage.data())['lastCanarySentTimestamp']);
  });

  it('that another receiver asked for is not asked for again, though an own try failed', async () => {
    const [first, second] = [stage.receiver(1), stage.receiver(2)];
    stage.loses = 'requests';
    await stage.pass(MINUTE);
    expect(stage.writes).toBeGreaterThan(0);
    expect(stage.asked).toBe(0);
    stage.loses = undefined;
    await stage.pass(4 * MINUTE);
    expect(stage.asked).toBe(1);
    expect([warned(first), warned(second)]).toEqual([undefined, undefined]);
  });

  it('is not called missing by who cannot look', async () => {
    const [first, second] = [stage.receiver(1), stage.receiver(2)];
    stage.onAsk = () => (stage.asked > 1 ? second.silence.arrived('Test') : undefined);
    await stage.pass(5 * MINUTE);
    expect(stage.asked).toBe(1);
    await vi.waitUntil(async () => stage.pass(1_000, 1_000).then(() => stage.asked === 2), { interval: 0 });
    // Both know that the first is missing, and neither reads that the second came.
    stage.loses = 'everything';
    await stage.pass(3 * MINUTE);
    for (const one of [first, second])
      expect([await silent(one), warned(one)?.includes('could not be read')]).toEqual([false, true]);
    stage.loses = undefined;
    await stage.pass(MINUTE);
    for (const one of [first, second]) expect(warned(one)).toBeUndefined();
  });

  it('is missed by a receiver that starts after the others were killed', async () => {
    const first = stage.receiver(1);
    await stage.pass(9 * MINUTE);
    await first.stop();
    const next = stage.receiver(2);
    await stage.pass(5_000);
    expect([await silent(next), next.log.lines.length]).toEqual([true, 1]);
  });

  it('is neither asked for nor told of without a canary, and noted all the same', async () => {
    const one = stage.receiver(1, { canary: undefined });
    one.silence.arrived('Test');
    await stage.pass(10 * MINUTE);
    expect(stage.asked).toBe(0);
    expect(await one.metric('canary_failing')).toBeUndefined();
    expect(Object.keys(await stage.data())).toEqual(['lastTestTimestamp']);
  });
});
