// Whether a quota has room for a replacement, by what Kubernetes counts of a pod.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { quotaFacts, type QuotaFacts } from '../../../src/api/resource-quota.ts';
import { usageOf } from '../../../src/decide/pod-usage.ts';
import { describeShortage, roomFor } from '../../../src/decide/quota.ts';

const podOf = (spec: object) => ({ metadata: { name: 'web-1' }, spec }) as unknown as KubeObject;
const container = (requests: object, limits: object = {}, more: object = {}) => ({
  name: 'c',
  resources: { requests, limits },
  ...more,
});
const POD = podOf({ containers: [container({ cpu: '500m', memory: '64Mi' }, { memory: '128Mi' })] });

function quota(hard: Record<string, string>, used: Record<string, string>, spec: object = {}): QuotaFacts {
  return quotaFacts({
    metadata: { name: 'small' },
    spec: { hard, ...spec },
    status: { hard, used },
  } as unknown as KubeObject);
}
const amounts = (spec: object) =>
  Object.fromEntries([...usageOf(podOf(spec)).amounts].filter(([name]) => name.includes('.')));
const CORE = 1_000_000_000n;

describe('what a pod counts', () => {
  test('is the sum of its containers', () => {
    const spec = { containers: [container({ cpu: '1' }, { cpu: '2' }), container({ cpu: '500m' })] };
    expect(amounts(spec)).toEqual({ 'requests.cpu': (CORE * 3n) / 2n, 'limits.cpu': CORE * 2n });
  });

  test('is what a container that runs before them needs, if that is more', () => {
    const spec = { containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '3' })] };
    expect(amounts(spec)).toMatchObject({ 'requests.cpu': CORE * 3n });
  });

  test('includes containers that start first and go on', () => {
    const sidecar = container({ cpu: '2' }, {}, { restartPolicy: 'Always' });
    const both = {
      containers: [container({ cpu: '1' })],
      initContainers: [sidecar, container({ cpu: '2' })],
    };
    expect(amounts(both)).toMatchObject({ 'requests.cpu': CORE * 4n });
    expect(amounts({ ...both, initContainers: [sidecar] })).toMatchObject({ 'requests.cpu': CORE * 3n });
  });

  test('includes its overhead, and what it asks for as a whole counts instead of its containers', () => {
    const spec = { containers: [container({ cpu: '1' })], overhead: { cpu: '1' } };
    expect(amounts(spec)).toEqual({ 'requests.cpu': CORE * 2n });
    expect(amounts({ ...spec, resources: { requests: { cpu: '5' } } })).toEqual({
      'requests.cpu': CORE * 6n,
    });
  });
});

describe('a quota', () => {
  test.for<[string, Record<string, string>, Record<string, string>, boolean]>([
    ['of pods with room', { pods: '4' }, { pods: '3' }, true],
    ['of pods that is full', { pods: '3' }, { pods: '3' }, false],
    ['of all pods that is full', { 'count/pods': '3' }, { 'count/pods': '3' }, false],
    ['of CPU with just room', { 'requests.cpu': '2' }, { 'requests.cpu': '1500m' }, true],
    ['of CPU without', { 'requests.cpu': '2' }, { 'requests.cpu': '1501m' }, false],
    ['of CPU by its short name', { cpu: '2' }, { cpu: '1800m' }, false],
    ['of memory', { 'requests.memory': '128Mi' }, { 'requests.memory': '65Mi' }, false],
    ['of limits', { 'limits.memory': '1Gi' }, { 'limits.memory': '1023Mi' }, false],
    [
      'of what the pod does not use',
      { 'requests.nvidia.com/gpu': '0' },
      { 'requests.nvidia.com/gpu': '0' },
      true,
    ],
    ['of other objects', { services: '1' }, { services: '1' }, true],
    ['that was not counted yet', { pods: '100' }, {}, false],
  ])('%s', ([, hard, used, room]) => {
    expect(roomFor(usageOf(POD), [quota(hard, used)], 0).beside === undefined).toBe(room);
  });

  test('has no room that another replacement is still to take', () => {
    const one = quota({ pods: '4' }, { pods: '3' });
    expect(roomFor(usageOf(POD), [one], 0)).toEqual({});
    expect(roomFor(usageOf(POD), [one], 1).beside).toMatchObject({ quota: 'small', resource: 'pods' });
  });

  test('that is full has room for the replacement of a pod that is gone, unless more is used than it allows', () => {
    expect(roomFor(usageOf(POD), [quota({ pods: '3' }, { pods: '3' })], 0).after).toBeUndefined();
    expect(roomFor(usageOf(POD), [quota({ pods: '2' }, { pods: '3' })], 0).after).toBeDefined();
  });

  const scoped = (...matchExpressions: object[]) => ({ scopeSelector: { matchExpressions } });
  const PRIORITY = { scopeName: 'PriorityClass' };
  test.for<[string, object, object, boolean]>([
    ['NotTerminating', { scopes: ['NotTerminating'] }, {}, true],
    ['Terminating', { scopes: ['Terminating'] }, {}, false],
    ['Terminating, of a pod that must end', { scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, true],
    ['BestEffort', { scopes: ['BestEffort'] }, {}, false],
    ['BestEffort, of such a pod', { scopes: ['BestEffort'] }, { containers: [{ name: 'c' }] }, true],
    ['NotBestEffort', { scopes: ['NotBestEffort'] }, {}, true],
    [
      'its priority class',
      scoped({ ...PRIORITY, operator: 'In', values: ['high'] }),
      { priorityClassName: 'high' },
      true,
    ],
    ['another class', scoped({ ...PRIORITY, operator: 'In', values: ['high'] }), {}, false],
    ['not that class', scoped({ ...PRIORITY, operator: 'NotIn', values: ['high'] }), {}, true],
    ['any class', scoped({ ...PRIORITY, operator: 'Exists' }), {}, false],
    ['no class', scoped({ ...PRIORITY, operator: 'DoesNotExist' }), {}, true],
    ['one of two', { scopes: ['NotBestEffort', 'Terminating'] }, {}, false],
    ['a scope of later', { scopes: ['Purple'] }, {}, true],
    ['a scope called constructor', { scopes: ['constructor'] }, {}, true],
  ])('is about pods of its scopes: %s', ([, spec, change, counts]) => {
    const full = quota({ pods: '1' }, { pods: '1' }, spec);
    const given = podOf({ containers: [container({ cpu: '1' })], ...change });
    expect(roomFor(usageOf(given), [full], 0).beside !== undefined).toBe(counts);
  });

  test('says what is full', () => {
    const words = (one: QuotaFacts) => {
      const { beside } = roomFor(usageOf(POD), [one], 0);
      return beside && describeShortage(beside);
    };
    expect(words(quota({ pods: '3' }, { pods: '3' }))).toBe('quota small allows 3 of pods, and 3 are used');
    expect(words(quota({ pods: '3' }, {}))).toBe(
      'quota small limits pods to 3, and what is used of it is not known yet',
    );
  });
});
