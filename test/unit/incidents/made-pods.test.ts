// Pods as they were when they were seen first with a controller.
import { describe, expect, test } from 'vitest';
import { MadePods } from '../../../src/incidents/made-pods.ts';
import { aPod } from '../../support/builders.ts';

const SET = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'set-1', controller: true };
const OTHER = { ...SET, name: 'evil', uid: 'set-2' };
const podOf = (owner: typeof SET | undefined, labels: Record<string, string> = { app: 'web' }) =>
  aPod({ uid: 'pod-1', labels, ownerReferences: owner ? [owner] : [] });

describe('a pod', () => {
  test('that its controller let go of has controller and labels of then', () => {
    const made = new MadePods();
    made.of(podOf(SET));
    expect(made.of(podOf(undefined, { app: 'else', more: 'x' }))).toMatchObject({
      labels: { app: 'web', more: 'x' },
      ownerReferences: [SET],
    });
  });

  test('that belongs to another controller since has the first one', () => {
    const made = new MadePods();
    made.of(podOf(SET));
    expect(made.of(podOf(OTHER, { app: 'evil' }))).toMatchObject({
      labels: { app: 'web' },
      ownerReferences: [SET],
    });
    expect(made.of(podOf(OTHER)).ownerReferences).toEqual([SET]);
  });

  test('that its controller keeps has the labels of now, but the revision of then', () => {
    const made = new MadePods();
    made.of(podOf(SET, { app: 'web', 'controller-revision-hash': 'a' }));
    const now = podOf(SET, { app: 'else', 'controller-revision-hash': 'b' });
    expect(made.of(now).labels).toEqual({ app: 'else', 'controller-revision-hash': 'a' });
  });

  test('that nobody made is as it is, until somebody adopts it', () => {
    const made = new MadePods();
    const bare = podOf(undefined);
    expect(made.of(bare)).toBe(bare);
    made.of(podOf(SET));
    expect(made.of(bare).ownerReferences).toEqual([SET]);
  });

  test('that was forgotten is seen first again', () => {
    const made = new MadePods();
    made.of(podOf(SET));
    made.forget('pod-1');
    expect(made.of(podOf(OTHER)).ownerReferences).toEqual([OTHER]);
  });
});
