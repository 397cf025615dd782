// Whether anybody has to take the place of a pod, by what its workload says.
import { describe, expect, test } from 'vitest';
import { needlessOf, type OwnerSight, type OwnerState } from '../../../src/decide/owner-need.ts';
import { target, workload } from './builders.ts';

const state = (kind: string, change: Partial<OwnerState> = {}): OwnerState => ({
  kind,
  name: 'web',
  uid: 'owner-1',
  terminating: false,
  wants: 3,
  ...change,
});
const ask = (sight: Partial<OwnerSight> & Pick<OwnerSight, 'owner'>, name = 'web-1') =>
  needlessOf(target({ name, workload: workload('apps/v1', sight.owner.kind) }), {
    above: undefined,
    copies: 2,
    ...sight,
  });
const set = (change: Partial<OwnerState> = {}) => state('ReplicaSet', change);
const deployment = (change: Partial<OwnerState> = {}) => state('Deployment', { uid: 'top-1', ...change });

describe('somebody has to', () => {
  test.each<[string, Parameters<typeof ask>[0]]>([
    ['a ReplicaSet lacks a pod', { owner: set() }],
    ['a Deployment wants more and its ReplicaSet lacks a pod', { owner: set(), above: deployment() }],
    ['a ReplicaSet of something unknown lacks a pod', { owner: set(), above: 'unknown' }],
    ['a DaemonSet lacks a pod', { owner: state('DaemonSet', { isComplete: false }) }],
    ['a Job goes on', { owner: state('Job') }],
    ['the StatefulSet has its ordinal', { owner: state('StatefulSet') }],
  ])('where %s', (_, sight) => expect(ask(sight)).toBeUndefined());
});

describe('nobody has to, plainly', () => {
  test.each<[string, Parameters<typeof ask>[0], string]>([
    ['the ReplicaSet is gone', { owner: set({ uid: undefined }) }, 'ReplicaSet web is gone'],
    ['it is being deleted', { owner: set({ terminating: true }) }, 'ReplicaSet web is gone'],
    ['another one has its name', { owner: set({ uid: 'other' }) }, 'ReplicaSet web is gone'],
    [
      'the Deployment is gone',
      { owner: set(), above: deployment({ uid: undefined }) },
      'Deployment web is gone',
    ],
    [
      'the Deployment wants none',
      { owner: set({ wants: 0 }), above: deployment({ wants: 0 }) },
      'Deployment web was scaled down to nothing',
    ],
    [
      'a ReplicaSet of its own wants none',
      { owner: set({ wants: 0 }) },
      'ReplicaSet web was scaled down to nothing',
    ],
    ['the Job has ended', { owner: state('Job', { ended: 'Complete' }) }, 'Job web has ended (Complete)'],
    ['the Job is suspended', { owner: state('Job', { ended: 'Suspended' }) }, 'Job web is suspended'],
    [
      'the ordinal is gone',
      { owner: state('StatefulSet', { wants: 1 }) },
      'StatefulSet web was scaled down and has no web-1 any more',
    ],
  ])('where %s', (_, sight, message) => expect(ask(sight)).toEqual({ certain: true, message }));

  test('by ordinals that begin later', () => {
    const owner = state('StatefulSet', { wants: 2, firstOrdinal: 5 });
    expect(ask({ owner }, 'web-6')).toBeUndefined();
    expect(ask({ owner }, 'web-7')).toMatchObject({ certain: true });
  });
});

describe('nobody seems to have to', () => {
  test.each<[string, Parameters<typeof ask>[0]]>([
    ['the ReplicaSet has its number', { owner: set(), copies: 3 }],
    ['the Deployment was rolled on', { owner: set({ wants: 0 }), above: deployment() }],
    ['the ReplicaSet went with a rollout', { owner: set({ uid: undefined }), above: deployment() }],
    ['the ReplicaSet of something unknown is gone', { owner: set({ uid: undefined }), above: 'unknown' }],
    ['the DaemonSet has all its pods', { owner: state('DaemonSet', { isComplete: true }) }],
  ])('where %s', (_, sight) => expect(ask(sight)).toMatchObject({ certain: false }));
});
