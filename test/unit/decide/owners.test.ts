// Owners: the form of isolation for each kind of owner, with its side effects, and who would replace an evicted pod.
import { describe, expect, test } from 'vitest';
import { adopterOf, evictable, formFor, losesOwners, type FormReason } from '../../../src/decide/owners.ts';
import { pod, target, workload } from './builders.ts';

const RUNNING = pod();
const of = (kind: string) => target({ workload: workload('apps/v1', kind) });

describe('the form', () => {
  test.each<[string, string, FormReason, RegExp]>([
    ['apps/v1', 'DaemonSet', 'DaemonSet', /beside it on the node.*same paths/],
    ['batch/v1', 'Job', 'Job', /neither as active nor as failed.*anew/],
    ['v1', 'ReplicationController', 'UnknownOwner', /does not know/],
    ['v1', 'Node', 'UnknownOwner', /does not know/],
    ['apps.kruise.io/v1beta1', 'StatefulSet', 'UnknownOwner', /does not know/],
    ['example.com/v1', 'ReplicaSet', 'UnknownOwner', /does not know/],
    ['apps', 'ReplicaSet', 'UnknownOwner', /does not know/],
    ['batch/v1', 'ReplicaSet', 'UnknownOwner', /does not know/],
    ['apps/v1', 'replicaset', 'UnknownOwner', /does not know/],
    ['apps/v1', 'Job', 'UnknownOwner', /does not know/],
    ['', '', 'UnknownOwner', /does not know/],
  ])('is an orphan for %s %s: %s', (apiVersion, kind, reason, message) => {
    expect(formFor(target({ workload: workload(apiVersion, kind) }), RUNNING)).toEqual({
      form: 'Orphan',
      reason,
      message: expect.stringMatching(message),
    });
  });

  test('is gentle for a StatefulSet, whose name is taken', () => {
    expect(formFor(of('StatefulSet'), RUNNING)).toEqual({
      form: 'Gentle',
      reason: 'StatefulSet',
      message: expect.stringMatching(/name is taken.*traffic fails/),
    });
  });

  test('is gentle for a DaemonSet with ports of the node, where no second pod could run', () => {
    expect(formFor(of('DaemonSet'), pod({ hostPorts: true }))).toMatchObject({
      form: 'Gentle',
      reason: 'HostPorts',
    });
    const set = formFor(of('ReplicaSet'), pod({ hostPorts: true }));
    expect(set).toMatchObject({ form: 'Orphan', reason: 'ReplicaSet' });
    expect(set.message).toContain('only on a node where its host ports are free');
  });

  test('is gentle where a second pod would write to the same volume claims', () => {
    const stateful = pod({ volumeClaims: true });
    for (const owner of [of('Unknown'), target({ workload: workload('batch/v1', 'Job') })])
      expect(formFor(owner, stateful)).toMatchObject({ form: 'Gentle', reason: 'VolumeClaims' });
    for (const owner of [of('ReplicaSet'), of('DaemonSet')])
      expect(formFor(owner, stateful).form).toBe('Orphan');
    expect(formFor(of('StatefulSet'), stateful).reason).toBe('StatefulSet');
  });

  test('says that namespaces of the node, which a pod shares, are not cut', () => {
    const shared = pod({ hostNamespaces: true });
    for (const owner of [of('ReplicaSet'), of('StatefulSet'), target()])
      expect(formFor(owner, shared).message).toContain('no NetworkPolicy holds it');
    expect(formFor(of('ReplicaSet'), shared).form).toBe('Orphan');
  });

  test('says of a pod that has not started that what starts later is isolated', () => {
    expect(formFor(of('ReplicaSet'), pod({ phase: 'Pending' })).message).toContain(
      'those that start later are isolated from their start',
    );
  });

  test.each(['apps/v1', 'apps/v1beta2'])('is an orphan for a ReplicaSet of %s', (apiVersion) => {
    expect(formFor(target({ workload: workload(apiVersion, 'ReplicaSet') }), RUNNING)).toEqual({
      form: 'Orphan',
      reason: 'ReplicaSet',
      message: expect.stringMatching(/^All labels are taken away.*clean replacement\.$/),
    });
  });

  test('is gentle for a bare pod', () => {
    expect(formFor(target(), RUNNING)).toMatchObject({ form: 'Gentle', reason: 'BarePod' });
  });

  const replicaSet = target({ workload: workload('apps/v1', 'ReplicaSet') });

  test('is gentle where not all labels are recorded, as they could not be put back', () => {
    const truncated = { ...replicaSet, labelsTruncated: true };
    expect(formFor(truncated, RUNNING)).toEqual({
      form: 'Gentle',
      reason: 'LabelsTruncated',
      message: expect.stringContaining('more than 128 labels'),
    });
    expect(formFor({ ...replicaSet, labelsTruncated: false }, RUNNING).form).toBe('Orphan');
  });

  test('is gentle on the network of the node, and says that nothing is cut', () => {
    expect(formFor(replicaSet, pod({ hostNetwork: true }))).toEqual({
      form: 'Gentle',
      reason: 'HostNetwork',
      message: expect.stringContaining('the traffic of the pod is not cut'),
    });
    const daemon = target({ workload: workload('apps/v1', 'DaemonSet') });
    expect(formFor(daemon, pod({ hostNetwork: true })).reason).toBe('HostNetwork');
  });

  test.each(['Succeeded', 'Failed'] as const)(
    'is gentle for a pod that %s: its controller does not let go of it',
    (phase) => {
      for (const owner of [replicaSet, target({ workload: workload('batch/v1', 'Job') })]) {
        expect(formFor(owner, pod({ phase }))).toMatchObject({ form: 'Gentle', reason: 'Finished' });
      }
    },
  );

  test.each(['Pending', 'Running', 'Unknown'] as const)('is an orphan for a pod that is %s', (phase) => {
    expect(formFor(replicaSet, pod({ phase })).form).toBe('Orphan');
  });

  test('is told in one sentence that fits into a plan', () => {
    const owners = [
      target(),
      ...['ReplicaSet', 'StatefulSet', 'DaemonSet', 'Other'].map((kind) =>
        target({ workload: workload('apps/v1', kind) }),
      ),
    ];
    for (const owner of owners) {
      const { message } = formFor(owner, RUNNING);
      expect(message).toMatch(/^[A-Z].*\.$/);
      expect(message.length).toBeLessThan(350);
    }
  });
});

describe('owner references', () => {
  test.each<[string, string, boolean, string]>([
    ['apps/v1', 'ReplicaSet', false, 'Controller'],
    ['apps/v1', 'DaemonSet', false, 'Controller'],
    ['apps/v1', 'StatefulSet', false, 'Controller'],
    ['batch/v1', 'Job', true, 'Job'],
    ['example.com/v1', 'Fleet', true, 'Nobody'],
  ])('of a pod of %s %s', (apiVersion, kind, taken, adopter) => {
    const owned = target({ workload: workload(apiVersion, kind) });
    expect(losesOwners(owned)).toBe(taken);
    expect(adopterOf(owned)).toBe(adopter);
  });

  test('of a bare pod stay', () => {
    expect(losesOwners(target())).toBe(false);
  });
});

describe('eviction', () => {
  test.each(['ReplicaSet', 'StatefulSet', 'Anything'])('is fine for a pod of a %s', (kind) => {
    expect(evictable(target({ workload: workload('apps/v1', kind) }), { phase: 'Running' })).toEqual({
      ok: true,
    });
  });

  test('is fine for a bare pod as far as its owner goes: a person decides', () => {
    expect(evictable(target(), { phase: 'Running' })).toEqual({ ok: true });
  });
});

describe('a pod that has ended', () => {
  test.each(['Succeeded', 'Failed'] as const)('%s is not evicted: only its logs would go', (phase) => {
    const owned = target({ workload: workload('batch/v1', 'Job') });
    expect(evictable(owned, { phase })).toMatchObject({ ok: false, reason: 'Finished' });
  });
});
