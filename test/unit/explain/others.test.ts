// What limits count, as the responder counts it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { controllerOf, type PodFacts } from '../../../src/api/pod.ts';
import { topWorkload } from '../../../src/decide/top-workload.ts';
import { countOthers } from '../../../src/explain/others.ts';
import { factsOf, type FactSources } from '../../../src/incidents/facts.ts';
import { anIncident, aPod, T0 } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SELF = aPod();
const TARGET = anIncident().spec.target;
const sibling = (n: number, change: Partial<PodFacts> = {}) =>
  aPod({ name: `web-${n}`, uid: `pod-uid-${n}`, ...change });
const QUARANTINED = { labels: { [QUARANTINE_LABEL]: 'true' }, ownerReferences: [] };

function incidentOf(pod: PodFacts, change: Parameters<typeof anIncident>[0] = {}): DriftIncident {
  const { target } = anIncident().spec;
  return anIncident({ ...change, spec: { target: { ...target, name: pod.name, uid: pod.uid } } });
}
const ORPHAN = { status: { isolation: { form: 'Orphan' as const, at: T0 } } };
const count = (pods: PodFacts[], incidents: DriftIncident[] = []) =>
  countOthers(TARGET, [SELF, ...pods], incidents);

describe('Ready copies', () => {
  test.for([
    ['a sibling', {}, 1],
    ['one that is not Ready', { ready: false }, 0],
    ['one that is being deleted', { deletionTimestamp: T0 }, 0],
    ['one in quarantine', { labels: { [QUARANTINE_LABEL]: 'true' } }, 0],
    ['a pod of another controller', { ownerReferences: [] }, 0],
  ] as const)('%s', ([, change, readyOthers]) => {
    expect(count([sibling(2, change as Partial<PodFacts>)]).workload.readyOthers).toBe(readyOthers);
  });

  test('of a pod without a controller there are none', () => {
    const { workload: _, ...bare } = TARGET;
    const counted = countOthers({ ...bare, ownerReferences: [] }, [SELF, sibling(2)], []);
    expect(counted.workload).toEqual({ quarantinedOthers: 0, readyOthers: 0, copies: 0 });
  });
});

describe('pods in quarantine', () => {
  const taken = sibling(2, QUARANTINED);
  test.for([
    ['one that its incident orphaned', [taken], incidentOf(taken, ORPHAN), 1],
    ['one whose record is not written yet', [taken], incidentOf(taken), 1],
    ['one of an incident that is over', [taken], incidentOf(taken, { status: { phase: 'Released' } }), 0],
    ['one that is gone', [], incidentOf(taken, ORPHAN), 0],
    ['one in the gentle form', [sibling(2)], incidentOf(sibling(2)), 0],
    ['the pod itself', [], incidentOf(SELF, ORPHAN), 0],
  ] as const)('%s', ([, pods, incident, quarantined]) => {
    const counted = count([...pods], [incident]);
    expect(counted.namespace.quarantinedOthers).toBe(quarantined);
    expect(counted.workload.quarantinedOthers).toBe(quarantined);
  });

  test('of another workload count for the namespace only', () => {
    const { target } = anIncident().spec;
    const other = {
      ...target,
      uid: taken.uid,
      workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x', uid: 'x' },
    };
    const counted = count([taken], [anIncident({ ...ORPHAN, spec: { target: other } })]);
    expect(counted).toMatchObject({
      namespace: { quarantinedOthers: 1 },
      workload: { quarantinedOthers: 0 },
    });
  });
});

test('everything is counted as the responder does', () => {
  const labels = fc.constantFrom<Record<string, string>>(
    { app: 'web' },
    { [QUARANTINE_LABEL]: 'true' },
    { app: 'web', [QUARANTINE_LABEL]: 'true' },
  );
  const others = fc.array(
    fc.record({
      labels,
      ready: fc.boolean(),
      gone: fc.boolean(),
      deleted: fc.boolean(),
      owned: fc.boolean(),
      workload: fc.constantFrom('rs-uid', 'other', undefined),
      incident: fc.constantFrom('none', 'open', 'orphaned', 'gentle', 'over'),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(others, (all) => {
      const made = all.map((one, index) => ({
        one,
        pod: podOf(one, index),
        incident: madeIncident(one, index),
      }));
      const pods = [SELF, ...made.flatMap(({ one, pod }) => (one.gone ? [] : [pod]))];
      const incidents = made.flatMap(({ one, incident }) => (one.incident === 'none' ? [] : [incident]));
      const { workload, namespace } = factsOf(sourcesOf(pods, incidents), anIncident(), LIVE);
      expect(countOthers(TARGET, pods, incidents)).toMatchObject({ workload, namespace });
    }),
  );
});

interface Other {
  labels: Record<string, string>;
  ready: boolean;
  deleted: boolean;
  owned: boolean;
  workload: string | undefined;
  incident: string;
}
const LIVE = { pod: undefined, namespaceTerminating: false, paused: undefined, standing: undefined };

function podOf({ labels, ready, deleted, owned }: Other, index: number): PodFacts {
  return sibling(index + 10, {
    labels,
    ready,
    ...(deleted && { deletionTimestamp: T0 }),
    ...(!owned && { ownerReferences: [] }),
  });
}

function madeIncident({ incident, workload }: Other, index: number): DriftIncident {
  const { workload: _, ...target } = anIncident().spec.target;
  const { name, uid } = sibling(index + 10);
  const owner = workload && {
    workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'w', uid: workload },
  };
  const form = ({ orphaned: 'Orphan', gentle: 'Gentle' } as const)[incident];
  return anIncident({
    metadata: { uid: `incident-${index}` },
    spec: { target: { ...target, name, uid, ...owner } },
    status: {
      ...(incident === 'over' && { phase: 'Released' as const }),
      ...(form && { isolation: { form, at: T0 } }),
    },
  });
}

function sourcesOf(pods: PodFacts[], incidents: DriftIncident[]): FactSources {
  const caches = {
    pods: {
      get: (_: string, name: string) => pods.find((pod) => pod.name === name),
      byIndex: (index: string, key: string) =>
        pods.filter(
          (pod) => (index === 'topWorkload' ? topWorkload(pod).key : controllerOf(pod)?.uid) === key,
        ),
    },
    incidents: { byIndex: () => incidents },
    rulebooks: { of: () => ({ inForce: new Map() }) },
    podEnds: { of: () => undefined },
  };
  const reservations = { holds: () => false, evicts: () => false, mayClaim: () => true };
  const rest = { clock: new VirtualClock(), snapshots: new Map(), protectedNamespaces: new Set() };
  return { ...rest, caches, reservations } as unknown as FactSources;
}
