// What an incident says about the isolation of its pod while policies around it come and go.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { NetworkFindings } from '../../src/incidents/network.ts';
import { NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { OperatorChange } from '../support/test-operator.ts';
import type { TestOperator, World } from '../support/world.ts';

const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };
/** Far less than the resync: only a watch can have told. */
const SECONDS_MS = 10_000;

async function quarantined(world: World, change: OperatorChange = {}): Promise<TestOperator> {
  const victim = await world.victim(3);
  const operator = await world.operator(change);
  await world.policy(CONTAIN);
  await operator.post(world.alert(victim));
  await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  return operator;
}

/** A network that was tested on every node. */
function enforcing(world: World): NetworkFindings {
  const at = world.parts.clock.now();
  return {
    enforcementOf: () => ({ verdict: 'Enforced', at, tookMs: 150, establishedCut: true }),
    probeOf: () => undefined,
    isExecProtected: () => false,
  };
}

async function allow(world: World, name: string, spec: object): Promise<KubeObject> {
  const { namespace } = world;
  const { apiVersion, kind } = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' };
  return world.client.create(NETWORK_POLICIES, { namespace }, { apiVersion, kind, metadata: { name }, spec });
}

const isolated = ({ status }: DriftIncident) => {
  const found = findCondition(status?.conditions, 'Isolated');
  return `${found?.status}/${found?.reason}`;
};

/** Waits until the condition says so, within seconds. */
async function says(world: World, what: string): Promise<DriftIncident> {
  const began = world.parts.clock.now();
  const incident = await world.incident(`that says ${what}`, (i) => isolated(i) === what);
  expect(world.parts.clock.now() - began).toBeLessThan(SECONDS_MS);
  return incident;
}

const ofPolicies = ({ status }: DriftIncident) =>
  status?.isolation?.paths?.filter(({ kind }) => kind === 'Policy') ?? [];

describe('an allow policy that appears while a pod is in quarantine', () => {
  test('makes the isolation partial by name, until it is deleted', async ({ world }) => {
    const operator = await quarantined(world);
    const before = await says(world, 'Unknown/Pending');
    expect(before.status?.isolation?.paths?.map(({ kind }) => kind)).toEqual(['Node', 'Exec']);

    const leak = await allow(world, 'let-out', { podSelector: {}, egress: [{}], policyTypes: ['Egress'] });
    const partial = await says(world, 'False/Partial');
    const policy = `NetworkPolicy ${world.namespace}/let-out`;
    expect(ofPolicies(partial)).toEqual([
      { kind: 'Policy', direction: 'Egress', peer: 'everybody', ports: 'all ports', policy },
    ]);
    expect(findCondition(partial.status?.conditions, 'Isolated')?.message).toBe(
      `still open: to everybody, all ports (${policy})`,
    );
    const told = () =>
      operator.events.filter(({ body }) => JSON.stringify(body).includes('DriftIsolationPartial'));
    await world.until('people are told', async () => told()[0]);

    await world.client.delete(
      NETWORK_POLICIES,
      { namespace: world.namespace, name: 'let-out' },
      leak.metadata.uid,
    );
    const after = await says(world, 'Unknown/Pending');
    expect(ofPolicies(after)).toEqual([]);
    expect(told()).toHaveLength(1);
  });

  test('changes nothing, and writes nothing, where it selects other pods', async ({ world }) => {
    const operator = await quarantined(world);
    await says(world, 'Unknown/Pending');
    operator.writes.length = 0;
    const podSelector = { matchLabels: { app: 'web' } };
    await allow(world, 'of-web', { podSelector, egress: [{}], policyTypes: ['Egress'] });
    await allow(world, 'marker', {
      podSelector: {},
      egress: [{ ports: [{ port: 53 }] }],
      policyTypes: ['Egress'],
    });
    const partial = await says(world, 'False/Partial');
    expect(ofPolicies(partial).map(({ policy }) => policy)).toEqual([
      `NetworkPolicy ${world.namespace}/marker`,
    ]);
    // What was written can be read before the one who wrote it has the answer.
    const incidents = () => operator.writes.filter(({ path }) => path.includes('driftincidents'));
    await world.until('the write is answered', async () => incidents()[0]);
    expect(incidents()).toHaveLength(1);
  });
});

describe('where a test showed that the network of the node enforces', () => {
  test('the isolation is enforced after a margin, not while a policy allows, and again after a margin', async ({
    world,
  }) => {
    await quarantined(world, { findings: enforcing(world) });
    const enforced = await says(world, 'True/Enforced');
    const { isolation } = enforced.status ?? {};
    expect(isolation).toMatchObject({
      enforcement: { verdict: 'Enforced', tookMs: 150, establishedCut: true },
    });
    const margin = (incident: DriftIncident, since: string) => {
      const { lastTransitionTime = '' } = findCondition(incident.status?.conditions, 'Isolated') ?? {};
      return Date.parse(lastTransitionTime) - Date.parse(since);
    };
    expect(margin(enforced, isolation?.at ?? '')).toBeGreaterThanOrEqual(1_000);

    const leak = await allow(world, 'let-in', { podSelector: {}, ingress: [{}] });
    await says(world, 'False/Partial');
    await world.client.delete(
      NETWORK_POLICIES,
      { namespace: world.namespace, name: 'let-in' },
      leak.metadata.uid,
    );
    const pending = await says(world, 'Unknown/Pending');
    const { lastTransitionTime = '' } = findCondition(pending.status?.conditions, 'Isolated') ?? {};
    const again = await says(world, 'True/Enforced');
    expect(margin(again, lastTransitionTime)).toBeGreaterThanOrEqual(1_000);
  });

  test('an end keeps what was last true of the isolation', async ({ world }) => {
    await quarantined(world, { findings: enforcing(world) });
    await allow(world, 'let-in', { podSelector: {}, ingress: [{}] });
    const { spec } = await says(world, 'False/Partial');
    const { name, uid } = spec.target;
    await world.client.delete(PODS, { namespace: world.namespace, name }, uid, { gracePeriodSeconds: 0 });
    const over = await world.incident('that is over', (i) => i.status?.phase === 'TargetGone');
    expect(isolated(over)).toBe('False/PodGone');
    expect(findCondition(over.status?.conditions, 'Isolated')?.message).toMatch(
      /^the pod is gone; until then Isolated was False\/Partial: still open: from everybody/,
    );
    expect(ofPolicies(over)).toHaveLength(1);
  });
});
