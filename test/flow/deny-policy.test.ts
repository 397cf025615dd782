// The deny policy of a namespace: there before it is needed, put back when somebody changes it, away when nothing needs it.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_POLICY } from '../../src/api/names.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, NETWORK_POLICIES } from '../../src/kube/resources.ts';
import { isDenyPolicy } from '../../src/respond/deny-policy.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

const ALLOW_ALL = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] };

async function read({ client, namespace }: World): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Waits until the deny policy is there and denies; another one than `before`, where that is given. */
const untilThere = (world: World, before?: KubeObject) =>
  world.until('the deny policy is there', async () => {
    const policy = await read(world);
    const isNew = policy?.metadata.uid !== before?.metadata.uid;
    return policy && isNew && isDenyPolicy(policy['spec']) ? policy : undefined;
  });

const editTo = ({ client, namespace }: World, spec: object) =>
  client.jsonPatch(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }, [
    { op: 'replace', path: '/spec', value: spec },
  ]);

const remove = ({ client, namespace }: World, { metadata }: KubeObject) =>
  client.delete(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }, metadata.uid);

describe('the deny policy of a namespace', () => {
  test('is put there for a policy that isolates, and denies all as the API server stored it', async ({
    world,
  }) => {
    await world.operator();
    await world.policy();
    const { spec, metadata } = (await untilThere(world)) as KubeObject & { spec: object };
    expect(spec).toEqual({
      podSelector: { matchLabels: { 'die-operator.dev/quarantine': 'true' } },
      policyTypes: ['Ingress', 'Egress'],
    });
    expect(metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'die-operator' });
  });

  test('is put back when somebody edits or deletes it', async ({ world }) => {
    await world.operator();
    await world.policy();
    const first = await untilThere(world);
    await editTo(world, ALLOW_ALL);
    await world.until('the edit is undone', async () =>
      isDenyPolicy((await read(world))?.['spec']) ? true : undefined,
    );
    await remove(world, first);
    await untilThere(world, first);
  });

  test('of somebody else is left alone; ours comes as soon as that is gone', async ({ world }) => {
    const { client, namespace } = world;
    const foreign = await client.create<KubeObject>(
      NETWORK_POLICIES,
      { namespace },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: QUARANTINE_POLICY, namespace },
        spec: ALLOW_ALL,
      },
    );
    await world.operator();
    const policy = await world.policy();
    const at = { namespace, name: policy.metadata.name };
    const ready = async () => {
      const { status } = await client.get<typeof policy>(DRIFT_POLICIES, at);
      return status?.conditions?.find(({ type }) => type === 'Ready');
    };
    await world.until('the policy says so', async () =>
      (await ready())?.reason === 'ForeignNetworkPolicy' ? true : undefined,
    );
    expect((await read(world))?.['spec']).toEqual(ALLOW_ALL);
    await remove(world, foreign);
    await untilThere(world, foreign);
    await world.until('the policy is ready', async () =>
      (await ready())?.status === 'True' ? true : undefined,
    );
  });

  test('goes when no policy needs it and no pod is quarantined, and not before', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    const policy = await world.policy({ responses: [{ name: 'contain', actions: ['Label', 'Isolate'] }] });
    await operator.post(world.alert(victim));
    const held = await world.incident('that is quarantined', (i) => i.status?.phase === 'Quarantined');
    const deny = await untilThere(world);
    const { namespace, client } = world;
    await client.delete(DRIFT_POLICIES, { namespace, name: policy.metadata.name }, policy.metadata.uid);
    await world.until('the incident says so', async () => {
      const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      const reasons = incident?.status?.conditions?.map(({ reason }) => reason) ?? [];
      return reasons.includes('PolicyChanged') ? true : undefined;
    });
    expect((await read(world))?.metadata.uid).toBe(deny.metadata.uid);
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: held.metadata.name }, [
      { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
    ]);
    await world.incident('that is released', (i) => i.status?.phase === 'Released');
    await world.until('it is gone', async () => ((await read(world)) === undefined ? true : undefined));
    // That it is gone can be read before the one who removed it has the answer.
    const removed = () =>
      operator.writes.filter(({ method, path }) => method === 'DELETE' && path.includes('networkpolicies'));
    await world.until('the removal is answered', async () => removed()[0]);
    expect(removed()).toHaveLength(1);
  });
});
