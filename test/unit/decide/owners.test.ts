// Owners: the form of isolation for each kind of owner, with its side effects, and who would replace an evicted pod.
import { describe, expect, test } from 'vitest';
import { evictable, formFor } from '../../../src/decide/owners.ts';
import { pod, target, workload } from './builders.ts';

const RUNNING = pod();

describe('the form', () => {
  test.each<[string, string, string, RegExp]>([
    ['apps/v1', 'StatefulSet', 'StatefulSet', /name is taken.*traffic fails/],
    ['apps/v1', 'DaemonSet', 'DaemonSet', /second pod on the node/],
    ['batch/v1', 'Job', 'Job', /second time.*counts it as active/],
    ['v1', 'ReplicationController', 'UnknownOwner', /not known what its controller does/],
    ['v1', 'Node', 'UnknownOwner', /not known/],
    ['apps.kruise.io/v1beta1', 'StatefulSet', 'UnknownOwner', /not known/],
    ['example.com/v1', 'ReplicaSet', 'UnknownOwner', /not known/],
    ['apps', 'ReplicaSet', 'UnknownOwner', /not known/],
    ['batch/v1', 'ReplicaSet', 'UnknownOwner', /not known/],
    ['apps/v1', 'replicaset', 'UnknownOwner', /not known/],
    ['apps/v1', 'Job', 'UnknownOwner', /not known/],
    ['', '', 'UnknownOwner', /not known/],
  ])('is gentle for %s %s: %s', (apiVersion, kind, reason, message) => {
    expect(formFor(target({ workload: workload(apiVersion, kind) }), RUNNING)).toEqual({
      form: 'Gentle',
      reason,
      message: expect.stringMatching(message),
    });
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
      expect(message.length).toBeLessThan(300);
    }
  });
});

describe('eviction', () => {
  test.each(['ReplicaSet', 'StatefulSet', 'Anything'])('is fine for a pod of a %s', (kind) => {
    expect(evictable(target({ workload: workload('apps/v1', kind) }), { phase: 'Running' })).toEqual({
      ok: true,
    });
  });

  test('is held for a bare pod, which nobody would start again, and says what to do', () => {
    expect(evictable(target(), { phase: 'Running' })).toEqual({
      ok: false,
      reason: 'NoController',
      message:
        'no controller would replace shop/web-1: release the incident, or delete the pod and start a clean one yourself',
    });
  });

  test('is held for a pod whose owners do not manage it', () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' };
    expect(evictable(target({ ownerReferences: [owner] }), { phase: 'Running' }).ok).toBe(false);
  });
});

describe('a pod that has ended', () => {
  test.each(['Succeeded', 'Failed'] as const)('%s is not evicted: only its logs would go', (phase) => {
    const owned = target({ workload: workload('batch/v1', 'Job') });
    expect(evictable(owned, { phase })).toMatchObject({ ok: false, reason: 'Finished' });
  });
});
