// A response with a firewall in the network of the pod: what people are told where it is not permitted or cannot be, that a
// helper puts it in before evidence is taken, and that a release does not end before it is away.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { CAPTURE_NAMESPACE, HELPER_LABEL, HELPERS_CONFIGMAP, QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, DRIFT_POLICIES, NAMESPACES, PODS } from '../../src/kube/resources.ts';
import { flowTest } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

const CUTTING = {
  mode: 'Enforce',
  isolation: { cut: 'PodFirewall' },
  responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture'] }],
};
const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;

const acceptance = ({ status }: DriftPolicy) => status?.conditions?.find(({ type }) => type === 'Accepted');
const stepOf = ({ status }: DriftIncident, name: string) => status?.steps?.find((step) => step.name === name);

/** `helpers`: what config/components/helpers and an administrator make, for the time of a test. */
const test = flowTest.extend('helpers', async ({ world: { client } }, { onCleanup }): Promise<string> => {
  const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: CAPTURE_NAMESPACE } };
  await client.create(NAMESPACES, {}, space).catch((error: unknown) => {
    if (!(error instanceof KubeError) || error.status !== 409) throw error;
  });
  const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
  const data = { image: IMAGE, profiles: 'canary,netns' };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: at.name }, data };
  const { metadata } = await client.create<KubeObject>(CONFIG_MAPS, { namespace: at.namespace }, map);
  onCleanup(() => client.delete(CONFIG_MAPS, at, metadata.uid));
  return IMAGE;
});

/** The helper of this pod, once there is one. */
function helperOf(world: World, pod: KubeObject, what: string): Promise<KubeObject> {
  return world.until(`a helper that ${what}`, async () => {
    const { items } = await world.client.list<KubeObject>(PODS, {
      namespace: CAPTURE_NAMESPACE,
      labelSelector: HELPER_LABEL,
    });
    return items.find(
      ({ metadata, ...rest }) =>
        metadata.name === `netns-${pod.metadata.uid}` &&
        metadata.deletionTimestamp === undefined &&
        JSON.stringify(rest).includes(`"${what}"`),
    );
  });
}

/** Ends it, as the kubelet of its node would. */
async function end({ client }: World, { metadata }: KubeObject, report: object): Promise<void> {
  const terminated = { exitCode: 0, reason: 'Completed', message: JSON.stringify(report) };
  const container = {
    name: 'helper',
    ready: false,
    restartCount: 0,
    image: IMAGE,
    imageID: '',
    state: { terminated },
  };
  const status = { phase: 'Succeeded', containerStatuses: [container] };
  const at = { namespace: CAPTURE_NAMESPACE, name: metadata.name, subresource: 'status' };
  await client.jsonPatch(PODS, at, [
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    { op: 'add', path: '/status', value: status },
  ]);
}

describe('a policy of a namespace that asks for a firewall', () => {
  test('is told that it is not permitted, until it is granted', async ({ world }) => {
    await world.operator();
    const policy = await world.policy(CUTTING, 'cutting');
    expect(acceptance(policy)).toMatchObject({
      status: 'False',
      reason: 'NotPermitted',
      message: expect.stringContaining('spec.isolation.cut: PodFirewall is not permitted here'),
    });
    await world.clusterPolicy({ grants: { enforce: true, cut: true } });
    await world.until('the policy is accepted', async () => {
      const at = { namespace: world.namespace, name: 'cutting' };
      const now = await world.client.get<DriftPolicy>(DRIFT_POLICIES, at);
      return acceptance(now)?.status === 'True' ? now : undefined;
    });
  });
});

describe('a response with a firewall', () => {
  test('goes on without it where there are no helpers, and says so', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.clusterPolicy(CUTTING);
    await operator.post(world.alert(victim));
    const incident = await world.incident(
      'at rest',
      (i) => i.status?.evidence !== undefined && stepOf(i, 'Cut')?.state === 'Failed',
    );
    expect(stepOf(incident, 'Cut')).toMatchObject({
      reason: 'HelperMissing',
      message: expect.stringContaining('config/components/helpers'),
      nextAttemptAt: expect.any(String),
    });
    expect(incident.status?.plan?.steps).toEqual(['Isolate', 'Cut', 'Capture']);
    expect(incident.status?.isolation).toMatchObject({ form: 'Orphan' });
    expect(incident.status?.isolation?.cut).toBeUndefined();
  });

  test('has it before evidence, keeps it through what comes, and takes it away before the labels go back', async ({
    world,
    helpers,
  }) => {
    expect(helpers).toBe(IMAGE);
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.clusterPolicy(CUTTING);
    await operator.post(world.alert(victim));

    const putting = await helperOf(world, victim, 'cut');
    const before = await world.incident('that is being cut', (i) => stepOf(i, 'Cut')?.state === 'Running');
    expect(stepOf(before, 'Isolate')?.state).toBe('Succeeded');
    expect(stepOf(before, 'Capture')).toBeUndefined();
    expect(before.status?.isolation?.cut).toEqual({ begunAt: expect.any(String) });
    await end(world, putting, { result: 'Cut' });
    const cut = await world.incident('with evidence', (i) => i.status?.evidence !== undefined);
    expect(stepOf(cut, 'Cut')).toMatchObject({ state: 'Succeeded', attempts: 1 });
    const { podIP } = (victim as unknown as { status: { podIP: string } }).status;
    expect(cut.status?.isolation?.cut).toMatchObject({ at: expect.any(String), podIP });

    const at = { namespace: world.namespace, name: cut.metadata.name };
    const decision = { action: 'Release', by: 'ann', reason: 'a false alarm' };
    await world.client.jsonPatch(DRIFT_INCIDENTS, at, [
      { op: 'add', path: '/spec/decision', value: decision },
    ]);
    const failing = await helperOf(world, victim, 'uncut');
    await end(world, failing, {
      result: 'Refused',
      reason: 'NoProcess',
      message: 'no process of the pod runs',
    });
    const waiting = await world.incident(
      'that waits',
      (i) => stepOf(i, 'Release')?.reason === 'FirewallRemains',
    );
    expect(waiting.status?.isolation?.cut).toBeDefined();
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toMatchObject({
      [QUARANTINE_LABEL]: 'true',
    });

    await end(world, await helperOf(world, victim, 'uncut'), { result: 'Uncut' });
    const released = await world.incident('that was released', (i) => i.status?.phase === 'Released');
    expect(released.status?.isolation?.cut).toBeUndefined();
  });
});
