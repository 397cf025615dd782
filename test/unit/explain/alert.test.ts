// What one alert meets, and for each rung and each exception why not.
import { describe, expect, test } from 'vitest';
import { aPod } from '../../support/builders.ts';
import { anAlert, explained, stored, storedForCluster } from './support.ts';

const rung = (change: Record<string, unknown>) =>
  stored('web', { mode: 'Enforce', responses: [{ name: 'note', actions: ['Label'], ...change }] });

describe('a rung that is not met says why', () => {
  test.for([
    [{ minSeverity: 'Alert' }, 'Severity', 'severity Critical is below Alert'],
    [
      { rules: ['Drop*', 'Shell *'] },
      'Rule',
      'rule "DIE Binary Drift Executed" matches none of "Drop*", "Shell *"',
    ],
    [{ tags: ['mitre_*'] }, 'Tag', 'none of its tags (drift) matches "mitre_*"'],
    [{ condition: 'detection.rule == "x"' }, 'Condition', 'the condition is false: detection.rule == "x"'],
    [
      { condition: 'detection.fields["proc.name"] == "x"' },
      'ConditionError',
      'the condition cannot be evaluated, which is no match: detection.fields["proc.name"] == "x"',
    ],
  ] as const)('%j: %s', ([change, miss, message]) => {
    const { alert, response, settings } = explained([rung(change)], { alert: anAlert() });
    expect(alert?.policies[0]?.rungs).toEqual([{ name: 'note', met: false, miss, message }]);
    expect(alert).toMatchObject({
      done: [],
      recorded: [],
      conditionErrors: miss === 'ConditionError' ? 1 : 0,
    });
    expect(response).toBeNull();
    expect(settings).toEqual([]);
  });

  test('an alert without tags is told so', () => {
    const { alert } = explained([rung({ tags: ['a'] })], { alert: anAlert({}, { tags: [] }) });
    expect(alert?.policies[0]?.rungs[0]?.message).toBe(
      'the alert has no tags, and one that matches "a" is needed',
    );
  });

  test('long lists are cut', () => {
    const rules = Array.from({ length: 20 }, (_, index) => `rule-${index}`);
    const { alert } = explained([rung({ rules })], { alert: anAlert() });
    expect(alert?.policies[0]?.rungs[0]?.message).toMatch(/"rule-5" and 14 more$/);
  });
});

test('rungs that are met add up, in Enforce and in Audit apart', () => {
  const { alert } = explained(
    [rung({}), storedForCluster('base', { responses: [{ name: 'all', actions: ['Evict', 'Label'] }] })],
    { alert: anAlert(), container: 'web' },
  );
  expect(alert).toMatchObject({ container: 'web', done: ['Label'], recorded: ['Evict'] });
  expect(alert?.policies.map(({ name, mode, kept }) => [name, mode, kept])).toEqual([
    ['web', 'Enforce', true],
    ['base', 'Audit', true],
  ]);
});

describe('an exception', () => {
  const exception = (change: Record<string, unknown>) =>
    stored('web', {
      mode: 'Enforce',
      exceptions: [
        {
          name: 'known',
          image: 'registry.example/*',
          reason: 'updates itself',
          expires: '2027-01-01T00:00:00Z',
          ...change,
        },
      ],
    });

  test.for([
    [{}, 'Applies', 'applies, until 2027-01-01T00:00:00Z'],
    [{ expires: '2026-01-01T00:00:00Z' }, 'Expired', 'ended at 2026-01-01T00:00:00Z'],
    [{ image: 'docker.io/*' }, 'Image', 'the image of the container does not match "docker.io/*"'],
    [{ condition: 'pod.name == "x"' }, 'Condition', 'the condition is false: pod.name == "x"'],
    [
      { condition: 'detection.fields["a"] == "x"' },
      'ConditionError',
      'the condition cannot be evaluated, which is no match: detection.fields["a"] == "x"',
    ],
  ] as const)('%j: %s', ([change, state, message]) => {
    const { exceptions, alert } = explained([exception(change)], { alert: anAlert(), container: 'web' });
    expect(exceptions).toMatchObject([{ name: 'known', maxAction: 'Label', state, message }]);
    const cap = { by: 'Exception', name: 'known', maxAction: 'Label', until: '2027-01-01T00:00:00Z' };
    expect(alert?.policies[0]?.cap).toEqual(state === 'Applies' ? cap : null);
    expect(alert?.done).toEqual(state === 'Applies' ? ['Label'] : ['Label', 'Isolate', 'Capture', 'Evict']);
  });

  test('never applies while the container is not known', () => {
    const { exceptions } = explained([exception({})], { alert: anAlert() });
    expect(exceptions[0]).toMatchObject({ state: 'Container' });
  });

  test.for([
    ['a container that is known', 'web', {}, 'Applies', 'applies, until 2027-01-01T00:00:00Z'],
    ['an unknown one', undefined, {}, 'MayApply', 'applies if the alert is about container web'],
    ['a condition', 'web', { condition: 'true' }, 'MayApply', 'applies if the condition is true: true'],
    ['no container that matches', undefined, { image: 'x' }, 'Image', 'the image of no container matches'],
    ['its end', undefined, { expires: '2026-01-01T00:00:00Z' }, 'Expired', 'ended at 2026-01-01T00:00:00Z'],
  ] as const)('without an alert is told by %s', ([, container, change, state, message]) => {
    const { exceptions } = explained([exception(change)], { container });
    expect(exceptions).toMatchObject([{ state, message }]);
  });
});

test('nothing is done to a protected pod, whatever is met', () => {
  const subject = { pod: aPod({ mirror: true }) };
  const { alert, response, pod, ladder } = explained([rung({})], { alert: anAlert(), subject });
  expect(pod.protected).toMatchObject({ reason: 'MirrorPod' });
  expect(alert).toMatchObject({ done: [], recorded: [] });
  expect(response).toMatchObject({ done: [], steps: [], held: { reason: 'Protected' } });
  expect(ladder).toBeNull();
});

test('policies beyond what an incident records are left out by name, and their care still counts', () => {
  const many = Array.from({ length: 33 }, (_, index) =>
    stored(`p${String(index).padStart(2, '0')}`, { eviction: { gracePeriodSeconds: index + 1 } }),
  );
  const { alert, settings } = explained(many, { alert: anAlert() });
  expect(alert?.policies.filter(({ kept }) => !kept).map(({ name }) => name)).toEqual(['p32']);
  const grace = settings.find(({ field }) => field === 'eviction.gracePeriodSeconds');
  expect(grace).toMatchObject({ value: 33, from: [{ name: 'p32' }] });
});
