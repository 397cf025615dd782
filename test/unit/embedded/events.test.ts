// Events: two APIs, one store. What one writes the other reads, watches and deletes.
import { describe, expect, test } from 'vitest';
import { eventObject } from '../../../src/kube/event-object.ts';
import { CORE_EVENTS, EVENTS, NAMESPACES } from '../../../src/kube/resources.ts';
import { at, createLab, settled, type Lab } from './harness.ts';

const MODERN = at('events', undefined, '/apis/events.k8s.io/v1');
const CORE = at('events');
const POD = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u-1' };

/** Sends an Event as the operator does, and returns its name. */
async function sent(lab: Lab, change: Partial<Parameters<typeof eventObject>[0]> = {}): Promise<string> {
  const what = {
    type: 'Warning' as const,
    reason: 'DriftIsolated',
    action: 'Isolate',
    note: 'It was isolated.',
  };
  const event = eventObject({ ...what, regarding: POD, ...change }, 'die-operator-1', {
    clock: lab.clock,
    random: () => 0.5,
  });
  const { status, object } = await lab.call('POST', `${MODERN}?fieldValidation=Strict`, event);
  expect(status).toBe(201);
  return object.metadata.name;
}

describe('an Event of the operator', () => {
  test('is found by readers of the core API, by the pod that it is about', async () => {
    const lab = createLab();
    await sent(lab);
    const { object } = await lab.call('GET', `${CORE}?fieldSelector=involvedObject.uid%3Du-1`);
    expect(object['items']).toMatchObject([
      { involvedObject: POD, message: 'It was isolated.', reportingComponent: 'die-operator' },
    ]);
    const others = await lab.call('GET', `${CORE}?fieldSelector=involvedObject.uid%3Du-2`);
    expect(others.object['items']).toEqual([]);
  });

  test('is one object: both APIs give the same uid and resourceVersion', async () => {
    const lab = createLab();
    const name = await sent(lab);
    const [modern, core] = await Promise.all(
      [MODERN, CORE].map((path) => lab.call('GET', `${path}/${name}`)),
    );
    expect(modern?.object.apiVersion).toBe('events.k8s.io/v1');
    expect(core?.object.apiVersion).toBe('v1');
    expect(core?.object.metadata).toEqual(modern?.object.metadata);
  });

  test('is seen by watches of both APIs, once each, and its end too', async () => {
    const lab = createLab();
    const watches = await Promise.all([MODERN, CORE].map((path) => lab.watch(`${path}?watch=true`)));
    const name = await sent(lab);
    await lab.call('DELETE', `${CORE}/${name}`);
    await settled();
    for (const watch of watches) {
      expect(watch.summary()).toEqual([`ADDED ${name}`, `DELETED ${name}`]);
      watch.abort();
    }
    expect((await lab.call('GET', `${MODERN}/${name}`)).status).toBe(404);
  });
});

describe('an Event of an old client', () => {
  const OLD = {
    metadata: { name: 'old', namespace: 'shop' },
    involvedObject: POD,
    reason: 'Started',
    message: 'Started container web',
    source: { component: 'kubelet', host: 'node-1' },
    count: 3,
  };

  test('is read by the new API', async () => {
    const lab = createLab();
    expect((await lab.call('POST', CORE, OLD)).status).toBe(201);
    const { object } = await lab.call('GET', `${MODERN}/old`);
    expect(object).toMatchObject({
      regarding: POD,
      note: 'Started container web',
      deprecatedSource: OLD.source,
      deprecatedCount: 3,
      eventTime: null,
    });
    expect(object).not.toHaveProperty('message');
  });

  test('is changed by either API', async () => {
    const lab = createLab();
    await lab.call('POST', CORE, OLD);
    const path = `${CORE}/old`;
    await lab.call('PATCH', path, { count: 4 }, 'application/merge-patch+json');
    expect((await lab.call('GET', `${MODERN}/old`)).object).toMatchObject({ deprecatedCount: 4 });
    await lab.call('PATCH', `${MODERN}/old`, { deprecatedCount: 5 }, 'application/merge-patch+json');
    expect((await lab.call('GET', path)).object).toMatchObject({ count: 5 });
  });
});

test('Events go with their namespace', async () => {
  const lab = createLab();
  lab.cluster.start();
  await sent(lab);
  lab.cluster.api.delete(NAMESPACES, { name: 'shop' });
  await lab.clock.advance(100);
  expect(lab.cluster.api.get(NAMESPACES, { name: 'shop' })).toBeUndefined();
  for (const resource of [EVENTS, CORE_EVENTS]) expect(lab.cluster.api.list(resource, 'shop')).toEqual([]);
});
