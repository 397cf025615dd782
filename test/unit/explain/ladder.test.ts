// What alerts of every severity meet, for any rule and for each pattern that a rung names.
import { describe, expect, test } from 'vitest';
import { SEVERITIES, type Severity } from '../../../src/api/severity.ts';
import type { LadderRow } from '../../../src/explain/explanation.ts';
import { explained, stored, storedForCluster } from './support.ts';

const LADDER = stored('web', {
  mode: 'Enforce',
  responses: [
    { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
    { name: 'contain', minSeverity: 'Warning', rules: ['DIE *', 'Drop*'], actions: ['Isolate'] },
    { name: 'replace', minSeverity: 'Critical', rules: ['DIE Binary*'], actions: ['Evict'] },
  ],
});

function rowOf(rows: LadderRow[] | null, rule: string | null, severity: Severity): LadderRow | undefined {
  return rows?.find((row) => row.rule === rule && row.severity === severity);
}

describe('the ladder', () => {
  const { ladder } = explained([LADDER]);

  test('has a row for each severity, from the highest down, for any rule and for each pattern', () => {
    const rules = [null, 'DIE *', 'Drop*', 'DIE Binary*'];
    expect(ladder?.map(({ rule, severity }) => [rule, severity])).toEqual(
      rules.flatMap((rule) => SEVERITIES.toReversed().map((severity) => [rule, severity])),
    );
  });

  test.for([
    [null, 'Informational', []],
    [null, 'Notice', ['Label']],
    [null, 'Emergency', ['Label']],
    ['Drop*', 'Notice', ['Label']],
    ['Drop*', 'Emergency', ['Label', 'Isolate']],
    ['DIE *', 'Emergency', ['Label', 'Isolate']],
    // Whatever matches the narrower pattern matches the wider one.
    ['DIE Binary*', 'Error', ['Label', 'Isolate']],
    ['DIE Binary*', 'Critical', ['Label', 'Isolate', 'Evict']],
  ] as const)('%s at %s: %j', ([rule, severity, done]) => {
    expect(rowOf(ladder, rule, severity)).toMatchObject({ done, recorded: [], mayDo: [], mayRecord: [] });
  });

  test('a pattern that matches everything is any rule', () => {
    const star = stored('web', { responses: [{ name: 'n', rules: ['**'], actions: ['Label'] }] });
    const rows = explained([star]).ladder;
    expect(new Set(rows?.map(({ rule }) => rule))).toEqual(new Set([null]));
    expect(rowOf(rows, null, 'Error')?.recorded).toEqual(['Label']);
  });

  test('what hangs on tags or a condition is told apart, with what it needs', () => {
    const conditional = storedForCluster('base', {
      mode: 'Enforce',
      responses: [
        { name: 'tagged', tags: ['mitre_*'], actions: ['Label', 'Capture'] },
        { name: 'known', condition: 'pod.hostNetwork', actions: ['Evict'] },
      ],
    });
    const audit = stored('audit', { responses: [{ name: 'all', tags: ['a'], actions: ['Isolate'] }] });
    const row = rowOf(explained([LADDER, conditional, audit]).ladder, null, 'Warning');
    expect(row).toMatchObject({
      done: ['Label'],
      recorded: [],
      mayDo: ['Capture', 'Evict'],
      mayRecord: ['Isolate'],
    });
    expect(row?.rungs.map(({ policy, name, needs }) => [policy.name, name, ...needs])).toEqual(
      expect.arrayContaining([
        ['web', 'note'],
        ['base', 'tagged', 'the alert has a tag that matches "mitre_*"'],
        ['base', 'known', 'the condition is true: pod.hostNetwork'],
        ['audit', 'all', 'the alert has a tag that matches "a"'],
      ]),
    );
  });

  test('an exception that surely applies caps, one with a condition is only told of', () => {
    const capped = (condition?: string) =>
      stored('web', {
        mode: 'Enforce',
        exceptions: [
          {
            name: 'known',
            image: '*',
            reason: 'r',
            expires: '2027-01-01T00:00:00Z',
            maxAction: 'None',
            ...(condition && { condition }),
          },
        ],
      });
    const done = (condition?: string) =>
      rowOf(explained([capped(condition)], { container: 'web' }).ladder, null, 'Alert')?.done;
    expect(done()).toEqual([]);
    expect(done('true')).toEqual(['Label', 'Isolate', 'Capture', 'Evict']);
  });

  test('is empty where no policy matches, and absent where an alert is asked about', () => {
    const other = stored('other', { match: { images: ['x'] } });
    const { ladder: rows, response, checks } = explained([other]);
    expect(rows?.every(({ rungs }) => rungs.length === 0)).toBe(true);
    expect(response).toBeNull();
    expect(checks).toContainEqual({
      check: 'Mode',
      state: 'Met',
      message: 'no policy answers: nothing is done and nothing is recorded',
    });
  });
});

test('each merged setting names the policies that have that value', () => {
  const { settings } = explained([
    stored('a', { eviction: { gracePeriodSeconds: 30 }, limits: { perWorkload: { quarantined: 5 } } }),
    stored('b', {
      isolation: { ttl: '48h', onDrain: 'Deny' },
      evidence: { maxBytes: '1Gi', contents: false },
      eviction: { waitForBudget: '1h', replacement: { require: 'Pinned' } },
    }),
    storedForCluster('c', {
      isolation: { cut: 'PodFirewall', onExpiry: 'Evict' },
      evidence: { collectors: ['Filesystem', 'Processes'], deadline: '5m', required: true },
      eviction: { gracePeriodSeconds: 30 },
    }),
  ]);
  expect(
    settings.map(({ field, value, from }) => [field, value, from.map(({ name }) => name).join()]),
  ).toEqual([
    ['isolation.cut', 'PodFirewall', 'c'],
    ['isolation.ttl', '48h', 'b'],
    ['isolation.onExpiry', 'Notify', 'a,b'],
    ['isolation.onDrain', 'Deny', 'b'],
    ['evidence.collectors', 'Processes, Filesystem', 'c'],
    ['evidence.contents', true, 'a,c'],
    ['evidence.deadline', '5m', 'c'],
    ['evidence.maxBytes', '1Gi', 'b'],
    ['evidence.exec', 'None', 'a,b,c'],
    ['evidence.required', true, 'c'],
    ['eviction.gracePeriodSeconds', 30, 'a,c'],
    ['eviction.waitForBudget', '1h', 'b'],
    ['eviction.then', 'Hold', 'a,b,c'],
    ['eviction.replacement.require', 'Pinned', 'b'],
    ['eviction.replacement.readyWithin', '5m', 'a,b,c'],
    ['eviction.replacement.quietFor', '1m', 'a,b,c'],
    ['approval.requiredFor', 'StatefulSet, BarePod, SingleReplica, LastReadyCopy', 'a,b,c'],
    ['approval.before', 'Evict', 'a,b,c'],
    ['approval.within', '24h', 'a,b,c'],
    ['limits.perWorkload.quarantined', 2, 'b,c'],
    ['limits.perWorkload.evicting', 1, 'a,b,c'],
    ['limits.perWorkload.maxUnavailable', '25%', 'a,b,c'],
    ['limits.perWorkload.recurrences', 3, 'a,b,c'],
    ['limits.perWorkload.recurrenceWindow', '24h', 'a,b,c'],
    ['limits.perNamespace.quarantined', 10, 'a,b,c'],
    ['limits.perNamespace.evictions', 5, 'a,b,c'],
    ['limits.perNamespace.window', '10m', 'a,b,c'],
    ['limits.cooldown', '15m', 'a,b,c'],
  ]);
});
