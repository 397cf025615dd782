// Which policies are about a pod, and why the others are not.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { anIncident, aPod } from '../../support/builders.ts';
import { explained, stored, storedForCluster, SHOP } from './support.ts';

const GRANTS_NOTHING = storedForCluster('guard', { grants: {}, responses: undefined });

describe('a policy that is about the pod', () => {
  test.for([
    ['without a selector', {}],
    ['with a label that the pod has', { match: { podSelector: { matchLabels: { app: 'web' } } } }],
    ['with an image that the pod has', { match: { images: ['registry.example/shop/*'] } }],
  ] as const)('matches %s', ([, spec]) => {
    expect(explained([stored('web', spec)]).policies).toEqual([
      { kind: 'DriftPolicy', name: 'web', mode: 'Audit', state: 'Matches', reasons: [] },
    ]);
  });

  test('is named as one that only grants where it has no rungs', () => {
    expect(explained([GRANTS_NOTHING]).policies).toMatchObject([{ state: 'GrantsOnly', reasons: [] }]);
  });

  test('is not in force while a policy of the cluster that grants is not accepted, as for the operator', () => {
    const responses = [{ name: 'r', actions: ['Label'], condition: 'no.such.name' }];
    const broken = storedForCluster('guard', { grants: { enforce: true }, responses });
    const enforcing = stored('web', { mode: 'Enforce' });
    const stateOf = (...policies: Parameters<typeof explained>[0][number][]) =>
      explained(policies).policies.find(({ name }) => name === 'web')?.state;
    expect(stateOf(enforcing)).toBe('Matches');
    expect(stateOf(enforcing, broken)).toBe('NotPermitted');
  });

  test('is looked up by the labels of the record where an incident took those of the pod away', () => {
    const pod = aPod({ labels: {} });
    const policy = stored('web', { match: { podSelector: { matchLabels: { app: 'web' } } } });
    const stateOf = (incident?: DriftIncident) =>
      explained([policy], { subject: { pod, incident } }).policies[0]?.state;
    expect(stateOf(anIncident())).toBe('Matches');
    expect(stateOf()).toBe('OtherPod');
  });
});

describe('a policy that is not about the pod says which part does not hold', () => {
  const requirement = (key: string, operator: string, values?: string[]) => ({
    match: { podSelector: { matchExpressions: [{ key, operator, ...(values && { values }) }] } },
  });
  const at = (index: string) => `spec.match.podSelector.${index}`;

  test.for([
    [
      'another value of a label',
      { match: { podSelector: { matchLabels: { app: 'db' } } } },
      [[at('matchLabels["app"]'), 'wants "db", the pod has "web"']],
    ],
    [
      'a label that is not there',
      { match: { podSelector: { matchLabels: { tier: 'back', app: 'web' } } } },
      [[at('matchLabels["tier"]'), 'wants "back", the pod has no such label']],
    ],
    [
      'In',
      requirement('app', 'In', ['db', 'cache']),
      [[at('matchExpressions[0]'), 'wants "app" In "db", "cache", the pod has "web"']],
    ],
    [
      'NotIn',
      requirement('app', 'NotIn', ['web']),
      [[at('matchExpressions[0]'), 'wants "app" NotIn "web", the pod has "web"']],
    ],
    [
      'Exists',
      requirement('tier', 'Exists'),
      [[at('matchExpressions[0]'), 'wants "tier" Exists, the pod has no such label']],
    ],
    [
      'DoesNotExist',
      requirement('app', 'DoesNotExist'),
      [[at('matchExpressions[0]'), 'wants "app" DoesNotExist, the pod has "web"']],
    ],
    [
      'no image',
      { match: { images: ['docker.io/*'] } },
      [
        [
          'spec.match.images',
          `no image of the pod matches "docker.io/*": it has "${aPod().containers[0]?.image}"`,
        ],
      ],
    ],
  ] as const)('%s', ([, spec, reasons]) => {
    const [policy] = explained([stored('web', spec)]).policies;
    expect(policy).toMatchObject({ state: 'OtherPod' });
    expect(policy?.reasons.map(({ path, message }) => [path, message])).toEqual(reasons);
  });

  test('every part that does not hold, not only the first', () => {
    const match = { podSelector: { matchLabels: { a: '1', b: '2' } }, images: ['x'] };
    const [policy] = explained([stored('web', { match })]).policies;
    expect(policy?.reasons).toHaveLength(3);
  });
});

describe('a policy that has no say in the namespace', () => {
  test('is of another namespace', () => {
    const [policy] = explained([stored('web', {}, 'DriftPolicy', 'bank')]).policies;
    expect(policy).toMatchObject({
      state: 'OtherNamespace',
      reasons: [{ path: 'metadata.namespace', message: 'is bank, the pod is in shop' }],
    });
  });

  test('selects other namespaces', () => {
    const spec = { namespaceSelector: { matchLabels: { team: 'bank', stage: 'prod' } } };
    expect(explained([storedForCluster('base', spec)]).policies).toMatchObject([
      {
        state: 'OtherNamespace',
        reasons: [
          {
            path: 'spec.namespaceSelector.matchLabels["team"]',
            message: 'wants "bank", the namespace has "shop"',
          },
          {
            path: 'spec.namespaceSelector.matchLabels["stage"]',
            message: 'wants "prod", the namespace has no such label',
          },
        ],
      },
    ]);
  });

  test('is not accepted, with each field that is wrong', () => {
    const responses = [{ name: 'note', actions: ['Label'], condition: 'detection.nope' }];
    const [policy] = explained([stored('bad', { responses, surprise: 1 })]).policies;
    expect(policy).toMatchObject({ mode: null, state: 'NotAccepted' });
    expect(policy?.reasons.map(({ path }) => path)).toEqual(['spec.surprise', 'spec.responses[0].condition']);
  });

  test.for([
    ['Enforce', { mode: 'Enforce' }, 'spec.mode'],
    [
      'exceptions',
      { exceptions: [{ name: 'a', image: '*', reason: 'r', expires: '2027-01-01T00:00:00Z' }] },
      'spec.exceptions',
    ],
  ] as const)('asks for %s, which nobody grants', ([, spec, path]) => {
    const { policies, namespace, checks } = explained([stored('web', spec), GRANTS_NOTHING]);
    expect(policies[0]).toMatchObject({ state: 'NotPermitted', reasons: [{ path }] });
    expect(namespace).toEqual({
      enforce: false,
      exceptions: false,
      breakGlassSeconds: null,
      grantedBy: ['guard'],
    });
    expect(checks).toContainEqual({
      check: 'Policies',
      state: 'Met',
      message: 'DriftPolicy/web asks for what is not permitted',
    });
  });
});

test('policies of the namespace come first, each kind by name, whatever order they were read in', () => {
  const all = [storedForCluster('a'), stored('z'), storedForCluster('b'), stored('y')];
  const names = (policies: typeof all) => explained(policies).policies.map(({ name }) => name);
  expect(names(all)).toEqual(['y', 'z', 'a', 'b']);
  expect(names(all.toReversed())).toEqual(['y', 'z', 'a', 'b']);
});

describe('the break-glass annotation', () => {
  const grants = storedForCluster('guard', {
    grants: { enforce: true, breakGlass: { maxDuration: '4h' } },
    responses: undefined,
  });
  const inHours = (hours: number) => new Date(Date.UTC(2026, 10, 22) + hours * 3_600_000).toISOString();

  test.for([
    ['Absent', undefined, [grants]],
    ['NotGranted', inHours(1), []],
    ['NoTime', 'tomorrow', [grants]],
    ['Ended', inHours(-1), [grants]],
    ['TooLong', inHours(5), [grants]],
    ['Honoured', inHours(3), [grants]],
  ] as const)('is %s', ([state, until, granting]) => {
    const pod = aPod(until === undefined ? {} : { breakGlassUntil: until });
    const { breakGlass } = explained([stored('web'), ...granting], { subject: { pod, space: SHOP } });
    expect(breakGlass).toMatchObject({ state, until: until ?? null });
    expect(breakGlass.message).not.toBe('');
  });

  test('caps every answer where it is honoured', () => {
    const pod = aPod({ breakGlassUntil: inHours(1) });
    const { response, checks } = explained([stored('web', { mode: 'Enforce' }), grants], {
      subject: { pod },
    });
    expect(response?.done).toEqual(['Label']);
    expect(checks.find(({ check }) => check === 'Caps')?.message).toContain('the break-glass annotation');
  });
});
