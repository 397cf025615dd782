// Receivers that notice silence, with clocks that are wrong.
import { beforeEach, describe, expect, it } from 'vitest';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { drain } from '../../support/virtual-clock.ts';
import { createStage, silent, AT, MINUTE, type SilenceStage } from './silence-stage.ts';

let stage: SilenceStage;
beforeEach(async () => {
  stage = await createStage();
});

describe('a clock', () => {
  it.each([-3_600_000, -86_400_000, 3_600_000, 86_400_000, 73 * 365 * 86_400_000])(
    'that is set by %d ms neither hides a silence nor makes one, nor a flood of test events',
    async (by) => {
      const [first, second] = [stage.receiver(1), stage.receiver(2)];
      stage.onAsk = () => second.silence.arrived('Test');
      await stage.pass(7 * MINUTE);
      const before = stage.asked;
      first.clock.setBy(by);
      await stage.pass(21 * MINUTE);
      // One an interval and receiver at most: both may think that it is their turn.
      expect(stage.asked - before).toBeGreaterThanOrEqual(3);
      expect(stage.asked - before).toBeLessThanOrEqual(11);
      expect([await silent(first), await silent(second)]).toEqual([false, false]);
      stage.onAsk = () => undefined;
      await stage.pass(16 * MINUTE);
      expect(await silent(second)).toBe(true);
    },
  );

  it('of one receiver that is a minute off is nothing to another', async () => {
    const now = stage.clocks[0]?.now() ?? 0;
    const [first, second] = [stage.receiver(1), stage.receiver(2, { start: now - 50_000 })];
    stage.onAsk = () => second.silence.arrived('Test');
    for (let minute = 0; minute < 30; minute++) {
      await stage.pass(MINUTE);
      expect([await silent(first), await silent(second)]).toEqual([false, false]);
    }
    expect(stage.asked).toBeLessThanOrEqual(7);
  });

  it('that wrote a time ahead does not keep later alerts from being noted', async () => {
    const ahead = new Date(Date.UTC(2099, 0)).toISOString();
    const ops = [{ op: 'add', path: '/data', value: { lastAlertTimestamp: ahead } } as const];
    await stage.client.jsonPatch(CONFIG_MAPS, AT, ops);
    const one = stage.receiver(1);
    await stage.pass(5_000);
    expect(await one.metric('last_alert_timestamp_seconds')).toBe(0);
    one.silence.arrived('Alert');
    await drain();
    expect(Date.parse((await stage.data())['lastAlertTimestamp'] ?? '')).toBe(one.clock.now());
  });
});
