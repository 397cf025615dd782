// The rights that config/ grants: enough for every flow, none that no flow uses, and what is said where one is missing.
// DIE_PRINT=1 prints which calls a response makes and which flow needs which right.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_POLICY } from '../../src/api/names.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { auditCalls, auditMark, type AuditCall } from '../support/audit-log.ts';
import { tokenFor } from '../support/cluster-access.ts';
import { isDenyPolicy } from '../../src/respond/deny-policy.ts';
import { install, installedTest as test, mayItself, refused, usersOf } from '../support/installed-test.ts';
import { render } from '../support/manifests.ts';
import { hasTouched, podsOfOtherOwners, withoutRoom } from '../support/owned-pods.ts';
import { deleteIncident, restartContainer } from '../support/acts.ts';
import { countCalls, describeRight, neededFor, rightsOf, type Right } from '../support/rights.ts';
import { CAPTURE_ONLY, EVICT_ONLY, ISOLATE_ONLY, UNASKED } from '../support/single-actions.ts';
import { isReady } from '../support/world.ts';

function print(title: string, lines: readonly string[]): void {
  if (process.env['DIE_PRINT']) process.stdout.write(`\n${title}\n${lines.join('\n')}\n`);
}

describe('the rights of config/default', () => {
  test('are enough to record what would be done, from alert to end', async ({ flow, world }) => {
    const result = await flow('audit', 'default', async ({ receiver }) => {
      const victim = await world.victim(3);
      await world.policy({ mode: 'Audit' });
      // Falco is faster than the kubelet: the container is in no status yet.
      const id = randomBytes(32).toString('hex');
      const alert = world.alert(victim, { fields: { 'container.id': id.slice(0, 12) } });
      expect(await receiver.post(alert)).toMatchObject({ status: 202, body: { outcome: 'Queued' } });
      await restartContainer(world, victim, id);

      const incident = await world.incident('that records', (i) => i.status?.phase === 'Observed');
      expect(findCondition(incident.status?.conditions, 'Ready')).toMatchObject({ reason: 'Audit' });
      const another = world.alert(victim, {
        rule: 'Another rule',
        fields: { 'container.id': id.slice(0, 12) },
      });
      expect(await receiver.post(another)).toMatchObject({ status: 202 });
      await world.incident('with a report', (i) => i.status?.reports?.['receiver-1']?.count === 2);

      const { name, uid, labels } = victim.metadata;
      expect((await world.pod(name))?.metadata.labels).toEqual(labels);
      await world.client.delete(PODS, { namespace: world.namespace, name }, uid);
      await world.incident('whose pod is gone', (i) => i.status?.phase === 'TargetGone');
    });
    expect(refused(result)).toEqual([]);
  });

  test('let the slower of two receivers read the incident of the faster', async ({ flow, world }) => {
    const result = await flow('two receivers', 'default', async ({ receiver, anotherReceiver }) => {
      const victim = await world.victim(1);
      await world.policy({ mode: 'Audit' });
      const alert = world.alert(victim);
      const slower = await anotherReceiver((transport) => async (request) => {
        if (request.method === 'POST') await receiver.post(alert);
        return transport(request);
      });
      expect(await slower.post(alert)).toMatchObject({ status: 202 });
      await world.until('both were answered', async () =>
        (await slower.metrics()).includes('die_operator_alerts_total{outcome="Opened"} 1') ? true : undefined,
      );
      expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
    });
    expect(refused(result)).toEqual([]);
  });

  test('do not enforce a policy, which names the right that is missing, as its incidents do', async ({
    flow,
    world,
  }) => {
    const result = await flow('enforcing without the rights', 'default', async ({ receiver }) => {
      const victim = await world.victim(2);
      const { status } = await world.policy();
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'MissingPermission',
        message: expect.stringContaining('pods/eviction create'),
      });

      await receiver.post(world.alert(victim));
      // A step is written before the summary of the wait that follows: the summary is what is waited for.
      const incident = await world.incident(
        'that needs a person',
        ({ status: told }) => findCondition(told?.conditions, 'Stalled')?.reason === 'MissingPermission',
      );
      const steps = Object.fromEntries((incident.status?.steps ?? []).map((step) => [step.name, step]));
      expect(steps['Isolate']).toMatchObject({
        state: 'Failed',
        reason: 'MissingPermission',
        message: expect.stringContaining(
          `grant die-operator the verb get on networkpolicies of API group networking.k8s.io in namespace ${world.namespace}`,
        ),
      });
      expect(steps['Evict']).toMatchObject({
        state: 'Waiting',
        reason: 'MissingPermission',
        message: expect.stringContaining(
          `grant die-operator the verb create on pods/eviction in namespace ${world.namespace}`,
        ),
      });
      const conditions = incident.status?.conditions;
      expect(findCondition(conditions, 'Isolated')).toMatchObject({
        status: 'False',
        reason: 'MissingPermission',
      });
      expect((await world.pod(victim.metadata.name))?.metadata).toMatchObject({
        uid: victim.metadata.uid,
        labels: victim.metadata.labels,
      });

      // What was begun must be able to end.
      expect(incident.metadata.finalizers).toHaveLength(1);
      await deleteIncident(world, incident);
      expect(await world.pod(victim.metadata.name)).toMatchObject({ metadata: { uid: victim.metadata.uid } });
    });
    expect(refused(result)).not.toEqual([]);
  });

  test('are enough to tell a policy of the cluster which it lacks', async ({ flow, world }) => {
    const result = await flow('cluster policy without the rights', 'default', async ({ receiver }) => {
      const victim = await world.victim(2);
      const { status } = await world.clusterPolicy({ mode: 'Enforce', ...EVICT_ONLY });
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({ reason: 'MissingPermission' });
      await receiver.post(world.alert(victim));
      await world.incident(
        'that needs a person',
        ({ status: told }) => findCondition(told?.conditions, 'Stalled')?.reason === 'MissingPermission',
      );
    });
    expect(new Set(refused(result).map((call) => call.split(' ')[0]))).toEqual(new Set(['patch', 'create']));
  });
});

describe('the rights of config/overlays/enforce', () => {
  test('are enough for a whole response', async ({ access, flow, world }) => {
    let calls: AuditCall[] = [];
    const result = await flow('response', 'overlays/enforce', async ({ receiver, responder }) => {
      const victim = await world.victim(3);
      const { status } = await world.policy();
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({ status: 'True' });
      const mark = await auditMark(access.auditLog);
      await receiver.post(world.alert(victim));
      const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
      await world.incident('without our finalizer', (i) => (i.metadata.finalizers ?? []).length === 0);
      calls = await auditCalls(access.auditLog, mark);
      const files = responder.evidence.manifest(incident.metadata.uid)?.files.map(({ path }) => path);
      expect(files?.filter((path) => path.startsWith('api/owners/'))).toHaveLength(2);
    });
    print('Calls of one response, by account', countCalls(calls));
    expect(refused(result)).toEqual([]);
  });

  test('are enough for a response that a policy of the cluster asks for', async ({ flow, world }) => {
    const result = await flow('cluster policy', 'overlays/enforce', async ({ receiver }) => {
      const victim = await world.victim(3);
      const { status } = await world.clusterPolicy({ mode: 'Enforce', ...EVICT_ONLY });
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject({ status: 'True' });
      await receiver.post(world.alert(victim));
      await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    });
    expect(refused(result)).toEqual([]);
  });

  test('are enough to repair the deny policy of a namespace', async ({ flow, world }) => {
    const result = await flow('repair', 'overlays/enforce', async () => {
      const policy = await world.policy(ISOLATE_ONLY);
      const at = { namespace: world.namespace, name: QUARANTINE_POLICY };
      await world.client.jsonPatch(NETWORK_POLICIES, at, [
        { op: 'replace', path: '/spec/policyTypes', value: ['Ingress'] },
      ]);
      const { name, namespace = '' } = policy.metadata;
      await world.client.jsonPatch<DriftPolicy>(DRIFT_POLICIES, { namespace, name }, [
        { op: 'replace', path: '/spec/responses/0/name', value: 'renamed' },
      ]);
      await world.until('the deny policy denies again', async () =>
        isDenyPolicy((await world.client.get<KubeObject>(NETWORK_POLICIES, at))['spec']) ? true : undefined,
      );
      await world.client.delete(DRIFT_POLICIES, { namespace, name }, policy.metadata.uid);
      await world.until('nothing needs the deny policy', async () =>
        (await world.list(NETWORK_POLICIES)).length === 0 ? true : undefined,
      );
    });
    expect(refused(result)).toEqual([]);
  });

  test('are enough to release a pod', async ({ flow, world }) => {
    const result = await flow('release', 'overlays/enforce', async ({ receiver }) => {
      const victim = await world.victim(3);
      await world.policy(ISOLATE_ONLY);
      await receiver.post(world.alert(victim));
      const { metadata } = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
      const value = { action: 'Release', by: 'admin', reason: 'a false alarm' };
      await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace: world.namespace, name: metadata.name }, [
        { op: 'add', path: '/spec/decision', value },
      ]);
      await world.incident('that was released', (i) => i.status?.phase === 'Released');
      await world.until('three Ready pods', async () =>
        (await world.list(PODS)).filter(isReady).length === 3 ? true : undefined,
      );
    });
    expect(refused(result)).toEqual([]);
  });

  test('are enough to contain the pod of a deleted incident', async ({ flow, world }) => {
    const result = await flow('containment', 'overlays/enforce', async ({ receiver }) => {
      const victim = await world.victim(3);
      await world.policy(ISOLATE_ONLY);
      await receiver.post(world.alert(victim));
      const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
      await deleteIncident(world, incident);
      await world.until('the pod is gone', async () =>
        (await world.pod(victim.metadata.name)) ? undefined : true,
      );
    });
    expect(refused(result)).toEqual([]);
  });

  test('are enough for evidence of any owner, and to touch a set', async ({ flow, world }) => {
    const result = await flow('evidence', 'overlays/enforce', async ({ receiver, responder }) => {
      const pods = await podsOfOtherOwners(world);
      // Each policy of a pod may ask for approval.
      await world.policy({ ...CAPTURE_ONLY, ...UNASKED });
      for (const pod of pods.values()) await receiver.post(world.alert(pod));
      for (const [kind, pod] of pods) {
        const incident = await world.incident(
          `of the ${kind} with evidence`,
          ({ spec, status }) => spec.target.uid === pod.metadata.uid && status?.evidence !== undefined,
        );
        const files = responder.evidence.manifest(incident.metadata.uid)?.files.map(({ path }) => path);
        expect(files).toContainEqual(expect.stringContaining(`api/owners/${kind.toLowerCase()}`));
      }
      await world.policy(EVICT_ONLY, 'evict');
      await receiver.post(world.alert(await withoutRoom(world)));
      await world.incident('that touched', hasTouched);
    });
    expect(refused(result)).toEqual([]);
  });
});

describe('the receiver', () => {
  const FORBIDDEN: [verb: string, group: string, resource: string][] = [
    ...['create', 'update', 'patch', 'delete', 'deletecollection'].flatMap((verb) =>
      ['pods', 'pods/eviction', 'pods/status', 'pods/ephemeralcontainers', 'pods/binding'].map(
        (resource): [string, string, string] => [verb, '', resource],
      ),
    ),
    ['get', '', 'pods/exec'],
    ['create', '', 'pods/exec'],
    ['get', '', 'pods/log'],
    ['get', '', 'secrets'],
    ['create', 'networking.k8s.io', 'networkpolicies'],
    ['patch', 'die-operator.dev', 'driftincidents'],
    ['delete', 'die-operator.dev', 'driftincidents'],
    ['patch', 'die-operator.dev', 'driftpolicies'],
  ];

  test('has no right to change a pod, and says so itself', async ({ access, client }) => {
    await install(access, client, 'overlays/enforce');
    const as = { token: await tokenFor(access, 'die-operator-system', 'receiver') };
    for (const [verb, group, resource] of FORBIDDEN) {
      const allowed = await mayItself(access, as, { verb, group, resource });
      expect(allowed, `${verb} ${resource}`).toBe(false);
    }
    expect(await mayItself(access, as, { verb: 'list', group: '', resource: 'pods' })).toBe(true);
  });

  test('wrote nothing but incidents, and when alerts came, in any flow', ({ flows }) => {
    const writes = flows
      .flatMap(({ calls }) => calls)
      .filter((one) => one.user.endsWith(':receiver') && !['get', 'list', 'watch'].includes(one.verb))
      .map((one) => `${one.verb} ${neededFor(one)?.resource}`);
    expect(new Set(writes)).toEqual(
      new Set(['create driftincidents', 'patch driftincidents/status', 'patch configmaps']),
    );
  });
});

describe('every right', () => {
  test.for(['default', 'overlays/enforce'] as const)(
    'that only config/%s needs was used by a flow under it',
    async (overlay, { access, flows }) => {
      const [granted, less] = await Promise.all([render(access, overlay), render(access, 'default')]);
      const already = overlay === 'default' ? [] : rightsOf(less).map(describeRight);
      const rights = rightsOf(granted).filter((right) => !already.includes(describeRight(right)));
      const here = flows.filter((one) => one.overlay === overlay);
      const uses = rights.map((right): [Right, string[]] => [right, usersOf(here, right)]);
      print(
        `Rights of config/${overlay}, and the flows that need them`,
        uses.map(([right, names]) => `${describeRight(right).padEnd(78)} ${names.join(', ')}`),
      );
      expect(rights.length).toBeGreaterThan(10);
      const unused = uses.filter(([, names]) => names.length === 0);
      expect(unused.map(([right]) => describeRight(right))).toEqual([]);
    },
  );
});
