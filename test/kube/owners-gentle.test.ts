// What the real controllers make of a response to pods of a DaemonSet, a Job, of an owner that nobody knows, of nobody,
// and to pods that have ended.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../src/api/names.ts';
import * as kinds from '../../src/kube/resources.ts';
import { call, type ClusterAccess } from '../support/cluster-access.ts';
import { established } from '../support/crds.ts';
import {
  decideRelease,
  drift,
  make,
  ownerTest as test,
  read,
  readyPods,
  REPLACE,
} from '../support/owner-world.ts';
import { APP, ISOLATE, resting, POD_SPEC, TEMPLATE } from '../support/owner-world.ts';
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

/** The pod lost its labels and owners, and nothing else of it is left that a controller goes by. */
async function expectOrphan(world: World, incident: DriftIncident, before: KubeObject): Promise<KubeObject> {
  expect(incident.status).toMatchObject({ isolation: { form: 'Orphan' }, plan: { form: 'Orphan' } });
  return world.until('the pod has neither owner nor finalizer', async () => {
    const after = await world.pod(before.metadata.name);
    const { labels, ownerReferences, finalizers } = after?.metadata ?? {};
    if (!after || ownerReferences?.length || finalizers?.length) return undefined;
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(labels).toEqual({ [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' });
    return after;
  });
}

function nodeOf(pod: KubeObject): string | undefined {
  return (pod['spec'] as { nodeName?: string }).nodeName;
}

function expectNoEviction({ writes }: TestOperator): void {
  expect(writes.some(({ method, path }) => path.includes('/eviction') || method === 'DELETE')).toBe(false);
}

describe('a pod of a DaemonSet', () => {
  const daemonSet = (nodes: string[], containers: object[] = POD_SPEC.containers) => {
    // Nodes of other tests are about.
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }];
    const nodeSelectorTerms = [{ matchExpressions }];
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    };
    const template = { ...TEMPLATE, spec: { ...POD_SPEC, containers, affinity } };
    return { metadata: { name: 'web' }, spec: { selector: { matchLabels: APP }, template } };
  };

  test('is let go, and a clean one starts beside it on the node', async ({ world, nodes }) => {
    await make(world, kinds.DAEMON_SETS, daemonSet(nodes));
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, ISOLATE);
    const incident = await resting(world, 'Quarantined');
    expect(incident.status?.plan?.message).toContain('a clean one beside it on the node');
    const orphan = await expectOrphan(world, incident, victim);
    const copies = await readyPods(world, 2);
    expect(copies.map(nodeOf)).toContain(nodeOf(orphan));
    const { status } = await read<KubeObject & { status?: object }>(world, kinds.DAEMON_SETS, 'web');
    expect(status).toMatchObject({ numberMisscheduled: 0, desiredNumberScheduled: 2 });
  });

  test('is evicted, and its replacement is the one on its own node', async ({ world, nodes }) => {
    await make(world, kinds.DAEMON_SETS, daemonSet(nodes));
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, REPLACE);
    const { status, spec } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status).toMatchObject({
      isolation: { form: 'Orphan' },
      replacement: { nodeName: spec.target.nodeName },
    });
    expect(new Set((await readyPods(world, 2)).map(nodeOf))).toEqual(new Set(nodes));
  });

  test('that has ports of its node is not let go, as no second one could run there', async ({
    world,
    nodes,
  }) => {
    const containers = POD_SPEC.containers.map((one) => ({
      ...one,
      ports: [{ containerPort: 80, hostPort: 18_080 }],
    }));
    await make(world, kinds.DAEMON_SETS, daemonSet(nodes, containers));
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, ISOLATE);
    await expectGentle(
      world,
      await resting(world, 'Quarantined'),
      victim,
      /as the pod has ports of its node/,
    );
    expect(await readyPods(world, 2)).toHaveLength(2);
  });
});

describe('a pod of a Job', () => {
  test('that runs is let go, counts as nothing, and its work starts anew', async ({ world }) => {
    await make(world, kinds.JOBS, { metadata: { name: 'web' }, spec: jobSpec(2) });
    const [victim] = await readyPods(world, 2);
    await drift(world, victim, ISOLATE);
    const incident = await resting(world, 'Quarantined');
    await expectOrphan(world, incident, victim);
    const copies = await readyPods(world, 2);
    expect(copies.map(({ metadata }) => metadata.uid)).not.toContain(victim.metadata.uid);
    const { status } = await read<Job>(world, kinds.JOBS, 'web');
    expect(status).toMatchObject({ active: 2 });
    expect(status?.failed ?? 0).toBe(0);
  });

  test('is evicted once it was let go, and the Job never counts it as failed', async ({ world }) => {
    const spec = { ...jobSpec(1), backoffLimit: 0 };
    await make(world, kinds.JOBS, { metadata: { name: 'web' }, spec });
    const [victim] = await readyPods(world, 1);
    await drift(world, victim, REPLACE);
    const { status } = await world.incident('resolved', (i) => i.status?.phase === 'Resolved');
    expect(status?.isolation?.form).toBe('Orphan');
    const [copy] = await readyPods(world, 1);
    expect(status?.replacement?.uid).toBe(copy.metadata.uid);
    const job = await read<Job>(world, kinds.JOBS, 'web');
    expect(job.status).toMatchObject({ active: 1 });
    expect(job.status?.failed ?? 0).toBe(0);
  });

  test('of a CronJob, which is its only one, is let go all the same', async ({ world }) => {
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
    await drift(world, victim, ISOLATE);
    await expectOrphan(world, await resting(world, 'Quarantined'), victim);
    await readyPods(world, 1);
    expect((await read<Job>(world, kinds.JOBS, 'nightly-1')).status).toMatchObject({ active: 1 });
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
    const incident = await resting(world, 'AwaitingApproval');
    await expectGentle(world, incident, victim, /no controller would start a replacement/);
    expect(incident.status?.plan?.needs).toEqual(['BarePod']);
    expectNoEviction(operator);
  });
});

describe('a pod of an owner that nobody knows', () => {
  test('is isolated gently and kept while it is the only one', async ({ world, access }) => {
    const [victim] = await runnersPods(world, access, 1);
    const operator = await drift(world, victim, REPLACE);
    const incident = await resting(world, 'AwaitingApproval');
    await expectGentle(world, incident, victim, /No other copy of the workload is Ready/);
    expectNoEviction(operator);
  });

  test('is let go with its owner, which does not get it back by itself', async ({ world, access }) => {
    const [victim] = await runnersPods(world, access, 2);
    await drift(world, victim, ISOLATE);
    const incident = await resting(world, 'Quarantined');
    await expectOrphan(world, incident, victim);
    await decideRelease(world, incident);
    await world.incident('released', (i) => i.status?.phase === 'Released' && !i.metadata.finalizers?.length);
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    const { uid, labels, annotations = {}, ownerReferences } = victim.metadata;
    expect(metadata).toMatchObject({ uid, labels, ownerReferences });
    expect(metadata.annotations ?? {}).toEqual(annotations);
  });

  test('is evicted beside another one, and the incident fails if nobody replaces it', async ({
    world,
    access,
  }) => {
    const [victim] = await runnersPods(world, access, 2);
    await drift(world, victim, { ...REPLACE, eviction: { replacement: { readyWithin: '1s' } } });
    const { status } = await resting(world, 'NoReplacement');
    expect(status).toMatchObject({ phase: 'Failed', isolation: { form: 'Orphan' } });
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
