// How often a receiver writes, what is worth a write at once, and what becomes of a write that fails.
import { describe, expect, test } from 'vitest';
import { MAX_REPORTED_DETECTIONS, type Report } from '../../../src/api/incident.ts';
import type { Match } from '../../../src/decide/match.ts';
import { aContribution, aDetection, anIncident, someSettings, T0 } from '../../support/builders.ts';
import { counts, MATCH, stage } from './report-stage.ts';
import { refused } from './support.ts';

describe('repeats', () => {
  test('are written after 1 s, 10 s and then each minute', async () => {
    const { clock, api, add } = stage();
    const times: number[] = [];
    const start = clock.now();
    for (let second = 0; second < 200; second++) {
      expect(await add()).toBe(true);
      const before = api.sent.length;
      await clock.advance(1_000);
      if (api.sent.length > before) times.push(Math.round((clock.now() - start) / 1000));
    }
    expect(times).toEqual([1, 11, 71, 131, 191]);
    // The detection that was added last waits for the next write.
    expect(counts(api)).toEqual([1, 11, 71, 131, 191]);
  });

  test('cost no further write when nothing more comes', async () => {
    const { clock, api, add } = stage();
    await add();
    await clock.advance(600_000);
    expect(counts(api)).toEqual([1]);
  });

  test('are tested against the UID, and touch the report of this receiver only', async () => {
    const { clock, api, add } = stage();
    await add();
    await clock.advance(1_000);
    expect(api.sent[0]?.ops).toMatchObject([
      { op: 'test', path: '/metadata/uid', value: 'incident-uid' },
      { op: 'test', path: '/status/phase' },
      { op: 'add', path: '/status/reports/r1' },
    ]);
  });

  test('that wait are written by a flush, and only then', async () => {
    const { clock, api, reporter, add } = stage();
    await Promise.all([add(), add(), add()]);
    expect(api.sent).toEqual([]);
    await reporter.flush();
    expect(counts(api)).toEqual([3]);
    await reporter.flush();
    await clock.advance(60_000);
    expect(counts(api)).toEqual([3]);
  });

  test('whose write fails are written later, with those that came since', async () => {
    const { clock, api, add } = stage();
    api.failures.push(refused(500, 'InternalError'));
    await add();
    await clock.advance(1_000);
    await add();
    await clock.advance(1_000);
    expect(counts(api)).toEqual([1, 2]);
    await clock.advance(120_000);
    expect(counts(api)).toEqual([1, 2]);
  });
});

describe('a detection that is new', () => {
  const RUNG = aContribution({ uid: 'other-policy', name: 'other' });

  test.each<[string, Parameters<typeof aDetection>[0], Match]>([
    ['by its rule', { rule: 'Another rule' }, MATCH],
    ['by its severity', { severity: 'Emergency' }, MATCH],
    ['by a policy', {}, { ...MATCH, contributions: [aContribution(), RUNG] }],
    ['by a mode', {}, { ...MATCH, contributions: [aContribution({ mode: 'Audit' })] }],
  ])('%s is written before it is safe', async (_what, change, match) => {
    const { api, add } = stage();
    expect(await add(change, match)).toBe(true);
    expect(counts(api)).toEqual([1]);
  });

  test('takes the repeats along that waited', async () => {
    const { clock, api, add } = stage();
    await add();
    await add({ rule: 'Another rule' });
    await clock.advance(120_000);
    expect(counts(api)).toEqual([2]);
  });

  test('is no news the second time', async () => {
    const { api, add } = stage();
    await add({ rule: 'Another rule', severity: 'Emergency' });
    await add({ rule: 'Another rule', severity: 'Emergency' });
    expect(counts(api)).toEqual([1]);
  });

  test('by its rule is kept in full up to the limit, and counted beyond it', async () => {
    const { api, add } = stage();
    for (let n = 0; n <= MAX_REPORTED_DETECTIONS; n++) await add({ rule: `Rule ${n}` });
    expect(api.sent).toHaveLength(MAX_REPORTED_DETECTIONS);
    expect(api.sent.at(-1)?.report.detections).toHaveLength(MAX_REPORTED_DETECTIONS);
  });

  test('brings only what the incident was not told before, with the settings of its policies', async () => {
    const { api, add } = stage(anIncident({ policies: [aContribution({ actions: ['Label'] })] }));
    await add({}, { ...MATCH, contributions: [aContribution({ actions: ['Label'] }), RUNG] });
    expect(api.sent[0]?.report).toMatchObject({ policies: [RUNG], response: someSettings() });
    await add({}, { ...MATCH, contributions: [RUNG] });
    expect(counts(api)).toEqual([1]);
  });

  test('is not counted when its write fails, and counted once when it is tried again', async () => {
    const { api, add } = stage();
    api.failures.push(refused(500, 'InternalError'));
    await expect(add({ rule: 'Another rule' })).rejects.toThrow('500');
    expect(await add({ rule: 'Another rule' })).toBe(true);
    expect(counts(api)).toEqual([1, 1]);
  });

  test('waits for the writes before it, so that no count is lost or written backwards', async () => {
    const { api, add } = stage();
    await Promise.all([1, 2, 3, 4].map((n) => add({ rule: `Rule ${n}` })));
    expect(counts(api)).toEqual([1, 2, 3, 4]);
  });
});

describe('a receiver', () => {
  const OWN: Report = { count: 7, firstSeen: T0, lastSeen: T0, highestSeverity: 'Critical', detections: [] };

  test('that opened the incident counts its detection with the first report', async () => {
    const { clock, api, reporter, add } = stage();
    reporter.opened(anIncident(), aDetection());
    await clock.advance(60_000);
    expect(api.sent).toEqual([]);
    await add();
    await clock.advance(1_000);
    expect(counts(api)).toEqual([2]);
  });

  test('goes on from its own report after a restart', async () => {
    const { clock, api, add } = stage(anIncident({ status: { reports: { r1: OWN } } }));
    await add();
    await clock.advance(1_000);
    expect(counts(api)).toEqual([8]);
  });

  test('does not go on from the report of another', async () => {
    const { clock, api, add } = stage(anIncident({ status: { reports: { r2: OWN } } }));
    await add();
    await clock.advance(1_000);
    expect(counts(api)).toEqual([1]);
  });

  test('for which there is no room takes the place of the one silent for longest, with what that one knew', async () => {
    const older = { ...OWN, lastSeen: '2026-11-21T23:00:00.000Z', policies: [aContribution({ uid: 'p2' })] };
    const { clock, api, add } = stage(anIncident({ status: { reports: { r2: OWN, r3: older } } }));
    api.failures.push(refused(422, 'Invalid', { hasDetails: true }));
    await add();
    await clock.advance(1_000);
    expect(api.sent.at(-1)).toMatchObject({
      ops: [
        { op: 'test', path: '/metadata/uid' },
        { op: 'test', path: '/status/phase' },
        { op: 'remove', path: '/status/reports/r3' },
        { op: 'add', path: '/status/reports/r1' },
      ],
      report: { count: 8, policies: [{ uid: 'p2' }] },
    });
  });
});

describe('what a detection asks for beyond what the incident is told', () => {
  const asking = (...contributions: Match['contributions']): Match => ({ ...MATCH, contributions });

  test.each<[string, Match['contributions'][number]]>([
    ['a rung of another name, though its actions are the same', aContribution({ rungs: ['renamed'] })],
    [
      'an exception that is not in the record yet',
      aContribution({
        actions: ['Label'],
        cap: { by: 'Exception', name: 'x', maxAction: 'Label', reason: 'r', until: '2027-01-01T00:00:00Z' },
      }),
    ],
    ['another policy', aContribution({ uid: 'another' })],
  ])('is %s: it is written at once', async (_what, fresh) => {
    const { api, add } = stage();
    await add({ rule: 'Another rule' }, asking(fresh));
    expect(api.sent.at(-1)?.report.policies).toEqual([fresh]);
  });

  test('is not pushed out by policies in Audit that were told before', async () => {
    const { api, add } = stage(
      anIncident({ policies: [aContribution({ uid: 'first', actions: ['Label'] })] }),
    );
    const flood = Array.from({ length: 40 }, (_, n) =>
      aContribution({ name: `a${n}`, uid: `a${n}`, mode: 'Audit' }),
    );
    await add({ rule: 'One' }, asking(...flood.slice(0, 32)));
    await add({ rule: 'Two' }, asking(...flood.slice(32)));
    const cluster = aContribution({ kind: 'ClusterDriftPolicy', name: 'zz', uid: 'zz' });
    await add({ rule: 'Three' }, asking(cluster));
    expect(api.sent.at(-1)?.report.policies).toContainEqual(cluster);
  });
});
