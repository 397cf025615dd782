// What a real API server's authorizer makes of policies: as the responder's account, without and with the rights to act.
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { ACTIONS, type Action, type Condition, type DriftPolicy } from '../../src/api/policy.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_POLICIES, EVENTS, NETWORK_POLICIES } from '../../src/kube/resources.ts';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { install, installedTest as test, mayDo, refused } from '../support/installed-test.ts';
import { CONFIG, kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { accountOf, neededFor } from '../support/rights.ts';
import type { World } from '../support/world.ts';

type Told = Pick<Condition, 'status' | 'reason' | 'message'>;

// Its rights are given namespace by namespace, and it needs a grant.
type Plain = Exclude<Action, 'Restart'>;
const PLAIN = ACTIONS.filter((action): action is Plain => action !== 'Restart');

const nameOf = (action: Action): string => action.toLowerCase();

async function policiesOfOneAction(world: World): Promise<Map<Action, Condition>> {
  const found = new Map<Action, Condition>();
  for (const action of PLAIN) {
    const spec = { responses: [{ name: 'only', minSeverity: 'Warning', actions: [action] }] };
    const { status } = await world.policy(spec, nameOf(action));
    const ready = findCondition(status?.conditions, 'Ready');
    if (ready) found.set(action, ready);
  }
  return found;
}

/** Reason and note of the Events about that policy. */
async function eventsAbout(world: World, name: string): Promise<[reason: unknown, note: unknown][]> {
  const events = await world.list<KubeObject & { regarding: { name: string } }>(EVENTS);
  const about = events.filter(({ regarding }) => regarding.name === name);
  return about.map((event) => [event['reason'], event['note']]);
}

/** Changes the policy, again each time that it was judged, until it is Ready: answers are shared for some seconds. */
async function readyAfterChange(world: World, name: string): Promise<Condition> {
  const { client, namespace } = world;
  const at = { namespace, name };
  return world.until(`policy ${name} is Ready`, async () => {
    const { metadata, status } = await client.get<DriftPolicy>(DRIFT_POLICIES, at);
    if (status?.observedGeneration !== metadata.generation) return undefined;
    const ready = findCondition(status?.conditions, 'Ready');
    if (ready?.reason === 'Enforcing') return ready;
    const value = `generation-${metadata.generation}`;
    await client.jsonPatch(DRIFT_POLICIES, at, [{ op: 'replace', path: '/spec/responses/0/name', value }]);
    return undefined;
  });
}

/** Binds the rights to act in one namespace instead of in all. */
async function bindInNamespace(access: ClusterAccess, client: KubeClient, namespace: string): Promise<void> {
  const role = 'die-operator-responder-enforce';
  await kubectl(access, 'delete', 'clusterrolebinding', role);
  const account = '--serviceaccount=die-operator-system:responder';
  await kubectl(access, 'create', 'rolebinding', role, `--clusterrole=${role}`, account, '-n', namespace);
  const evict = { account: 'responder', verb: 'create', group: '', resource: 'pods/eviction' };
  const allowed = (where: string) => mayDo(client, { ...evict, namespace: where });
  await eventually(
    'the rights are bound there',
    () => allowed(namespace),
    (there) => there,
  );
  await eventually(
    'the rights are bound there only',
    () => allowed('default'),
    (elsewhere) => !elsewhere,
  );
}

describe('with config/default only, a policy in Enforce with one action', () => {
  test('names exactly the rights that are missing, by condition and Event; with overlays/enforce it is Ready', async ({
    access,
    client,
    flow,
    world,
  }) => {
    const { namespace } = world;
    const cure = 'Install config/overlays/enforce.';
    const lacks = (rights: string, steps: string): Told => ({
      status: 'False',
      reason: 'MissingPermission',
      message: `die-operator lacks ${rights} in namespace ${namespace}. These steps fail and are retried: ${steps}. ${cure}`,
    });
    const evidence =
      'pods/log get, events list, serviceaccounts get, replicasets.apps get, deployments.apps get, ' +
      'statefulsets.apps get, daemonsets.apps get, jobs.batch get, endpointslices.discovery.k8s.io list';
    const expected: Record<Plain, Told> = {
      Label: lacks('pods patch', 'Label, Release'),
      Isolate: lacks(
        'pods patch/delete, networkpolicies.networking.k8s.io get/patch/create',
        'Isolate, Release, Contain',
      ),
      Capture: {
        status: 'True',
        reason: 'IncompleteEvidence',
        message: `Responses are carried out. Evidence has gaps without ${evidence} in namespace ${namespace}, and nodes get. ${cure}`,
      },
      Evict: lacks('pods/eviction create, statefulsets.apps get/patch', 'Evict, Touch'),
    };

    const { calls } = await flow('one action', 'default', async () => {
      const found = await policiesOfOneAction(world);
      for (const action of PLAIN) {
        const { status, reason, message } = expected[action];
        expect(found.get(action)).toMatchObject({ status, reason, message });
        const told = [[reason, `Ready=${status}: ${message}`]];
        await world.until(`an Event about ${action}`, async () =>
          (await eventsAbout(world, nameOf(action))).length > 0 ? true : undefined,
        );
        expect(await eventsAbout(world, nameOf(action))).toEqual(told);
      }

      await install(access, client, 'overlays/enforce');
      for (const action of PLAIN)
        expect(await readyAfterChange(world, nameOf(action))).toMatchObject({ status: 'True' });
      expect(await world.list(NETWORK_POLICIES)).toHaveLength(1);
    });
    // Every account may ask what it may do itself; no rule of ours is needed for it, and the receiver does not ask.
    const asked = calls.filter((one) => neededFor(one)?.resource === 'selfsubjectaccessreviews');
    expect(new Set(asked.map(({ verb, code }) => `${verb} ${code}`))).toEqual(new Set(['create 201']));
    expect(new Set(asked.map(accountOf))).toEqual(new Set(['responder']));
  });

  test('needs nothing more than overlays/enforce', async ({ flow, world }) => {
    const result = await flow('one action, with the rights', 'overlays/enforce', async () => {
      const found = await policiesOfOneAction(world);
      expect([...found.values()].map(({ reason }) => reason)).toEqual(PLAIN.map(() => 'Enforcing'));
    });
    expect(refused(result)).toEqual([]);
  });
});

describe('with the rights to act bound in its namespace only', () => {
  test('a policy is Ready but for the Node, which a namespace has no right to', async ({
    access,
    client,
    flow,
    world,
  }) => {
    await flow('bound in a namespace', 'overlays/enforce', async () => {
      await bindInNamespace(access, client, world.namespace);
      const { status } = await world.policy();
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({
        status: 'True',
        reason: 'IncompleteEvidence',
        message: expect.stringContaining('Evidence has gaps without nodes get.'),
      });
    });
  });
});

describe('with overlays/enforce, a policy with Restart', () => {
  test('names the rights that it lacks in its namespace, and is Ready once they are bound there', async ({
    access,
    flow,
    world,
  }) => {
    const { namespace } = world;
    await flow('restart', 'overlays/enforce', async () => {
      await world.clusterPolicy({ grants: { enforce: true, restart: true } });
      const spec = { responses: [{ name: 'only', minSeverity: 'Warning', actions: ['Restart'] }] };
      const { status } = await world.policy(spec, 'restart');
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'MissingPermission',
        message: expect.stringContaining(
          `die-operator lacks controllerrevisions.apps create/get, pods create in namespace ${namespace}. These steps fail and are retried: Keep, Restart.`,
        ),
      });
      await kubectl(access, 'apply', '-f', join(CONFIG, 'components/restart/rights.yaml'));
      const account = '--serviceaccount=die-operator-system:responder';
      const role = 'die-operator-restart';
      await kubectl(access, 'create', 'rolebinding', role, `--clusterrole=${role}`, account, '-n', namespace);
      expect(await readyAfterChange(world, 'restart')).toMatchObject({ status: 'True' });
    });
  });
});
