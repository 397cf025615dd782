// How many pods a workload should have, how many are there, and how many are missing by what was done.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { countOthers, type Counted } from '../../../src/decide/others.ts';
import { topWorkload } from '../../../src/decide/top-workload.ts';
import { anIncident, aPod, NOW, T0 } from '../../support/builders.ts';
import { step } from './plan-support.ts';

const LATER = new Date(NOW + 5_000).toISOString();
const ORPHAN: DriftIncidentStatus = { isolation: { form: 'Orphan', at: T0 } };
const EVICTED: DriftIncidentStatus = {
  isolation: { form: 'Gentle', at: T0 },
  steps: [step({ name: 'Evict', state: 'Running' })],
};

const sibling = (n: number, change: Partial<PodFacts> = {}) =>
  aPod({ name: `web-${n}`, uid: `pod-uid-${n}`, ...change });
const loose = (n: number) => sibling(n, { labels: { [QUARANTINE_LABEL]: 'true' }, ownerReferences: [] });
const kept = (n: number) => sibling(n, { labels: { ...aPod().labels, [QUARANTINE_LABEL]: 'true' } });

function incidentOf(n: number, status: DriftIncidentStatus, change: Partial<DriftIncident['metadata']> = {}) {
  const { target } = anIncident().spec;
  return anIncident({
    metadata: { uid: `incident-${n}`, name: `incident-${n}`, ...change },
    spec: { target: { ...target, name: `web-${n}`, uid: `pod-uid-${n}` } },
    status,
  });
}

function count(
  pods: readonly PodFacts[],
  incidents: readonly DriftIncident[] = [],
  {
    reserved = [],
    evicting = [],
    self = aPod(),
  }: { reserved?: string[]; evicting?: string[]; self?: PodFacts } = {},
): Counted {
  return countOthers({
    target: anIncident().spec.target,
    incidents,
    podsOf: (key) => [self, ...pods].filter((pod) => topWorkload(pod).key === key),
    podOf: ({ spec }) => pods.find(({ uid }) => uid === spec.target.uid),
    isReserved: ({ metadata }) => reserved.includes(metadata.uid),
    isEvicting: ({ metadata }) => evicting.includes(metadata.uid),
  });
}

describe('the copies of a workload', () => {
  test.for<[string, PodFacts, Partial<Counted['workload']>, Partial<Counted['share']>]>([
    ['a Ready one', sibling(2), { copies: 1, readyOthers: 1 }, { size: 2, missing: 0, gentle: 0 }],
    [
      'one that is not Ready',
      sibling(2, { ready: false }),
      { copies: 1, readyOthers: 0 },
      { size: 2, missing: 1 },
    ],
    [
      'one that is being deleted',
      sibling(2, { deletionTimestamp: T0 }),
      { copies: 0 },
      { size: 1, missing: 0 },
    ],
    [
      'one that has ended',
      sibling(2, { phase: 'Failed', ready: false }),
      { copies: 0 },
      { size: 1, missing: 0 },
    ],
    ['one in gentle quarantine', kept(2), { copies: 1, readyOthers: 0 }, { size: 2, missing: 0, gentle: 1 }],
    [
      'one in gentle quarantine whose probes fail',
      { ...kept(2), ready: false },
      { copies: 1, readyOthers: 0 },
      { size: 2, missing: 0, gentle: 1 },
    ],
  ])('%s', ([, pod, workload, share]) => {
    expect(count([pod])).toMatchObject({ workload, share });
  });

  test('of two ReplicaSets of one Deployment count together, as in a rollout', () => {
    const [owner] = aPod().ownerReferences;
    const next = sibling(2, {
      labels: { app: 'web', 'pod-template-hash': '9f8' },
      ownerReferences: owner ? [{ ...owner, name: 'web-9f8', uid: 'rs-uid-2' }] : [],
    });
    expect(count([next, sibling(3)]).workload).toMatchObject({ copies: 2, readyOthers: 2 });
  });

  test('of a workload that is scaled to zero are none', () => {
    expect(count([])).toMatchObject({
      workload: { copies: 0, readyOthers: 0 },
      share: { size: 1, missing: 0 },
    });
  });
});

describe('an orphan', () => {
  test('without a replacement is missing, and the workload should have it', () => {
    const counted = count([loose(2), sibling(3)], [incidentOf(2, ORPHAN)]);
    expect(counted.share).toEqual({ size: 3, missing: 1, gentle: 0 });
    expect(counted.absent).toHaveLength(1);
  });

  test('is not missing where the pod itself came in its place, which may be one only', () => {
    const self = aPod({ createdAt: LATER });
    const pods = [loose(2), sibling(3)];
    expect(count(pods, [incidentOf(2, ORPHAN)], { self }).share).toEqual({ size: 2, missing: 0, gentle: 0 });
    const two = [incidentOf(2, ORPHAN), incidentOf(5, ORPHAN)];
    expect(count([...pods, loose(5)], two, { self }).share).toMatchObject({ size: 3, missing: 1 });
    const going = aPod({ createdAt: LATER, deletionTimestamp: LATER });
    expect(count(pods, [incidentOf(2, ORPHAN)], { self: going }).share).toMatchObject({ missing: 1 });
  });

  test('is missing until its replacement is Ready, and then no more', () => {
    const started = sibling(4, { createdAt: LATER, ready: false });
    expect(count([loose(2), started], [incidentOf(2, ORPHAN)]).share).toMatchObject({ size: 2, missing: 1 });
    const ready = { ...started, ready: true };
    expect(count([loose(2), ready], [incidentOf(2, ORPHAN)]).share).toMatchObject({ size: 2, missing: 0 });
  });

  test('is not replaced by a pod that was there before', () => {
    const pods = [loose(2), sibling(3)];
    expect(count(pods, [incidentOf(2, ORPHAN)]).share.missing).toBe(1);
    const young = sibling(4, { createdAt: T0 });
    const looked: DriftIncidentStatus = {
      ...ORPHAN,
      plan: { mode: 'Enforce', steps: [], message: '', bystanders: [young.uid] },
    };
    expect(count([loose(2), young], [incidentOf(2, looked)]).share.missing).toBe(1);
  });

  test('that is gone counts as long as its incident is not over', () => {
    expect(count([sibling(3)], [incidentOf(2, ORPHAN)]).share.missing).toBe(1);
    expect(count([sibling(3)], [incidentOf(2, { ...ORPHAN, phase: 'Resolved' })]).share.missing).toBe(0);
  });

  test('shares no replacement with another one', () => {
    const both = [incidentOf(2, ORPHAN), incidentOf(3, ORPHAN)];
    const one = [loose(2), loose(3), sibling(4, { createdAt: LATER })];
    expect(count(one, both).share).toMatchObject({ size: 3, missing: 1 });
    expect(count([...one, sibling(5, { createdAt: LATER })], both).share).toMatchObject({
      size: 3,
      missing: 0,
    });
  });

  test('is not replaced by the pod that another incident has', () => {
    const claimed = { uid: 'pod-uid-4', name: 'web-4', images: [] };
    const over = incidentOf(5, { phase: 'Resolved', replacement: claimed });
    const pods = [loose(2), sibling(4, { createdAt: LATER })];
    expect(count(pods, [incidentOf(2, ORPHAN), over]).share.missing).toBe(1);
  });

  test('of a StatefulSet is replaced by its namesake only', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'set', controller: true };
    const { target } = anIncident().spec;
    const set = { ...target, workload: owner, ownerReferences: [owner] };
    const gone = anIncident({
      metadata: { uid: 'i-0' },
      spec: { target: { ...set, name: 'db-0', uid: 'old' } },
      status: EVICTED,
    });
    const pod = (name: string) => aPod({ name, uid: name, ownerReferences: [owner], createdAt: LATER });
    const missing = (pods: PodFacts[]) =>
      countOthers({
        target: { ...set, name: 'db-2', uid: 'self' },
        incidents: [gone],
        podsOf: () => pods,
        podOf: () => undefined,
        isReserved: () => false,
        isEvicting: () => false,
      }).share.missing;
    expect(missing([pod('db-1')])).toBe(1);
    expect(missing([pod('db-0'), pod('db-1')])).toBe(0);
  });
});

describe('a pod on its way', () => {
  test.for<[string, PodFacts[], DriftIncident, number]>([
    ['by our eviction is missing', [sibling(2, { deletionTimestamp: T0 })], incidentOf(2, EVICTED), 1],
    ['gone by it is missing', [], incidentOf(2, EVICTED), 1],
    ['by another hand is for its controller', [sibling(2, { deletionTimestamp: T0 })], incidentOf(2, {}), 0],
    ['to an answer that was a refusal is there', [sibling(2)], incidentOf(2, EVICTED), 0],
  ])('%s', ([, pods, incident, missing]) => {
    expect(count(pods, [incident]).share.missing).toBe(missing);
  });

  test('counts before watches tell of it', () => {
    const [open] = [incidentOf(2, {})];
    expect(count([sibling(2)], [open], { evicting: ['incident-2'] })).toMatchObject({
      share: { size: 2, missing: 1 },
      workload: { quarantinedOthers: 0, readyOthers: 0 },
    });
    expect(count([sibling(2)], [open], { reserved: ['incident-2'] })).toMatchObject({
      share: { size: 2, missing: 1 },
      workload: { quarantinedOthers: 1, readyOthers: 0 },
    });
  });
});

test('one more pod that is taken out never makes a workload look better', () => {
  const world = fc.array(
    fc.record({ state: fc.constantFrom('ready', 'unready', 'orphan', 'gone', 'gentle', 'fresh') }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(world, (all) => {
      const pods = all.flatMap(({ state }, n) => podsIn(state, n + 2));
      const incidents = all.flatMap(({ state }, n) =>
        state === 'orphan' || state === 'gone' ? [incidentOf(n + 2, ORPHAN)] : [],
      );
      const before = count([sibling(99), ...pods], incidents);
      const after = count([loose(99), ...pods], [...incidents, incidentOf(99, ORPHAN)]);
      expect(after.workload.readyOthers).toBeLessThanOrEqual(before.workload.readyOthers);
      expect(after.share.size).toBeLessThanOrEqual(before.share.size);
      expect(after.share.size - after.share.missing).toBeLessThanOrEqual(
        before.share.size - before.share.missing,
      );
    }),
  );
});

function podsIn(state: string, n: number): PodFacts[] {
  const made: Record<string, PodFacts[]> = {
    ready: [sibling(n)],
    unready: [sibling(n, { ready: false })],
    orphan: [loose(n)],
    gone: [],
    gentle: [kept(n)],
    fresh: [sibling(n, { createdAt: LATER })],
  };
  return made[state] ?? [];
}
