// Limits of evictions, the ledger behind them, and the circuit breaker.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { BREAKER_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { openOf, writeDecision } from '../../src/decide/breaker.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { NO_LIMITS } from '../support/limits.ts';
import { bookOf, evictionsOf, ledgerAt, workloads } from '../support/storm.ts';
import type { World } from '../support/world.ts';

const reasonOf = (incident: DriftIncident) => findCondition(incident.status?.conditions, 'Ready')?.reason;

async function waiting(world: World, reason: string, count = 1): Promise<DriftIncident[]> {
  return world.until(`${count} incidents that wait for ${reason}`, async () => {
    const all = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    const held = all.filter((incident) => reasonOf(incident) === reason);
    return held.length === count ? held : undefined;
  });
}

function nth(pods: readonly KubeObject[], index: number): KubeObject {
  const pod = pods[index];
  if (!pod) throw new Error(`there is no pod ${index}`);
  return pod;
}

/** One pod of each of so many workloads. */
const oneOfEach = async (world: World, count: number): Promise<KubeObject[]> =>
  (await workloads(world, count)).flatMap((pods) => pods.slice(0, 1));

describe('the limits of evictions', () => {
  test('let one pod of a workload go at a time, and the next one after the cooldown', async ({ world }) => {
    const pods = await world.deployment(4);
    const [first, second] = [nth(pods, 0), nth(pods, 1)];
    const operator = await world.operator();
    await world.policy({ limits: { perWorkload: { evicting: 1 }, cooldown: '5s' } });
    await operator.post(world.alert(first));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    await operator.post(world.alert(second));
    await waiting(world, 'Cooldown');
    expect(evictionsOf(operator)).toHaveLength(1);
    await world.until('two replacements', async () => (await world.replacements()).length === 2 || undefined);
    const { acts } = await bookOf(world);
    expect(acts.map(({ act }) => act).toSorted()).toEqual(['Evict', 'Evict', 'Orphan', 'Orphan']);
    const keys = new Set(acts.map(({ workload }) => workload));
    expect([...keys]).toEqual([`${world.namespace}/apps/Deployment/web`]);
  });

  test('are entered before the eviction is asked for', async ({ world }) => {
    const victim = await world.victim(3);
    const order: string[] = [];
    const operator = await world.operator({}, (transport) => async (request) => {
      const { method, path, body } = request;
      const isReal = method !== 'GET' && !path.includes('dryRun');
      if (isReal && path.includes('die-operator-ledger') && String(body).includes('\\"act\\":\\"Evict\\"'))
        order.push('entered');
      if (isReal && path.includes('/eviction')) order.push('evicted');
      return transport(request);
    });
    await world.policy();
    await operator.post(world.alert(victim));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(order).toEqual(['entered', 'evicted']);
  });

  test('ask a person after so many recurrences, and count what was evicted although its incidents are deleted', async ({
    world,
  }) => {
    const pods = await world.deployment(3);
    const operator = await world.operator();
    await world.policy({ limits: { perWorkload: { recurrences: 1 } } });
    await operator.post(world.alert(nth(pods, 0)));
    const { metadata } = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    await world.client.delete(
      DRIFT_INCIDENTS,
      { namespace: world.namespace, name: metadata.name },
      metadata.uid,
    );
    await operator.post(world.alert(nth(pods, 1)));
    const asked = await world.incident('that asks', (i) => i.status?.phase === 'AwaitingApproval');
    expect(asked.status?.plan?.needs).toContain('Recurrence');
    expect(evictionsOf(operator)).toHaveLength(1);
  });

  test('are as they were for the next operator', async ({ world }) => {
    const pods = await world.deployment(3);
    const before = await world.operator();
    await world.policy({ limits: { cooldown: '24h' } });
    await before.post(world.alert(nth(pods, 0)));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    await before.stop();
    const after = await world.operator({ instance: 'test-2' });
    await after.post(world.alert(nth(pods, 1)));
    await waiting(world, 'Cooldown');
    expect(evictionsOf(after)).toHaveLength(0);
  });

  test('of the cluster hold for all workloads together', async ({ world }) => {
    const pods = await oneOfEach(world, 3);
    const cluster = { ...NO_LIMITS.cluster, evictions: 2 };
    const operator = await world.operator({ limits: { ...NO_LIMITS, cluster } });
    await world.policy();
    await Promise.all(pods.map((pod) => operator.post(world.alert(pod))));
    await waiting(world, 'ClusterLimit');
    await world.until('two replacements', async () => (await world.replacements()).length === 2 || undefined);
    expect(evictionsOf(operator)).toHaveLength(2);
  });
});

describe('a ledger that was edited', () => {
  test('holds evictions, isolates gently, and is made anew when it is deleted, with what was spent', async ({
    world,
  }) => {
    const pods = await world.deployment(3);
    const operator = await world.operator();
    await world.policy({ limits: { cooldown: '24h' } });
    await operator.post(world.alert(nth(pods, 0)));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    await world.client.jsonPatch(CONFIG_MAPS, ledgerAt(world), [
      { op: 'add', path: '/data/acts', value: '[]' },
    ]);
    await operator.post(world.alert(nth(pods, 1)));
    const [held] = await waiting(world, 'LedgerUnreadable');
    expect(held?.status?.isolation?.form).toBe('Gentle');
    expect(evictionsOf(operator)).toHaveLength(1);
    const ledger = await world.client.get(CONFIG_MAPS, ledgerAt(world));
    await world.client.delete(CONFIG_MAPS, ledgerAt(world), ledger.metadata.uid);
    await waiting(world, 'Cooldown');
    expect((await bookOf(world)).acts.filter(({ act }) => act === 'Evict')).toHaveLength(1);
    const told = () =>
      operator.events.some(({ body }) => (body as { reason: string }).reason === 'LedgerLost');
    await world.until('the Warning', async () => told() || undefined);
  });
});

describe('the circuit breaker', () => {
  const limits = { ...NO_LIMITS, breaker: { ...NO_LIMITS.breaker, workloads: 3 } };

  test('opens in a storm, leaves pods isolated gently, and a person closes it', async ({ world }) => {
    const pods = await oneOfEach(world, 4);
    const operator = await world.operator({ limits });
    await world.policy({ isolation: {}, responses: ALL });
    await Promise.all(pods.slice(0, 3).map((pod) => operator.post(world.alert(pod))));
    const opening = await world.until('an open breaker', async () => openOf((await bookOf(world)).openings));
    expect(opening).toMatchObject({ reason: 'Workloads' });
    const before = evictionsOf(operator).length;
    await operator.post(world.alert(nth(pods, 3)));
    const late = await world.incident(
      'that is held',
      (i) => i.spec.target.uid === nth(pods, 3).metadata.uid && reasonOf(i) === 'BreakerOpen',
    );
    expect(late.status?.isolation?.form).toBe('Gentle');
    expect(evictionsOf(operator)).toHaveLength(before);
    expect(await operator.metrics()).toMatch(/^die_operator_breaker_open 1$/m);
    await using closed = await closeWith(world, opening.openedAt);
    expect(closed).toBeDefined();
    await world.until('all replacements', async () => (await world.replacements()).length === 4 || undefined);
    const [last] = (await bookOf(world)).openings;
    expect(last?.closed).toMatchObject({ by: 'jane', reason: 'a wrong rule, mended' });
  });
});

const ALL = [{ name: 'replace', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }];

// The switch is one for the whole cluster, and the next file that needs one makes its own.
async function closeWith({ client }: World, opened: string): Promise<AsyncDisposable> {
  const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
  const text = writeDecision({ by: 'jane', reason: 'a wrong rule, mended', opened });
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: { [BREAKER_KEY]: text } };
  const { metadata } = await client.create<KubeObject>(CONFIG_MAPS, { namespace: at.namespace }, body);
  return { [Symbol.asyncDispose]: () => client.delete(CONFIG_MAPS, at, metadata.uid) };
}
