// Which workload is at the top of a pod, told by names and labels only.
import { describe, expect, test } from 'vitest';
import { topWorkload, type Owned } from '../../../src/decide/top-workload.ts';

const owned = (
  apiVersion: string,
  kind: string,
  name: string,
  labels: Record<string, string> = {},
): Owned => ({
  namespace: 'shop',
  name: 'pod-1',
  labels,
  workload: { apiVersion, kind, name },
});

describe('the top-level workload of a pod', () => {
  test.for<[string, Owned, string, string]>([
    [
      'of a Deployment',
      owned('apps/v1', 'ReplicaSet', 'web-5d9f', { 'pod-template-hash': '5d9f' }),
      'Deployment',
      'web',
    ],
    [
      'of an Argo Rollout',
      owned('apps/v1', 'ReplicaSet', 'web-5d9f', { 'rollouts-pod-template-hash': '5d9f' }),
      'Rollout',
      'web',
    ],
    ['of a CronJob', owned('batch/v1', 'Job', 'report-29012345'), 'CronJob', 'report'],
    ['of a ReplicaSet without a hash', owned('apps/v1', 'ReplicaSet', 'web-5d9f'), 'ReplicaSet', 'web-5d9f'],
    [
      'of a ReplicaSet with the hash of another',
      owned('apps/v1', 'ReplicaSet', 'web-5d9f', { 'pod-template-hash': 'd9f' }),
      'ReplicaSet',
      'web-5d9f',
    ],
    [
      'of a ReplicaSet that is called like its hash',
      owned('apps/v1', 'ReplicaSet', '-5d9f', { 'pod-template-hash': '5d9f' }),
      'ReplicaSet',
      '-5d9f',
    ],
    [
      'of a ReplicaSet of another group',
      owned('example.com/v1', 'ReplicaSet', 'web-5d9f', { 'pod-template-hash': '5d9f' }),
      'ReplicaSet',
      'web-5d9f',
    ],
    ['of a Job by hand', owned('batch/v1', 'Job', 'migrate'), 'Job', 'migrate'],
    ['of a StatefulSet', owned('apps/v1', 'StatefulSet', 'db'), 'StatefulSet', 'db'],
    ['of the core group', owned('v1', 'ReplicationController', 'old'), 'ReplicationController', 'old'],
    ['of a bare pod: itself', { namespace: 'shop', name: 'lonely', labels: {} }, 'Pod', 'lonely'],
  ])('%s', ([, pod, kind, name]) => {
    expect(topWorkload(pod)).toMatchObject({ kind, name });
  });

  test('is the same for pods of two ReplicaSets of one Deployment', () => {
    const one = owned('apps/v1', 'ReplicaSet', 'web-aaa', { 'pod-template-hash': 'aaa' });
    const other = owned('apps/v1', 'ReplicaSet', 'web-bbb', { 'pod-template-hash': 'bbb' });
    expect(topWorkload(one).key).toBe(topWorkload(other).key);
  });

  test('is read from a record and from a pod alike', () => {
    const { workload, ...pod } = owned('apps/v1', 'ReplicaSet', 'web-aaa', { 'pod-template-hash': 'aaa' });
    const controller = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web-aaa',
      uid: 'u',
      controller: true,
    };
    expect(topWorkload({ ...pod, ownerReferences: [controller] })).toEqual(topWorkload({ ...pod, workload }));
  });

  test.for<[string, Owned]>([
    ['another namespace', { ...owned('apps/v1', 'StatefulSet', 'db'), namespace: 'other' }],
    ['another kind', owned('apps/v1', 'DaemonSet', 'db')],
    ['another group', owned('example.com/v1', 'StatefulSet', 'db')],
    ['another name', owned('apps/v1', 'StatefulSet', 'db2')],
  ])('is told apart from that of %s', ([, other]) => {
    expect(topWorkload(other).key).not.toBe(topWorkload(owned('apps/v1', 'StatefulSet', 'db')).key);
  });

  test('has a key that the ledger has room for, however long its owner is called', () => {
    const long = (name: string) => topWorkload(owned(`${'g'.repeat(253)}/v1`, 'K'.repeat(63), name)).key;
    const [one, other] = [long(`${'n'.repeat(252)}a`), long(`${'n'.repeat(252)}b`)];
    expect(one).toHaveLength(512);
    expect(other).not.toBe(one);
  });
});
