// What becomes of one detection: opened, added, refused or tried again, whatever the caches and the API server say.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { FINALIZER, INCIDENT_ANNOTATION } from '../../../src/api/names.ts';
import type { DetectionOutcome } from '../../../src/detect/outcome.ts';
import type { Retry } from '../../../src/detect/queue.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { aDetection, aPod, aPolicy, NOW } from '../../support/builders.ts';
import { refused } from './support.ts';
import { POD, NAME, SECOND, TAKEN, existing, unacceptable, type Scene, scene } from './open-scene.ts';

describe('a detection in a pod', () => {
  test('opens an incident that holds the pod as it was, and the container by name', async () => {
    const { open, created } = scene({});
    expect(await open()).toMatchObject({ outcome: 'Opened', incident: `shop/${NAME}` });
    expect(created).toMatchObject([
      {
        metadata: { name: NAME, finalizers: [FINALIZER] },
        spec: {
          target: { uid: POD.uid, labels: POD.labels },
          trigger: { detection: { containerName: 'web' }, severity: 'Critical' },
        },
      },
    ]);
    expect(created[0]?.spec).not.toHaveProperty('previous');
  });

  test.each<[string, object, boolean]>([
    ['Label in Enforce', { responses: [{ name: 'a', actions: ['Label'] }] }, true],
    ['Isolate in Enforce', { responses: [{ name: 'a', actions: ['Isolate'] }] }, true],
    ['Capture in Enforce', { responses: [{ name: 'a', actions: ['Capture'] }] }, false],
    ['everything in Audit', { mode: 'Audit' }, false],
  ])('has the finalizer from the start for %s: %s', async (_what, spec, has) => {
    const { open, created } = scene({ policies: [aPolicy(spec)] });
    await open();
    expect(created[0]?.metadata.finalizers).toEqual(has ? [FINALIZER] : undefined);
  });

  test('that is older than the limit is recorded, and asks for nothing', async () => {
    const { open, created } = scene({});
    const time = new Date(NOW - 900_001).toISOString();
    expect(await open(aDetection({ time }))).toMatchObject({ outcome: 'Opened' });
    expect(created[0]?.spec.trigger.policies).toMatchObject([{ mode: 'Audit' }]);
    expect(created[0]?.spec.trigger.recordedOnly).toContain('900 s');
    expect(created[0]?.metadata).not.toHaveProperty('finalizers');
  });

  test('that is as old as the limit is acted on', async () => {
    const { open, created } = scene({});
    await open(aDetection({ time: new Date(NOW - 900_000).toISOString() }));
    expect(created[0]?.spec.trigger).not.toHaveProperty('recordedOnly');
  });

  test.each<[string, Scene, Partial<DetectionOutcome>]>([
    ['no policy', { policies: [] }, { outcome: 'NoPolicy' }],
    [
      'a policy of another namespace',
      { policies: [aPolicy({}, { namespace: 'other' })] },
      { outcome: 'NoPolicy' },
    ],
    [
      'a policy that is not accepted',
      {
        policies: [unacceptable()],
      },
      { outcome: 'NoPolicy' },
    ],
    [
      'a protected namespace',
      { options: { protectedNamespaces: new Set(['shop']) } },
      { outcome: 'Protected' },
    ],
    ['a mirror pod', { pods: [aPod({ mirror: true })] }, { outcome: 'Protected' }],
  ])('writes nothing for %s', async (_what, given, outcome) => {
    const { open, created, reports } = scene(given);
    expect(await open()).toMatchObject(outcome);
    expect([created, reports.sent]).toEqual([[], []]);
  });
});

describe('a detection in a pod that has an open incident', () => {
  test('is added, with policies asked for the labels that the pod had', async () => {
    const isolated = aPod({ labels: {}, ownerReferences: [] });
    const policies = [aPolicy({ match: { podSelector: { matchLabels: { app: 'web' } } } })];
    const { open, created } = scene({ pods: [isolated], policies, incidents: [existing()] });
    expect(await open()).toMatchObject({ outcome: 'Reported', incident: `shop/${NAME}` });
    expect(created).toEqual([]);
  });

  test('and is the one that opened it, is Opened and not counted again', async () => {
    const { open, reports } = scene({ incidents: [existing()] });
    expect(await open(aDetection())).toMatchObject({ outcome: 'Opened' });
    expect(reports.sent).toEqual([]);
  });

  test('that ended meanwhile is tried again soon, and opens the next', async () => {
    const { open, created, reports } = scene({ incidents: [existing()] });
    reports.failures.push(refused(404, 'NotFound'));
    const another = aDetection({ id: '2'.repeat(32), rule: 'Another rule' });
    const first = (await open(another)) as Retry;
    expect(first.retryAfterMs).toBeGreaterThan(0);
    expect(await open(another)).toMatchObject({ outcome: 'Opened', incident: `shop/${SECOND}` });
    expect(created).toMatchObject([{ spec: { previous: NAME } }]);
  });
});

describe('a pod whose incident is over', () => {
  const over = existing({ status: { phase: 'Released' } });

  test('gets the next, which names the one before', async () => {
    const { open, created } = scene({ incidents: [over] });
    expect(await open()).toMatchObject({ outcome: 'Opened', incident: `shop/${SECOND}` });
    expect(created).toMatchObject([{ spec: { previous: NAME } }]);
  });

  test('and that still carries its mark is looked at again: what the cache shows is not how it was before', async () => {
    const marked = aPod({ labels: {}, annotations: { [INCIDENT_ANNOTATION]: NAME } });
    const { open, created } = scene({ pods: [marked], incidents: [over] });
    expect(await open()).toMatchObject({ retryAfterMs: 500 });
    expect(created).toEqual([]);
  });

  test('and that carries a mark of an incident that nobody knows is treated as it is', async () => {
    const marked = aPod({ annotations: { [INCIDENT_ANNOTATION]: 'forged' } });
    const { open } = scene({ pods: [marked], incidents: [over] });
    expect(await open()).toMatchObject({ outcome: 'Opened' });
  });
});

describe('a name that is taken', () => {
  test('by an open incident of the same pod: the detection is added to that', async () => {
    const { open, created } = scene({ creates: [TAKEN], stored: [existing()] });
    expect(await open()).toMatchObject({ outcome: 'Reported', incident: `shop/${NAME}` });
    expect(created).toEqual([]);
  });

  test('by our own create, whose answer was lost: it is Opened', async () => {
    const { open, reports } = scene({ creates: [TAKEN], stored: [existing()] });
    expect(await open(aDetection())).toMatchObject({ outcome: 'Opened' });
    expect(reports.sent).toEqual([]);
  });

  test.each<[string, DriftIncident]>([
    ['an incident that is over', existing({ status: { phase: 'TargetGone' } })],
    [
      'an incident of another pod',
      existing({ spec: { target: { ...existing().spec.target, uid: 'another-pod' } } }),
    ],
  ])('by %s: the next number is tried', async (_what, stored) => {
    const { open, created } = scene({ creates: [TAKEN], stored: [stored] });
    expect(await open()).toMatchObject({ outcome: 'Opened', incident: `shop/${SECOND}` });
    expect(created).toMatchObject([{ metadata: { name: SECOND } }]);
  });

  test('fifty times in a row: it is given up for now, not for good', async () => {
    const stored = Array.from({ length: 60 }, (_, n) => existing({ status: { phase: 'Released' } }, n + 1));
    const creates = Array.from({ length: 60 }, () => TAKEN);
    const { open } = scene({ creates, stored });
    expect(await open()).toMatchObject({ retryAfterMs: 1_000 });
    expect(creates).toHaveLength(10);
  });
});

describe('an API server that refuses the incident', () => {
  test('as the namespace is being deleted: it ends by name', async () => {
    const causes = [{ reason: 'NamespaceTerminating', message: '', field: 'metadata.namespace' }];
    const failure = new KubeError('no', { status: 403, reason: 'Forbidden', causes });
    const { open } = scene({ creates: [failure] });
    expect(await open()).toMatchObject({ outcome: 'NamespaceTerminating' });
  });

  test('as it is not valid: it is refused by name and not tried for ever', async () => {
    const { open } = scene({ creates: [refused(422, 'Invalid', { hasDetails: true })] });
    expect(await open()).toMatchObject({ outcome: 'Refused' });
  });

  test.each([
    [500, 'InternalError'],
    [403, 'Forbidden'],
    [0, 'ECONNRESET'],
  ])('with %i %s: it rejects, and the queue tries again', async (status, reason) => {
    const { open } = scene({ creates: [refused(status, reason)] });
    await expect(open()).rejects.toMatchObject({ status, reason });
  });
});

describe('a pod that cannot be told', () => {
  const told = aDetection({}, { containerId: 'f'.repeat(12) });

  test.each([
    [0, 1_000],
    [1_000, 1_000],
    [8_000, 4_000],
    [16_000, 8_000],
    [29_800, 1_000],
  ])('for %i ms is looked at again after %i ms', async (waited, after) => {
    const { open } = scene({});
    expect(await open(told, waited)).toMatchObject({ retryAfterMs: after });
  });

  test('for half a minute is unidentified', async () => {
    const { open } = scene({});
    expect(await open(told, 30_000)).toMatchObject({ outcome: 'Unidentified' });
  });

  test('for half a minute is unidentified, whatever somebody does to the clock', async () => {
    const { open, clock } = scene({});
    clock.setBy(-3_600_000);
    expect(await open(told, 30_000)).toMatchObject({ outcome: 'Unidentified' });
  });

  test('as its node contradicts is unidentified at once', async () => {
    const { open } = scene({});
    expect(await open(aDetection({}, { hostname: 'node-2' }))).toMatchObject({ outcome: 'Unidentified' });
  });
});
