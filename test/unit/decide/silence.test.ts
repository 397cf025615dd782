// What the record of the receivers says of silence, whatever clocks wrote it and whoever edited it.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANSWER_WITHIN_MS,
  arrivalChange,
  isCanaryDue,
  MAX_AHEAD_MS,
  missedOf,
  readIntake,
  routeOf,
  sendingChange,
  type Arrival,
  type RouteState,
} from '../../../src/decide/silence.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const MINUTE = 60_000;
const at = (ms: number) => new Date(NOW + ms).toISOString();
const cameAt = (arrival: Arrival, ms: number) => new Map([[arrival, NOW + ms]]);

const SENT = 'lastCanarySentTimestamp';
const ANSWERED = 'lastCanaryAnswered';
/** The canary was sent `ms` ago. */
const sent = (ms: number, rest: object = {}) => ({ [SENT]: at(-ms), ...rest });

describe('the route of test events', () => {
  it.each<[string, Record<string, unknown> | undefined, RouteState, number]>([
    ['nothing is written yet', undefined, 'Unproven', 0],
    ['nobody ever asked', { lastTestTimestamp: at(0) }, 'Unproven', 0],
    ['the first was just asked for', sent(1_000), 'Waiting', 0],
    ['the answer is almost late', sent(ANSWER_WITHIN_MS - 1), 'Waiting', 0],
    ['the answer is late for the first time', sent(ANSWER_WITHIN_MS), 'Waiting', 1],
    ['another was missed, and this one may still come', sent(1_000, { canariesMissed: '1' }), 'Waiting', 1],
    ['two are late in a row', sent(ANSWER_WITHIN_MS, { canariesMissed: '1' }), 'Silent', 2],
    ['three were missed, and the next may still come', sent(0, { canariesMissed: '3' }), 'Silent', 3],
    ['it was answered', sent(9 * MINUTE, { [ANSWERED]: at(-9 * MINUTE) }), 'Works', 0],
    ['it was answered after two', sent(0, { [ANSWERED]: at(0), canariesMissed: '2' }), 'Works', 0],
    ['one before was answered', sent(MINUTE, { [ANSWERED]: at(-9 * MINUTE) }), 'Waiting', 1],
    ['it was asked for ahead of time', sent(-MAX_AHEAD_MS - 1, { canariesMissed: '1' }), 'Waiting', 1],
    ['somebody wrote nonsense', { [SENT]: 'soon', [ANSWERED]: 'soon', canariesMissed: '-7' }, 'Unproven', 0],
    ['somebody wrote no count', sent(MINUTE, { canariesMissed: '1e9' }), 'Waiting', 1],
  ])('when %s', (_when, data, state, missed) => {
    const times = readIntake(data, NOW);
    expect([routeOf(times, NOW), missedOf(times, NOW)]).toEqual([state, missed]);
  });
});

describe('a test event', () => {
  it.each<[string, Record<string, unknown> | undefined, boolean]>([
    ['none was asked for', undefined, true],
    ['the last one is younger than the interval', sent(5 * MINUTE - 1), false],
    ['the interval is over', sent(5 * MINUTE), true],
    ['the clocks of two receivers differ a little', sent(-MAX_AHEAD_MS), false],
    ['the last time lies ahead', sent(-MAX_AHEAD_MS - 1), true],
    ['the last time is none', { [SENT]: '' }, true],
  ])('is due or not when %s', (_when, data, due) => {
    expect(isCanaryDue(readIntake(data, NOW), NOW, 5 * MINUTE)).toBe(due);
  });

  it('that was not answered counts when the next one is asked for', () => {
    expect(sendingChange(undefined, NOW)).toEqual({ [SENT]: at(0), canariesMissed: '0' });
    expect(sendingChange(sent(5 * MINUTE), NOW)).toEqual({ [SENT]: at(0), canariesMissed: '1' });
    const third = sent(5 * MINUTE, { canariesMissed: '2' });
    expect(sendingChange(third, NOW)).toMatchObject({ canariesMissed: '3' });
    const answered = { ...third, [ANSWERED]: third[SENT] };
    expect(sendingChange(answered, NOW)).toMatchObject({ canariesMissed: '0' });
    expect(sendingChange(sent(5 * MINUTE, { canariesMissed: '99999' }), NOW)).toMatchObject({
      canariesMissed: '99999',
    });
  });

  it('is told from the one before even when no time went by', () => {
    const before = sent(0, { [ANSWERED]: at(0) });
    const after = { ...before, ...sendingChange(before, NOW) };
    expect(routeOf(readIntake(after, NOW), NOW)).toBe('Waiting');
  });
});

describe('what came in', () => {
  it.each<[string, Record<string, unknown> | undefined, Arrival, object | undefined]>([
    ['an alert, the first', undefined, 'Alert', { lastAlertTimestamp: at(-1) }],
    ['an alert after another', { lastAlertTimestamp: at(-9) }, 'Alert', { lastAlertTimestamp: at(-1) }],
    ['an alert that came before the last', { lastAlertTimestamp: at(0) }, 'Alert', undefined],
    [
      'an alert, and the time there lies ahead',
      { lastAlertTimestamp: at(MAX_AHEAD_MS + 1) },
      'Alert',
      { lastAlertTimestamp: at(-1) },
    ],
    [
      'an alert, and the time there is none',
      { lastAlertTimestamp: 'x' },
      'Alert',
      { lastAlertTimestamp: at(-1) },
    ],
    ['an alert answers no canary', sent(5), 'Alert', { lastAlertTimestamp: at(-1) }],
    ['a test event', undefined, 'Test', { lastTestTimestamp: at(-1) }],
    ['a test event that was asked for', sent(5), 'Test', { lastTestTimestamp: at(-1), [ANSWERED]: at(-5) }],
    [
      'a second one for the same',
      sent(5, { [ANSWERED]: at(-5), lastTestTimestamp: at(0) }),
      'Test',
      undefined,
    ],
    // Its clock is behind that of who asked, and of who noted another.
    ['one by another clock', sent(-9, { lastTestTimestamp: at(9) }), 'Test', { [ANSWERED]: at(9) }],
    [
      'one that was asked for by a clock far ahead',
      sent(-1e9),
      'Test',
      { lastTestTimestamp: at(-1), [ANSWERED]: at(1e9) },
    ],
  ])('is written: %s', (_what, data, arrival, change) => {
    expect(arrivalChange(data, cameAt(arrival, -1), NOW)).toEqual(change);
  });

  it('counts as now where the clock was set back since', () => {
    expect(arrivalChange(undefined, cameAt('Alert', 1e9), NOW)).toEqual({ lastAlertTimestamp: at(0) });
  });

  it('never puts a time back that can be believed, and never leaves one ahead', () => {
    const time = fc.oneof(fc.integer({ min: -1e9, max: 1e9 }).map(at), fc.string(), fc.constant(undefined));
    fc.assert(
      fc.property(time, time, fc.integer({ min: -1e9, max: 1e9 }), (alert, test, came) => {
        const data = { lastAlertTimestamp: alert, lastTestTimestamp: test };
        const arrived = new Map<Arrival, number>([
          ['Alert', NOW + came],
          ['Test', NOW + came],
        ]);
        const [before, after] = [data, { ...data, ...arrivalChange(data, arrived, NOW) }].map((one) =>
          readIntake(one, NOW),
        );
        expect(after?.lastAlert).toBeGreaterThanOrEqual(before?.lastAlert ?? -Infinity);
        expect(after?.lastTest).toBeGreaterThanOrEqual(before?.lastTest ?? -Infinity);
        expect(after?.lastAlert).toBeLessThanOrEqual(NOW + MAX_AHEAD_MS);
      }),
    );
  });
});
