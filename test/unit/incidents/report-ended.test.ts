// What becomes of a report whose incident ended, or went on, since the receiver looked at it.
import { describe, expect, test } from 'vitest';
import { aDetection, anIncident } from '../../support/builders.ts';
import { stage } from './report-stage.ts';
import { refused, type ReportApi } from './support.ts';

describe('an incident that ended', () => {
  const FINAL = anIncident({ status: { phase: 'Resolved' } });

  test.each<[string, (api: ReportApi) => void]>([
    ['is final in the answer', (api) => (api.incident = FINAL)],
    ['is gone', (api) => api.failures.push(refused(404, 'NotFound'))],
    [
      'has given its name to another',
      (api) => {
        api.failures.push(refused(422, 'Invalid'));
        api.incident = anIncident({ metadata: { uid: 'of-another' } });
      },
    ],
  ])('takes nothing more: it %s', async (_what, end) => {
    const { api, reporter, add } = stage();
    await add();
    end(api);
    expect(await add({ rule: 'Another rule' })).toBe(false);
    expect(reporter.hasEnded(anIncident())).toBe(true);
    expect(reporter.incidentOf('pod-uid-1')).toBeUndefined();
  });

  test('is not written to: a report in it would stand for an answer', async () => {
    const { api, add } = stage();
    api.incident = FINAL;
    expect(await add({ rule: 'Another rule' })).toBe(false);
    expect(api.stored).toEqual([]);
  });

  test('is not written to by a timer that was set before', async () => {
    const { clock, api, reporter, add } = stage();
    await add();
    reporter.forget(anIncident());
    await clock.advance(120_000);
    expect(api.sent).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('does not take the tally of the one after it away', async () => {
    const { reporter } = stage();
    const next = anIncident({ metadata: { uid: 'next-uid', name: 'web-1-abcdef0123-2' } });
    reporter.opened(next, aDetection());
    reporter.forget(anIncident());
    expect(reporter.incidentOf('pod-uid-1')).toBe(next);
    expect(reporter.hasEnded(next)).toBe(false);
  });

  test('is remembered among a thousand, and no more are kept', () => {
    const { reporter } = stage();
    const ended = Array.from({ length: 1_001 }, (_, n) => anIncident({ metadata: { uid: `uid-${n}` } }));
    for (const incident of ended) reporter.forget(incident);
    expect(ended.filter((incident) => reporter.hasEnded(incident))).toEqual(ended.slice(1));
  });
});

describe('an incident that went on since it was read', () => {
  const GONE_ON = anIncident({ status: { phase: 'Quarantined' } });

  test('takes the report as it is now, and the next one at the first try', async () => {
    const { api, add } = stage();
    api.incident = GONE_ON;
    expect(await add({ rule: 'Another rule' })).toBe(true);
    expect(await add({ rule: 'A third rule' })).toBe(true);
    expect(api.stored.map(({ count }) => count)).toEqual([1, 2]);
    expect(api.sent).toHaveLength(3);
  });

  test('and never stands still is tried again later, and nothing is counted meanwhile', async () => {
    const { api, add } = stage();
    api.failures.push(...Array.from({ length: 5 }, () => refused(422, 'Invalid')));
    await expect(add({ rule: 'Another rule' })).rejects.toThrow('422');
    expect(await add({ rule: 'Another rule' })).toBe(true);
    expect(api.stored.map(({ count }) => count)).toEqual([1]);
  });
});

describe('a repeat that is in memory only', () => {
  const END = '2026-11-22T00:00:10.000Z';
  const AFTER = { id: 'a'.repeat(32), receivedAt: '2026-11-22T00:00:10.030Z' };
  const ended = (phase: 'Released' | 'Failed') =>
    anIncident({
      status: {
        phase,
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Ended', message: '', lastTransitionTime: END },
        ],
      },
    });

  test('of a pod that had been released is handed back when the cache shows it: nothing answered it', async () => {
    const { reporter, late, add } = stage();
    await add(AFTER);
    reporter.forget(ended('Released'));
    expect(late).toEqual([AFTER.id]);
  });

  test('of a pod that had been released is handed back when its write shows it', async () => {
    const { api, clock, late, add } = stage();
    await add(AFTER);
    api.incident = ended('Released');
    await clock.advance(1_000);
    expect(late).toEqual([AFTER.id]);
    expect(api.stored).toEqual([]);
  });

  test.each<[string, Parameters<typeof aDetection>[0], 'Released' | 'Failed']>([
    ['was received before the release', { receivedAt: END }, 'Released'],
    ['speaks of a pod that was not released', AFTER, 'Failed'],
  ])('is left where it is if it %s', async (_what, change, phase) => {
    const { reporter, late, add } = stage();
    await add(change);
    reporter.forget(ended(phase));
    expect(late).toEqual([]);
  });

  test('is left where it is if it was written', async () => {
    const { clock, reporter, late, add } = stage();
    await add(AFTER);
    await clock.advance(1_000);
    reporter.forget(ended('Released'));
    expect(late).toEqual([]);
  });

  test('that waited behind a write which found the end is not counted', async () => {
    const { api, add } = stage();
    api.incident = ended('Released');
    expect(await Promise.all([add({ rule: 'Another rule' }), add(AFTER)])).toEqual([false, false]);
  });
});
