// The lists by which admission policies protect quarantined pods: a pod is in them before it is quarantined and until it is
// not, and nothing that goes wrong with them holds an isolation up.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  QUARANTINE_LIST,
  QUARANTINED_PODS_LIST,
  SEVERITY_LABEL,
  SYSTEM_NAMESPACE,
} from '../../src/api/names.ts';
import { ensureNamespace } from '../../src/embedded/seed.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { fault, neverAnswers } from '../support/faults.ts';
import { simulationTest as base, type EmbeddedWorld } from '../support/flow-test.ts';

const ABOUT_LISTS = /die-operator-quarantined|^POST .*configmaps/;
const CONTAIN = [{ name: 'contain', actions: ['Label', 'Isolate', 'Capture'] }];

/** As if the admission policies were installed: the operator holds the right that they ask for. */
const test = base.extend('protectedWorld', async ({ embedded }): Promise<EmbeddedWorld> => {
  embedded.cluster.grants.add('manage quarantines.die-operator.dev');
  ensureNamespace(embedded.cluster.api, SYSTEM_NAMESPACE);
  return embedded;
});

type Entries = Record<string, string> | undefined;

const entriesAt = ({ cluster }: EmbeddedWorld, namespace: string, name: string) =>
  cluster.api.get(CONFIG_MAPS, { namespace, name })?.['data'] as Entries;
const listOf = (embedded: EmbeddedWorld) => entriesAt(embedded, embedded.world.namespace, QUARANTINE_LIST);
const clusterListOf = (embedded: EmbeddedWorld) =>
  entriesAt(embedded, SYSTEM_NAMESPACE, QUARANTINED_PODS_LIST);

const release = ({ world }: EmbeddedWorld, name: string) =>
  world.client.jsonPatch(DRIFT_INCIDENTS, { namespace: world.namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
  ]);

describe('a pod that is quarantined where that is protected', () => {
  test('is listed before the label, may be drained once its evidence is kept, and is not listed after its release', async ({
    protectedWorld,
  }) => {
    const { world, cluster } = protectedWorld;
    const victim = await world.victim(3);
    const { name, uid } = victim.metadata;
    const atThePatch: Entries[] = [];
    cluster.onRequest(({ method, path }) => {
      if (method === 'PATCH' && path.split('?')[0]?.endsWith(`/pods/${name}`))
        atThePatch.push(listOf(protectedWorld));
    });
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN });
    await operator.post(world.alert(victim));
    const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(atThePatch[0]).toEqual({ [name]: `Held ${uid}` });
    await world.until('a drain may take it', async () =>
      listOf(protectedWorld)?.[name] === `Drainable ${uid}` ? true : undefined,
    );
    expect(clusterListOf(protectedWorld)).toEqual({ [uid]: `${world.namespace}/${name}` });
    await release(protectedWorld, incident.metadata.name);
    await world.incident('that is released', (i) => i.status?.phase === 'Released');
    await world.until('the lists are empty', async () =>
      Object.keys({ ...listOf(protectedWorld), ...clusterListOf(protectedWorld) }).length === 0
        ? true
        : undefined,
    );
  });

  test('may still be drained when a graver alert comes after its evidence is kept', async ({
    protectedWorld,
  }) => {
    const { world, clock } = protectedWorld;
    const victim = await world.victim(3);
    const { name, uid } = victim.metadata;
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN });
    await operator.post(world.alert(victim, { priority: 'Error' }));
    const drainable = () =>
      world.until('a drain may take it', async () =>
        listOf(protectedWorld)?.[name] === `Drainable ${uid}` ? true : undefined,
      );
    await drainable();
    await operator.post(world.alert(victim, { priority: 'Critical', rule: 'DIE Graver' }));
    await world.until('it has the graver severity', async () =>
      (await world.client.get<KubeObject>(PODS, { namespace: world.namespace, name })).metadata.labels?.[
        SEVERITY_LABEL
      ] === 'critical'
        ? true
        : undefined,
    );
    await clock.advance(120_000);
    await drainable();
  });

  test('is held to the end where a policy says Deny', async ({ protectedWorld }) => {
    const { world } = protectedWorld;
    const victim = await world.victim(3);
    const { name, uid } = victim.metadata;
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN, isolation: { onDrain: 'Deny' } });
    await operator.post(world.alert(victim));
    await world.incident(
      'with evidence',
      (i) => i.status?.phase === 'Quarantined' && i.status.evidence !== undefined,
    );
    await protectedWorld.clock.advance(60_000);
    expect(listOf(protectedWorld)).toEqual({ [name]: `Held ${uid}` });
  });

  test('is isolated within a second or so when the lists cannot be written', async ({ protectedWorld }) => {
    const { world, clock, cluster } = protectedWorld;
    const victim = await world.victim(3);
    const silent = fault(ABOUT_LISTS, clock, neverAnswers);
    const operator = await world.operator({}, silent.wrap);
    await world.policy({ responses: CONTAIN });
    let isolatedAt = Infinity;
    cluster.onRequest(({ method, path }) => {
      if (method === 'PATCH' && path.split('?')[0]?.endsWith(`/pods/${victim.metadata.name}`))
        isolatedAt = clock.now();
    });
    const began = clock.now();
    await operator.post(world.alert(victim));
    await world.incident('in quarantine', (i) => i.status?.isolation !== undefined);
    expect(isolatedAt - began).toBeLessThanOrEqual(1_500);
  });

  test('is isolated where the name of a list is taken by somebody else, whose object stays as it is', async ({
    protectedWorld,
  }) => {
    const { world } = protectedWorld;
    const victim = await world.victim(3);
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: QUARANTINE_LIST, namespace: world.namespace },
      data: { theirs: 'yes' },
    };
    await world.client.create(CONFIG_MAPS, { namespace: world.namespace }, body);
    const operator = await world.operator();
    await world.policy({ responses: CONTAIN });
    await operator.post(world.alert(victim));
    await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    expect(listOf(protectedWorld)).toEqual({ theirs: 'yes' });
  });
});

base('without the admission policies no list is made', async ({ embedded }) => {
  const { world } = embedded;
  const victim = await world.victim(3);
  const operator = await world.operator();
  await world.policy({ responses: CONTAIN });
  await operator.post(world.alert(victim));
  await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
  expect(listOf(embedded)).toBeUndefined();
});
