// Worlds on the real controllers for tests of owners and of release: workloads of each kind, and what is asked of them.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_INCIDENTS, NAMESPACES, PODS, apiVersionOf, type Resource } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import type { AlertChange } from './alerts.ts';
import { connectionFor, type ClusterAccess } from './cluster-access.ts';
import { startKubelet } from './kubelet.ts';
import { issueServerCertificate } from './pki.ts';
import type { PodTimings } from './pod-stages.ts';
import { crdTest, needsControllers } from './real-api-test.ts';
import { DIGEST, IMAGE, isReady, PINNED, World, type TestOperator } from './world.ts';

const POLL_MS = 25;
const PATIENCE_MS = 40_000;

/** Labels that select the pods of the tests' workloads. */
export const APP = { app: 'web' };

/** What a pod of the tests runs. */
export const POD_SPEC = { containers: [{ name: 'web', image: PINNED }] };

/** A template whose pods {@link APP} selects. */
export const TEMPLATE = { metadata: { labels: APP }, spec: POD_SPEC };

/** Gentle or not, nothing is evicted. */
export const ISOLATE = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] }] };

/** Everything but evidence, which other suites are about. */
export const REPLACE = {
  responses: [{ name: 'replace', minSeverity: 'Warning', actions: ['Isolate', 'Evict'] }],
  eviction: { replacement: { readyWithin: '30s' } },
};

interface Place {
  access: ClusterAccess;
  client: KubeClient;
  namespace: string;
}

/**
 * `world`: an own namespace with two nodes, `nodes`, whose kubelet takes its times from `timings` anew at each stage.
 * `doomed`: the same, for a test that deletes the namespace itself.
 */
export const ownerTest = crdTest
  .extend('controllers', { auto: true }, ({ access, skip }) => needsControllers(access, skip))
  .extend('timings', (): Partial<PodTimings> => ({}))
  .extend('nodes', ({ namespace }) => nodesOf(namespace))
  .extend('world', async ({ access, client, namespace, timings }, { onCleanup }): Promise<World> => {
    const { world, close } = await openWorld({ access, client, namespace }, timings);
    onCleanup(close);
    return world;
  })
  .extend('doomed', async ({ access, client, namespace: other }, { onCleanup }): Promise<World> => {
    const namespace = `${other}-doomed`;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await client.create(NAMESPACES, {}, body);
    const { world, close } = await openWorld({ access, client, namespace }, {});
    onCleanup(close);
    await world.until('its default service account', async () => {
      const accounts = await world.list({ ...PODS, plural: 'serviceaccounts', kind: 'ServiceAccount' });
      return accounts[0];
    });
    return world;
  });

function nodesOf(namespace: string): [string, string] {
  return [`${namespace}-node-1`, `${namespace}-node-2`];
}

async function openWorld(
  { access, client, namespace }: Place,
  timings: Partial<PodTimings>,
): Promise<{ world: World; close: () => Promise<void> }> {
  const images = new Map([IMAGE, PINNED].map((image) => [image, DIGEST]));
  const nodes = nodesOf(namespace);
  const common = { client, clock: systemClock, random: Math.random };
  const serving = await issueServerCertificate(access.folder, `${namespace}-kubelet`, ['IP:127.0.0.1']);
  const node = { namespace, nodes, images, timings: () => timings, serving };
  const kubelet = await startKubelet({ ...common, ...node });
  const transport = createUndiciTransport(connectionFor(access, access.admin));
  const tick = () => sleep(POLL_MS);
  const world = new World({ ...common, namespace, transport, images, tick, patienceMs: PATIENCE_MS });
  return {
    world,
    close: async () => {
      await world.close();
      await transport.close();
      await kubelet.stop();
    },
  };
}

/** Creates an object in the world's namespace. */
export function make<T extends KubeObject = KubeObject>(
  { client, namespace }: World,
  resource: Resource,
  body: { metadata: object; [field: string]: unknown },
): Promise<T> {
  const full = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body };
  return client.create<T>(resource, { namespace }, full);
}

/** Waits until just so many of the pods that {@link APP} selects are Ready; the oldest first. */
export function readyPods(world: World, count: number): Promise<[KubeObject, ...KubeObject[]]> {
  return world.until(`${count} Ready pods`, async () => {
    const pods = (await world.list(PODS)).filter(
      (pod) => isReady(pod) && pod.metadata.labels?.['app'] === APP.app,
    );
    const [first, ...others] = pods.toSorted(byAge);
    return first && pods.length === count ? [first, ...others] : undefined;
  });
}

function byAge(a: KubeObject, b: KubeObject): number {
  return a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp);
}

/** Starts an operator with one policy, and tells it of drift in the pod. */
export async function drift(
  world: World,
  pod: KubeObject,
  policy: object,
  change: Partial<AlertChange> = {},
): Promise<TestOperator> {
  const operator = await world.operator();
  await world.policy(policy);
  await operator.post(world.alert(pod, change));
  return operator;
}

/** Waits until the response rests with that reason of `Ready`. */
export function resting(world: World, reason: string): Promise<DriftIncident> {
  return world.incident(`at rest: ${reason}`, ({ status }) =>
    Boolean(status?.conditions?.some((c) => c.type === 'Ready' && c.reason === reason)),
  );
}

/** A person decides to release the incident. */
export function decideRelease({ client }: World, { metadata }: DriftIncident): Promise<DriftIncident> {
  const { namespace = '', name } = metadata;
  const decision = { action: 'Release', by: 'ann', reason: 'a false alarm' };
  return client.jsonPatch<DriftIncident>(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: decision },
  ]);
}

/** Reads one object of the world's namespace. */
export function read<T extends KubeObject = KubeObject>(
  { client, namespace }: World,
  resource: Resource,
  name: string,
): Promise<T> {
  return client.get<T>(resource, { namespace, name });
}

/** Runs kubectl as the admin, or skips the test where there is none. Resolves to what it printed. */
export async function kubectl(
  { kubectl: command, adminKubeconfig }: ClusterAccess,
  skip: (note: string) => never,
  ...args: string[]
): Promise<string> {
  if (command === undefined) return skip('kubectl is missing in KUBEBUILDER_ASSETS');
  const { stdout } = await promisify(execFile)(command, ['--kubeconfig', adminKubeconfig, ...args]);
  return stdout;
}
