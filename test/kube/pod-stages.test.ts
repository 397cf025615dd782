// The test bed itself: how our kubelet reads a pod's life.
import { describe, expect, test } from 'vitest';
import { DEFAULT_TIMINGS, stageMs, stageOf } from '../support/pod-stages.ts';
import {
  imageId,
  missingImages,
  ready,
  running,
  terminated,
  type KubeletPod,
} from '../support/pod-status.ts';

const AT = '2026-11-22T03:00:00.000Z';

function pod(overrides: { metadata?: object; spec?: object; status?: object } = {}): KubeletPod {
  const metadata = {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: AT,
  };
  const status = overrides.status === undefined ? {} : { status: overrides.status };
  return {
    metadata: { ...metadata, ...overrides.metadata },
    spec: { containers: [{ name: 'web', image: 'shop/web:1' }], ...overrides.spec },
    ...status,
  };
}

const bound = { nodeName: 'n1' };
const up = { name: 'web', ready: false, state: { running: { startedAt: AT } } };
const down = { ...up, state: { terminated: {} } };
const pulling = { ...up, state: { waiting: { reason: 'ErrImagePull' } } };
const deleted = (grace: number) => ({ deletionTimestamp: AT, deletionGracePeriodSeconds: grace });

describe('the stage of a pod', () => {
  test.for([
    ['Unbound', pod()],
    ['Starting', pod({ spec: bound })],
    ['Pulling', pod({ spec: bound, status: { containerStatuses: [pulling] } })],
    ['Running', pod({ spec: bound, status: { phase: 'Running', containerStatuses: [up] } })],
    [
      'Ready',
      pod({ spec: bound, status: { phase: 'Running', containerStatuses: [{ ...up, ready: true }] } }),
    ],
    ['Over', pod({ spec: bound, status: { phase: 'Succeeded', containerStatuses: [down] } })],
    ['Stopping', pod({ spec: bound, metadata: deleted(30), status: { containerStatuses: [up] } })],
    [
      'Stopped',
      pod({ spec: bound, metadata: deleted(30), status: { phase: 'Failed', containerStatuses: [down] } }),
    ],
    ['Stopped', pod({ spec: bound, metadata: deleted(30) })],
    ['Stopped', pod({ spec: bound, metadata: deleted(0), status: { containerStatuses: [down] } })],
    [
      'Over',
      pod({
        spec: bound,
        metadata: { ...deleted(0), finalizers: ['example.com/held'] },
        status: { containerStatuses: [down] },
      }),
    ],
    ['Stopping', pod({ spec: bound, metadata: deleted(0), status: { containerStatuses: [up] } })],
  ] as const)('is %s', ([stage, of]) => {
    expect(stageOf(of)).toBe(stage);
  });

  test.for([
    ['the process ends before the grace does', 300, 30, 300],
    ['the grace ends first', 60_000, 2, 2000],
    ['there is no grace', 60_000, 0, 0],
    ['the process never ends', Infinity, 1, 1000],
  ] as const)('stopping ends when %s', ([, stopMs, grace, expected]) => {
    const of = pod({ metadata: deleted(grace) });
    expect(stageMs('Stopping', of, { ...DEFAULT_TIMINGS, stopMs })).toBe(expected);
  });

  test('is not left by a pod with scheduling gates', () => {
    expect(stageMs('Unbound', pod({ spec: { schedulingGates: [{ name: 'wait' }] } }), DEFAULT_TIMINGS)).toBe(
      Infinity,
    );
    expect(stageMs('Unbound', pod(), DEFAULT_TIMINGS)).toBe(0);
  });
});

describe('what is reported', () => {
  const inputs = { images: new Map([['shop/web:1', 'sha256:1']]), random: () => 0.5, at: AT };

  test('holds only for the pod as it was read', () => {
    expect(running(pod(), inputs).slice(0, 2)).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'test', path: '/metadata/resourceVersion', value: '7' },
    ]);
  });

  test('makes a status where there is none, and keeps the conditions of others', () => {
    const disruption = { type: 'DisruptionTarget', status: 'True' };
    expect(running(pod(), inputs)).toContainEqual({ op: 'add', path: '/status', value: {} });
    const ops = running(
      pod({ status: { conditions: [disruption, { type: 'Ready', status: 'True' }] } }),
      inputs,
    );
    expect(ops).not.toContainEqual(expect.objectContaining({ path: '/status' }));
    const conditions = ops.find(({ path }) => path === '/status/conditions');
    expect(conditions).toMatchObject({
      value: [
        disruption,
        { type: 'Initialized', status: 'True' },
        { type: 'ContainersReady' },
        { type: 'Ready', status: 'False' },
      ],
    });
  });

  test('names the image by the table and the container by 64 random digits', () => {
    const containers = running(pod(), inputs).find(({ path }) => path === '/status/containerStatuses');
    const containerID = `containerd://${'8'.repeat(64)}`;
    expect(containers).toMatchObject({
      value: [{ imageID: 'shop/web@sha256:1', containerID, ready: false }],
    });
  });

  test('keeps the IDs of a container that becomes ready and ends', () => {
    const status = {
      phase: 'Running',
      containerStatuses: [{ ...up, containerID: 'containerd://c', imageID: 'i' }],
    };
    expect(ready(pod({ status }), AT)).toContainEqual(
      expect.objectContaining({ value: [{ ...status.containerStatuses[0], ready: true }] }),
    );
    const end = {
      exitCode: 143,
      reason: 'Error',
      startedAt: AT,
      finishedAt: AT,
      containerID: 'containerd://c',
    };
    expect(terminated(pod({ status }), AT)).toContainEqual(
      expect.objectContaining({
        value: [expect.objectContaining({ imageID: 'i', state: { terminated: end } })],
      }),
    );
  });
});

describe('images', () => {
  test('are missing unless the table holds them or they are named by digest', () => {
    const containers = ['a:1', 'b:1', 'c@sha256:1'].map((image) => ({ name: image, image }));
    expect(missingImages(pod({ spec: { containers } }), new Map([['a:1', 'sha256:1']]))).toEqual(['b:1']);
  });

  test.for([
    ['shop/web:1', 'shop/web@sha256:7'],
    ['localhost:5000/web', 'localhost:5000/web@sha256:7'],
    ['localhost:5000/web:1', 'localhost:5000/web@sha256:7'],
    ['shop/web:1@sha256:0', 'shop/web@sha256:0'],
  ] as const)('%s runs as %s', ([image, id]) => {
    expect(imageId(image, new Map([[image, 'sha256:7']]))).toBe(id);
  });
});
