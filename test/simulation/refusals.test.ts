// A cluster that refuses: admission that forbids the relabel, a missing right, a namespace that goes away, a foreign
// object under our name, evidence that cannot be stored.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { QUARANTINE_LABEL, QUARANTINE_POLICY } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, NAMESPACES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { createEmbeddedWorld, type EmbeddedWorld } from '../support/flow-test.ts';
import { createMemoryStore } from '../support/memory-store.ts';

async function inWorld(run: (world: EmbeddedWorld) => Promise<void>): Promise<void> {
  const made = await createEmbeddedWorld();
  await run(made);
  await made.world.close();
  made.cluster.stop();
}

describe('admission that refuses', () => {
  test.each(['Forbidden', 'Invalid'] as const)(
    'to take labels away (%s) gets the gentle form, and the step says why',
    (reason) =>
      inWorld(async ({ world, cluster }) => {
        const victim = await world.victim(3);
        const operator = await world.operator();
        await world.policy({ responses: [{ name: 'contain', actions: ['Isolate'] }] });
        cluster.admission.push(({ resource, operation, object, userAgent }) =>
          resource.plural === 'pods' &&
          operation === 'UPDATE' &&
          userAgent.startsWith('die-operator') &&
          !object?.metadata.labels?.['app']
            ? { policy: 'labels-stay', message: 'every pod needs the label app', reason }
            : undefined,
        );
        await operator.post(world.alert(victim));
        const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
        expect(incident.status?.isolation?.form).toBe('Gentle');
        expect(incident.status?.steps?.[0]).toMatchObject({
          name: 'Isolate',
          state: 'Succeeded',
          reason: 'Gentle',
        });
        expect(incident.status?.steps?.[0]?.message).toContain('labels-stay');
        const pod = await world.pod(victim.metadata.name);
        expect(pod?.metadata.labels).toMatchObject({ app: 'web', [QUARANTINE_LABEL]: 'true' });
      }),
  );

  test('every change of the pod: the incident says Denied, and eviction goes on', () =>
    inWorld(async ({ world, cluster }) => {
      const victim = await world.victim(3);
      const operator = await world.operator();
      await world.policy();
      cluster.admission.push(({ resource, subresource, operation, userAgent }) =>
        resource.plural === 'pods' &&
        subresource === undefined &&
        operation === 'UPDATE' &&
        userAgent.startsWith('die-operator')
          ? { policy: 'frozen', message: 'pods are frozen' }
          : undefined,
      );
      await operator.post(world.alert(victim));
      const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
      expect(incident.status?.steps?.[0]).toMatchObject({
        name: 'Isolate',
        state: 'Failed',
        reason: 'Denied',
      });
    }));
});

describe('a missing right', () => {
  test('to change pods is named, tried again four times soon, then slowly, and does not burn requests', () =>
    inWorld(async ({ world, clock }) => {
      const victim = await world.victim(3);
      const operator = await world.operator({}, forbidding(/PATCH .*\/pods\//));
      await world.policy({ responses: [{ name: 'contain', actions: ['Isolate'] }] });
      await operator.post(world.alert(victim));
      const incident = await world.incident(
        'that failed to isolate',
        (i) => i.status?.steps?.[0]?.state === 'Failed',
      );
      expect(incident.status?.steps?.[0]).toMatchObject({ reason: 'MissingPermission' });
      expect(incident.status?.steps?.[0]?.message).toMatch(/patch/);
      // An API server that just began refuses so for some seconds.
      operator.writes.length = 0;
      await clock.advance(60_000);
      expect(operator.writes.filter(({ path }) => path.includes('/pods/'))).toHaveLength(4);
      operator.writes.length = 0;
      await clock.advance(240_000);
      expect(operator.writes).toEqual([]);
      await clock.advance(120_000);
      expect(operator.writes.length).toBeGreaterThan(0);
    }));
});

describe('a policy that cannot be prepared', () => {
  test('because a right is missing says which, by condition and Event, and is looked at again slowly', () =>
    inWorld(async ({ world, clock, cluster }) => {
      await world.operator({}, forbidding(/networkpolicies\/die-operator|^POST .*networkpolicies/));
      const policy = await world.policy();
      const ready = findCondition(policy.status?.conditions, 'Ready');
      expect(ready).toMatchObject({ status: 'False', reason: 'MissingPermission' });
      expect(findCondition(policy.status?.conditions, 'Accepted')?.status).toBe('True');
      await clock.advance(1_000);
      const told = cluster.audit.filter(
        ({ path, body }) => path.includes('/events') && body?.includes('MissingPermission'),
      );
      expect(told.length).toBe(1);
      const asked = cluster.audit.length;
      await clock.advance(240_000);
      const later = cluster.audit
        .slice(asked)
        .filter(({ verb, userAgent }) => verb !== 'watch' && userAgent.startsWith('die-operator'));
      expect(later.length).toBeLessThan(5);
    }));
});

describe('a namespace that is being deleted', () => {
  test('takes no incident, and the alert ends by name', () =>
    inWorld(async ({ world, cluster }) => {
      const victim = await world.victim(3);
      const operator = await world.operator();
      await world.policy();
      cluster.timings.stopMs = 60_000;
      const space = await world.client.get(NAMESPACES, { name: world.namespace });
      await world.client.delete(NAMESPACES, { name: world.namespace }, space.metadata.uid);
      const answer = operator.post(world.alert(victim));
      await world.until('an answer', async () => answer);
      const text = await operator.metrics();
      expect(text).toMatch(/outcome="(NamespaceTerminating|NoPolicy)"\} 1/);
      expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
    }));

  test('is not held up by an incident that is under way', () =>
    inWorld(async ({ world }) => {
      const victim = await world.victim(3);
      const operator = await world.operator();
      await world.policy({ responses: [{ name: 'contain', actions: ['Isolate'] }] });
      await operator.post(world.alert(victim));
      await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
      const space = await world.client.get(NAMESPACES, { name: world.namespace });
      await world.client.delete(NAMESPACES, { name: world.namespace }, space.metadata.uid);
      const left = await world.until('the namespace is gone', async () => {
        const names = (await world.client.list(NAMESPACES)).items.map((one) => one.metadata.name);
        return names.includes(world.namespace) ? undefined : names;
      });
      expect(left).toContain('default');
    }));
});

describe('a NetworkPolicy of our name that is not ours', () => {
  test('is left alone, the policy says so, and the eviction goes on', () =>
    inWorld(async ({ world }) => {
      const victim = await world.victim(3);
      const { namespace } = world;
      const foreign = { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] };
      const metadata = { name: QUARANTINE_POLICY, namespace };
      const body = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec: foreign };
      await world.client.create(NETWORK_POLICIES, { namespace }, body);
      const operator = await world.operator();
      const policy = await world.policy();
      expect(findCondition(policy.status?.conditions, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'ForeignNetworkPolicy',
      });
      await operator.post(world.alert(victim));
      const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
      expect(incident.status?.steps?.[0]).toMatchObject({
        name: 'Isolate',
        state: 'Failed',
        reason: 'ForeignNetworkPolicy',
      });
      const [kept] = await world.list(NETWORK_POLICIES);
      expect(kept?.['spec']).toEqual(foreign);
    }));
});

describe('evidence that cannot be stored', () => {
  test('holds the eviction up until its deadline and no longer, and the incident says what is missing', () =>
    inWorld(async ({ world, clock }) => {
      const victim = await world.victim(3);
      const full = () => {
        throw new Error('ENOSPC: no space left on device');
      };
      const operator = await world.operator({ evidence: createMemoryStore({ clock, before: full }) });
      await world.policy();
      const start = clock.now();
      await operator.post(world.alert(victim));
      const isolated = await world.until('the pod is isolated', async () => {
        const pod = await world.pod(victim.metadata.name);
        return pod?.metadata.labels?.[QUARANTINE_LABEL] ? clock.now() : undefined;
      });
      expect(isolated - start).toBeLessThan(1_000);
      await clock.advance(110_000);
      expect((await world.list(PODS)).some(({ metadata }) => metadata.uid === victim.metadata.uid)).toBe(
        true,
      );
      const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
      const condition = findCondition(incident.status?.conditions, 'EvidenceComplete');
      expect(condition).toMatchObject({ status: 'False', reason: 'CaptureFailed' });
      expect(condition?.message).toContain('no space left');
    }));
});

// Answers as the API server does when RBAC refuses.
function forbidding(what: RegExp): (inner: Transport) => Transport {
  return (inner) => async (request) => {
    if (!what.test(`${request.method} ${request.path}`)) return inner(request);
    const message =
      'pods "web" is forbidden: User "system:serviceaccount:die-operator-system:responder" cannot patch resource "pods" in API group "" in the namespace "shop"';
    const body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'Forbidden',
      details: { name: 'web', kind: 'pods' },
      code: 403,
    };
    return {
      status: 403,
      headers: { 'content-type': 'application/json' },
      body: chunk(JSON.stringify(body)),
    };
  };
}

async function* chunk(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
