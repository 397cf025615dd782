// The sweep for strays: it waits, looks live before it says anything, says it once, and forgets what is over.
import { beforeEach, describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { unreadNamespace } from '../../../src/api/namespace.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { isQuarantined } from '../../../src/api/pod.ts';
import type { Caches } from '../../../src/incidents/caches.ts';
import { StrayPods } from '../../../src/incidents/stray-pods.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { EventInput } from '../../../src/kube/event-object.ts';
import { PODS, type Resource } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { anIncident, aPod } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const WAIT_MS = 30_000;
const MARKED = {
  labels: { [QUARANTINE_LABEL]: 'true' },
  annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' },
};

let clock: VirtualClock;
/** What the caches hold, and what the API server does. */
let cached: { pods: PodFacts[]; incidents: DriftIncident[] };
let live: { pods: PodFacts[]; incidents: DriftIncident[] };
let lists: number;
let fails: boolean;
let events: EventInput[];
let strays: StrayPods;

beforeEach(() => {
  clock = new VirtualClock();
  cached = { pods: [], incidents: [] };
  live = { pods: [], incidents: [] };
  lists = 0;
  fails = false;
  events = [];
  strays = sweep();
});

function sweep(protectedNamespaces: string[] = []): StrayPods {
  const caches = {
    pods: { byIndex: (_: string, namespace: string) => quarantinedIn(namespace) },
    incidents: {
      byIndex: (_: string, uid: string) => cached.incidents.filter(({ spec }) => spec.target.uid === uid),
    },
    rulebooks: { of: () => rulebookOf([], unreadNamespace('shop')) },
  } as unknown as Pick<Caches, 'pods' | 'incidents' | 'rulebooks'>;
  const list = async (resource: Resource) => {
    lists += 1;
    if (fails) throw new Error('no answer');
    const items = resource === PODS ? live.pods.map(asObject) : live.incidents;
    return { metadata: { resourceVersion: '1' }, items };
  };
  return new StrayPods({
    client: { list } as unknown as KubeClient,
    clock,
    log: silentLogger,
    events: { record: (event) => void events.push(event) },
    caches,
    protectedNamespaces: new Set(protectedNamespaces),
  });
}

const quarantinedIn = (namespace: string) =>
  cached.pods.filter((pod) => isQuarantined(pod) && pod.namespace === namespace);

function asObject({ namespace, name, uid, labels, annotations, mirror }: PodFacts): KubeObject {
  const all = { ...annotations, ...(mirror && { 'kubernetes.io/config.mirror': 'x' }) };
  const metadata = {
    namespace,
    name,
    uid,
    labels,
    annotations: all,
    resourceVersion: '1',
    creationTimestamp: '',
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata };
}

/** Both say the same. */
function given(pods: PodFacts[], incidents: DriftIncident[] = []): void {
  cached = { pods, incidents };
  live = { pods, incidents };
}

async function waited(): Promise<void> {
  await strays.reconcile('shop');
  await clock.advance(WAIT_MS);
  await strays.reconcile('shop');
}

describe('a stray', () => {
  test('is told after half a minute, once, with an Event on the pod', async () => {
    given([aPod(MARKED)]);
    expect(await strays.reconcile('shop')).toEqual({ kind: 'requeue', afterMs: WAIT_MS, reason: 'Stray' });
    await clock.advance(WAIT_MS - 1);
    expect(await strays.reconcile('shop')).toMatchObject({ afterMs: 1 });
    expect({ lists, told: events.length, count: strays.count }).toEqual({ lists: 0, told: 0, count: 0 });
    await clock.advance(1);
    expect(await strays.reconcile('shop')).toEqual({ kind: 'done' });
    expect(events).toMatchObject([
      {
        regarding: { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'pod-uid-1' },
        type: 'Warning',
        reason: 'StrayQuarantine',
        note: expect.stringContaining('die-operator leaves it alone. To end it: delete it'),
      },
    ]);
    expect(strays.count).toBe(1);
    await clock.advance(WAIT_MS);
    await strays.reconcile('shop');
    expect(events).toHaveLength(1);
  });

  test('is told anew when it becomes another kind of stray', async () => {
    const over = anIncident({ status: { phase: 'Failed' } });
    given([aPod(MARKED)], [over]);
    await waited();
    given([aPod(MARKED)]);
    await strays.reconcile('shop');
    expect(events.map(({ note }) => note)).toEqual([
      expect.stringContaining('is over'),
      expect.stringContaining('which is gone'),
    ]);
    expect(strays.count).toBe(1);
  });

  test('is forgotten with its pod, its label, or when an incident answers for it', async () => {
    for (const change of [
      () => given([]),
      () => given([aPod()]),
      () => given([aPod(MARKED)], [anIncident()]),
    ]) {
      given([aPod(MARKED)]);
      await waited();
      expect(strays.count).toBe(1);
      change();
      expect(await strays.reconcile('shop')).toEqual({ kind: 'done' });
      expect(strays.count).toBe(0);
    }
  });

  test('that is another pod by now waits its own half minute', async () => {
    given([aPod(MARKED)]);
    await strays.reconcile('shop');
    await clock.advance(WAIT_MS);
    given([aPod({ ...MARKED, uid: 'later' })]);
    expect(await strays.reconcile('shop')).toMatchObject({ afterMs: WAIT_MS });
    expect(events).toEqual([]);
  });
});

describe('nothing is told', () => {
  test.for<[why: string, stand: () => void]>([
    ['the incident is there and the cache has not seen it', () => (live.incidents = [anIncident()])],
    ['the label is gone already', () => (live.pods = [aPod()])],
    ['the pod is gone already', () => (live.pods = [])],
    ['another pod has the name', () => (live.pods = [aPod({ ...MARKED, uid: 'later' })])],
  ])('while the cache lags: %s', async ([, stand]) => {
    given([aPod(MARKED)]);
    stand();
    await waited();
    expect(events).toEqual([]);
    expect(strays.count).toBe(0);
    expect(await strays.reconcile('shop')).toMatchObject({ kind: 'requeue', afterMs: WAIT_MS });
  });

  test.for<[what: string, pod: PodFacts]>([
    ['of a helper pod', aPod({ ...MARKED, namespace: 'die-operator-capture' })],
    ['in a protected namespace', aPod({ ...MARKED, namespace: 'kube-system' })],
    ['of a mirror pod', aPod({ ...MARKED, mirror: true })],
  ])('%s', async ([, pod]) => {
    strays = sweep(['kube-system']);
    given([pod]);
    expect(await strays.reconcile(pod.namespace)).toEqual({ kind: 'done' });
  });
});

test('an incident that this version cannot read answers for nobody', async () => {
  given([aPod(MARKED)]);
  live.incidents = [{ ...anIncident(), spec: { target: { uid: 'pod-uid-1' } } } as unknown as DriftIncident];
  await waited();
  expect(events[0]?.note).toContain('gone or cannot be read');
});

test('an API server that does not answer keeps the pod for the next try', async () => {
  given([aPod(MARKED)]);
  await strays.reconcile('shop');
  await clock.advance(WAIT_MS);
  fails = true;
  await expect(strays.reconcile('shop')).rejects.toThrow('no answer');
  fails = false;
  await strays.reconcile('shop');
  expect(events).toHaveLength(1);
});
