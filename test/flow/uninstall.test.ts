// Clearing what an operator left: killed after any of its writes and run again it comes to the same end, and the labels do
// not go back before the firewall is away.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, QUARANTINE_POLICY, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { clear, type Act } from '../../src/commands/uninstall/clear.ts';
import { readFound } from '../../src/commands/uninstall/read.ts';
import { remainsOf, type Remain } from '../../src/commands/uninstall/remains.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS, NAMESPACES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { listQuarantined } from '../../src/respond/quarantine-list.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { isReady, type World } from '../support/world.ts';

const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };
const NONE: ReadonlySet<string> = new Set();

/** Leaves a pod in quarantine, listed as where the quarantine is protected, and no operator. */
async function abandoned(world: World): Promise<{ victim: KubeObject; incident: DriftIncident }> {
  const system = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  await world.client.create(NAMESPACES, {}, system).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
  const victim = await world.victim(2);
  const operator = await world.operator();
  await world.policy(CONTAIN);
  await operator.post(world.alert(victim));
  const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  await world.until('a replacement', async () => {
    const ready = (await world.list(PODS)).filter(isReady);
    return ready.length === 3 || undefined;
  });
  await operator.stop();
  const { namespace = '', name, uid } = victim.metadata;
  await listQuarantined(world.client, { namespace, name, uid }, 'Held');
  return { victim, incident };
}

const scopeOf = ({ namespace }: World) => ({ namespace, leaseName: 'nobody' });

async function left(world: World): Promise<Remain[]> {
  return remainsOf(await readFound(world.client, scopeOf(world)), NONE);
}

/** One run of --clear; time passes meanwhile. */
async function cleared(world: World, client: KubeClient = world.client): Promise<Act[]> {
  const found = await readFound(world.client, scopeOf(world));
  const stopping = new AbortController().signal;
  const context = { client, clock: world.parts.clock, log: silentLogger, stopping, by: 'ann' };
  let acts: Act[] | undefined;
  void Array.fromAsync(clear(context, found, NONE)).then((all) => (acts = all));
  return world.until('the run ends', async () => acts);
}

/** A client whose process dies: at its write of that number, before it is sent or before its answer is heard. */
function dying(client: KubeClient, at: number, when: 'before' | 'after'): KubeClient & { writes: number } {
  const state = { writes: 0 };
  const death = () => Promise.reject(new Error('killed'));
  const write = async <T>(send: () => Promise<T>): Promise<T> => {
    if (state.writes >= at) return death();
    state.writes += 1;
    if (state.writes === at && when === 'before') return death();
    const answer = await send();
    return state.writes === at ? death() : answer;
  };
  const read = <T>(send: () => T): T => {
    if (state.writes >= at) throw new Error('killed');
    return send();
  };
  return {
    get writes() {
      return state.writes;
    },
    get: async (...args) => read(() => client.get(...args)),
    list: async (...args) => read(() => client.list(...args)),
    create: (...args) => write(() => client.create(...args)),
    jsonPatch: (...args) => write(() => client.jsonPatch(...args)),
    delete: (...args) => write(() => client.delete(...args)),
    readText: (...args) => client.readText(...args),
    watch: (...args) => client.watch(...args),
  };
}

async function expectAsBefore(world: World, victim: KubeObject): Promise<void> {
  expect(await left(world)).toEqual([]);
  const pod = await world.until('the pod is owned again', async () => {
    const same = await world.pod(victim.metadata.name);
    return same?.metadata.ownerReferences ? same : undefined;
  });
  expect(pod.metadata.uid).toBe(victim.metadata.uid);
  expect(JSON.stringify(pod.metadata.labels)).toBe(JSON.stringify(victim.metadata.labels));
  expect(pod.metadata.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
  const policies = await world.list(NETWORK_POLICIES);
  expect(policies.map(({ metadata }) => metadata.name)).not.toContain(QUARANTINE_POLICY);
}

/** Decision, labels, end of the release, entries in two lists, finalizer, deny policy, list. */
const WRITES = 8;
const DEATHS = Array.from({ length: WRITES }, (_, index) => index + 1).flatMap((at) =>
  (['before', 'after'] as const).map((when) => ({ at, when })),
);

describe('clearing', () => {
  test('takes eight writes', async ({ world }) => {
    const { victim } = await abandoned(world);
    const client = dying(world.client, Infinity, 'after');
    const acts = await cleared(world, client);
    expect(acts.map(({ kind, done }) => `${kind} ${done}`)).toEqual([
      'Pod true',
      'DriftIncident true',
      'NetworkPolicy true',
      'ConfigMap true',
    ]);
    expect(client.writes).toBe(WRITES);
    await expectAsBefore(world, victim);
  });

  test.for(DEATHS)(
    'that dies $when write $at comes to the same end when it is run again',
    async ({ at, when }, { world }) => {
      const { victim } = await abandoned(world);
      await cleared(world, dying(world.client, at, when));
      const pod = await world.pod(victim.metadata.name);
      const policies = (await world.list(NETWORK_POLICIES)).map(({ metadata }) => metadata.name);
      // As long as it is labelled, what isolates it is there.
      const labelled = QUARANTINE_LABEL in (pod?.metadata.labels ?? {});
      expect(!labelled || policies.includes(QUARANTINE_POLICY)).toBe(true);
      const acts = await cleared(world);
      expect(acts.filter(({ done }) => !done)).toEqual([]);
      await expectAsBefore(world, victim);
    },
  );

  test('puts no label back while a firewall cannot be taken away, and says why', async ({ world }) => {
    const { victim, incident } = await abandoned(world);
    const { name } = incident.metadata;
    const at = { namespace: world.namespace, name, subresource: 'status' };
    const begunAt = new Date(world.parts.clock.now() - 70_000).toISOString();
    await world.client.jsonPatch(DRIFT_INCIDENTS, at, [
      { op: 'add', path: '/status/isolation/cut', value: { begunAt } },
    ]);
    const [pod] = await left(world);
    expect(pod?.message).toContain('the firewall in its network is taken away first');
    const acts = await cleared(world);
    expect(acts[0]).toMatchObject({ kind: 'Pod', done: false });
    expect(acts[0]?.message).toContain('cannot be taken away yet');
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toHaveProperty([QUARANTINE_LABEL]);
    expect((await left(world)).map(({ kind }) => kind)).toEqual([
      'Pod',
      'DriftIncident',
      'NetworkPolicy',
      'ConfigMap',
    ]);
  });
});
