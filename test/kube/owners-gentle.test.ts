// What the real controllers make of a response to pods that keep their labels: of a DaemonSet, a Job, of an owner that
// nobody knows, of nobody, and pods that have ended.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import * as kinds from '../../src/kube/resources.ts';
import { call, type ClusterAccess } from '../support/cluster-access.ts';
import { established } from '../support/crds.ts';
import { drift, make, ownerTest as test, read, readyPods, REPLACE, resting } from '../support/owner-world.ts';
import { APP, ISOLATE, POD_SPEC, TEMPLATE } from '../support/owner-world.ts';
import type { TestOperator, World } from '../support/world.ts';

const CRON_JOBS = { ...kinds.JOBS, plural: 'cronjobs', kind: 'CronJob' };
const RUNNERS = {
  group: 'tests.example',
  version: 'v1',
  plural: 'runners',
  kind: 'Runner',
  namespaced: true,
};

interface Job extends KubeObject {
  status?: { active?: number; failed?: number; succeeded?: number };
}

const jobSpec = (parallelism: number) => ({
  parallelism,
  completions: parallelism,
  template: { ...TEMPLATE, spec: { ...POD_SPEC, restartPolicy: 'Never' } },
});

/** The pod keeps all that it had, and got our label. */
async function expectGentle(
  world: World,
  incident: DriftIncident,
  before: KubeObject,
  why: RegExp,
): Promise<void> {
  expect(incident.status).toMatchObject({ isolation: { form: 'Gentle' }, plan: { form: 'Gentle' } });
  expect(incident.status?.plan?.message).toMatch(why);
  const after = await world.pod(before.metadata.name);
  expect(after?.metadata).toMatchObject({ uid: before.metadata.uid });
  expect(after?.metadata.ownerReferences).toEqual(before.metadata.ownerReferences);
  expect(after?.metadata.labels).toMatchObject({ ...before.metadata.labels, [QUARANTINE_LABEL]: 'true' });
}

function expectNoEviction({ writes }: TestOperator): void {
  expect(writes.some(({ method, path }) => path.includes('/eviction') || method === 'DELETE')).toBe(false);
}

describe('a pod of a DaemonSet', () => {
  const daemonSet = (nodes: string[]) => {
    // Nodes of other tests are about.
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }];
    const nodeSelectorTerms = [{ matchExpressions }];
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    };
    const template = { ...TEMPLATE, spec: { ...POD_SPEC, affinity } };
    return { metadata: { name: 'web' }, spec: { selector: { matchLabels: APP }, template } };
  };

  test('stays alone on its node until it is evicted, and is replaced there', async ({ world, nodes }) => {
    await make(world, kinds.DAEMON_SETS, daemonSet(nodes));
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, REPLACE);
    const { status, spec } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status?.plan?.message).toContain('second pod on the node');
    expect(status).toMatchObject({
      isolation: { form: 'Gentle' },
      replacement: { nodeName: spec.target.nodeName },
    });
    const placed = (await readyPods(world, 2)).map((pod) => (pod['spec'] as { nodeName?: string }).nodeName);
    expect(new Set(placed)).toEqual(new Set(nodes));
  });

  test('is not let go while it is only isolated', async ({ world, nodes }) => {
    await make(world, kinds.DAEMON_SETS, daemonSet(nodes));
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, ISOLATE);
    await expectGentle(
      world,
      await resting(world, 'Quarantined'),
      victim,
      /^Only a label is added, as a DaemonSet/,
    );
    expect(await readyPods(world, 2)).toHaveLength(2);
  });
});

describe('a pod of a Job', () => {
  test('that runs is evicted beside another; the Job counts it as failed and goes on', async ({ world }) => {
    await make(world, kinds.JOBS, { metadata: { name: 'web' }, spec: jobSpec(2) });
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, REPLACE);
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status?.isolation?.form).toBe('Gentle');
    expect(status?.plan?.message).toContain('would run its work a second time');
    expect((await read<Job>(world, kinds.JOBS, 'web')).status).toMatchObject({ active: 2, failed: 1 });
  });

  test('of a CronJob, which is its only one, is isolated and kept', async ({ world }) => {
    const spec = { schedule: '0 0 1 1 *', jobTemplate: { spec: jobSpec(1) } };
    const { metadata, kind, apiVersion } = await make(world, CRON_JOBS, {
      metadata: { name: 'nightly' },
      spec,
    });
    const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
    // As the CronJob controller, and `kubectl create job --from`, make it.
    const job = { name: 'nightly-1', ownerReferences: [owner] };
    await make(world, kinds.JOBS, { metadata: job, spec: jobSpec(1) });
    const [victim] = await readyPods(world, 1);
    const operator = await drift(world, victim, REPLACE);
    await expectGentle(world, await resting(world, 'LastReadyCopy'), victim, /the Job counts it as active/);
    expect((await read<Job>(world, kinds.JOBS, 'nightly-1')).status).toMatchObject({ active: 1 });
    expectNoEviction(operator);
  });

  test('that has ended is labelled and nothing is said to be cut', async ({ world }) => {
    await make(world, kinds.JOBS, { metadata: { name: 'web' }, spec: jobSpec(1) });
    const [victim] = await readyPods(world, 1);
    const ended = await end(world, victim);
    await drift(world, ended, ISOLATE);
    await expectGentle(world, await resting(world, 'Quarantined'), ended, /the pod has ended/);
    expect((await read<Job>(world, kinds.JOBS, 'web')).status).toMatchObject({ succeeded: 1 });
  });
});

describe('a bare pod', () => {
  test('is isolated, and its eviction is held until a person decides', async ({ world }) => {
    await make(world, kinds.PODS, { metadata: { name: 'alone', labels: APP }, spec: POD_SPEC });
    const [victim] = await readyPods(world, 1);
    const operator = await drift(world, victim, REPLACE);
    const incident = await resting(world, 'NoController');
    await expectGentle(world, incident, victim, /no controller would start a replacement/);
    expect(incident.status?.plan?.message).toContain('The eviction will wait');
    expectNoEviction(operator);
  });
});

describe('a pod of an owner that nobody knows', () => {
  test('is isolated and kept while it is the only one', async ({ world, access }) => {
    const [victim] = await runnersPods(world, access, 1);
    const operator = await drift(world, victim, REPLACE);
    await expectGentle(
      world,
      await resting(world, 'LastReadyCopy'),
      victim,
      /not known what its controller does/,
    );
    expectNoEviction(operator);
  });

  test('is evicted beside another one, and the incident fails if nobody replaces it', async ({
    world,
    access,
  }) => {
    const [victim] = await runnersPods(world, access, 2);
    await drift(world, victim, { ...REPLACE, eviction: { replacement: { readyWithin: '1s' } } });
    const { status } = await resting(world, 'NoReplacement');
    expect(status).toMatchObject({ phase: 'Failed', isolation: { form: 'Gentle' } });
    expect(await readyPods(world, 1)).toHaveLength(1);
  });
});

/** Ready pods that belong to a custom resource without a controller that runs. */
async function runnersPods(
  world: World,
  access: ClusterAccess,
  count: number,
): Promise<[KubeObject, ...KubeObject[]]> {
  await installRunners(access);
  const { metadata, kind, apiVersion } = await make(world, RUNNERS, { metadata: { name: 'web' } });
  const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
  for (let n = 1; n <= count; n++) {
    const own = { name: `web-${n}`, labels: APP, ownerReferences: [owner] };
    await make(world, kinds.PODS, { metadata: own, spec: POD_SPEC });
  }
  return readyPods(world, count);
}

async function installRunners(access: ClusterAccess): Promise<void> {
  const { group, version, plural, kind } = RUNNERS;
  const name = `${plural}.${group}`;
  const schema = { openAPIV3Schema: { type: 'object' } };
  const body = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { status } = await call(access, { method: 'POST', path, body });
  expect([201, 409]).toContain(status);
  await established(access, name);
}

/** The container of the pod ends well, as its kubelet reports it, and the Job takes note. */
async function end(world: World, pod: KubeObject): Promise<KubeObject> {
  const { namespace = '', name } = pod.metadata;
  const { containerStatuses } = pod['status'] as { containerStatuses: { containerID: string }[] };
  const over = containerStatuses.map((status) => ({
    ...status,
    ready: false,
    started: false,
    state: { terminated: { exitCode: 0, containerID: status.containerID } },
  }));
  await world.client.jsonPatch(kinds.PODS, { namespace, name, subresource: 'status' }, [
    { op: 'add', path: '/status/phase', value: 'Succeeded' },
    { op: 'add', path: '/status/containerStatuses', value: over },
    { op: 'add', path: '/status/conditions', value: [{ type: 'Ready', status: 'False' }] },
  ]);
  return world.until('the Job has counted the pod', async () => {
    const job = await read<Job>(world, kinds.JOBS, 'web');
    return job.status?.succeeded === 1 ? world.pod(name) : undefined;
  });
}
