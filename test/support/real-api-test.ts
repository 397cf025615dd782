// `test` for suites against the real control plane: each test gets a namespace of its own.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject, test } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { NAMESPACES, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import type { Assets } from './assets.ts';
import { connectionFor, type ClusterAccess, type Credential } from './cluster-access.ts';
import { crdNames, installCrds } from './crds.ts';
import { startKubelet, type KubeletOptions, type TestKubelet } from './kubelet.ts';
import { issueServerCertificate } from './pki.ts';
import type { RealApi } from './real-api.ts';
import { ensureSystemNamespace } from './system-namespace.ts';

/** Everything but what a test must say itself. */
type OwnKubelet = Pick<KubeletOptions, 'images' | 'timings'> & { nodes?: number };

const POLL_MS = 50;
const UNTIL_MS = 15_000;

/**
 * The fixtures: `access`; `assets`, for a control plane of its own; `clientFor(credential)` and, as a member of system:masters, `client`; `namespace`, new and with
 * its default service account; `kubelet({images})` for the pods of that namespace. All is given back after the test.
 */
export const realApiTest = test
  .extend('realApi', ({ skip }): Exclude<RealApi, { missing: string }> => {
    const api = inject('realApi') as RealApi | undefined;
    if (api === undefined) throw new Error('no control plane: this suite needs the globalSetup real-api.ts');
    return 'access' in api ? api : skip(api.missing);
  })
  .extend('access', ({ realApi }): ClusterAccess => realApi.access)
  .extend('assets', ({ realApi }): Assets => realApi.assets)
  .extend('clientFor', ({ access }, { onCleanup }) => {
    const closers: (() => Promise<void>)[] = [];
    onCleanup(async () => void (await Promise.all(closers.map((close) => close()))));
    return (credential: Credential): KubeClient => {
      const transport = createUndiciTransport(connectionFor(access, credential));
      closers.push(() => transport.close());
      return createKubeClient({ transport, clock: systemClock, random: Math.random });
    };
  })
  .extend('client', ({ access, clientFor }) => clientFor(access.admin))
  .extend('namespace', async ({ access, client }, { onCleanup }) => {
    const { name, remove } = await createNamespace(access, client);
    onCleanup(remove);
    return name;
  })
  .extend('kubelet', ({ access, client, namespace }, { onCleanup }) => {
    const kubelets: TestKubelet[] = [];
    onCleanup(async () => void (await Promise.all(kubelets.map((kubelet) => kubelet.stop()))));
    return async ({ nodes = 1, ...options }: OwnKubelet): Promise<TestKubelet> => {
      const names = Array.from({ length: nodes }, (_, index) => `${namespace}-node-${index + 1}`);
      const certificate = `${namespace}-kubelet-${kubelets.length}`;
      const serving = await issueServerCertificate(access.folder, certificate, ['IP:127.0.0.1']);
      const common = { client, clock: systemClock, random: Math.random, namespace, nodes: names, serving };
      const kubelet = await startKubelet({ ...common, ...options });
      kubelets.push(kubelet);
      return kubelet;
    };
  });

/** {@link realApiTest} with our kinds and our namespace; `crds` are the names of the definitions. */
export const crdTest = realApiTest.extend('crds', { auto: true }, async ({ access, client }) => {
  await installCrds(access);
  await ensureSystemNamespace(client);
  return crdNames();
});

/** Skips the test, and says so, where the binaries given by the person lack the controller manager. */
export function needsControllers(access: ClusterAccess, skip: (note: string) => never): void {
  if (!access.hasControllers) skip('kube-controller-manager is missing in KUBEBUILDER_ASSETS');
}

/**
 * Asks again until the answer pleases, and returns it; after `withinMs` milliseconds, by default 15 s, rejects with `what`
 * and the last answer.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  pleases: (answer: T) => boolean,
  withinMs = UNTIL_MS,
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (pleases(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`not within ${withinMs} ms: ${what}; last ${JSON.stringify(answer)}`);
    await sleep(POLL_MS);
  }
}

/** Makes a namespace with a default service account; `remove` deletes it and does not wait until it is gone. */
export async function createNamespace(
  access: ClusterAccess,
  client: KubeClient,
): Promise<{ name: string; remove: () => Promise<void> }> {
  const name = `t-${randomBytes(5).toString('hex')}`;
  const made = await client.create(
    NAMESPACES,
    {},
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
  );
  await prepareNamespace(access, client, name);
  return { name, remove: () => client.delete(NAMESPACES, { name }, made.metadata.uid) };
}

/** Whether {@link createNamespace} made it. */
export function isTestNamespace(name: string): boolean {
  return /^t-[0-9a-f]{10}$/.test(name);
}

/** Pods need the default service account; the controller manager makes it, or we do. */
async function prepareNamespace(access: ClusterAccess, client: KubeClient, namespace: string): Promise<void> {
  const account = { namespace, name: 'default' };
  if (!access.hasControllers) {
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account.name } };
    await client.create(SERVICE_ACCOUNTS, { namespace }, body);
    return;
  }
  const exists = () =>
    client.get<KubeObject>(SERVICE_ACCOUNTS, account).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  await eventually(`the default service account of ${namespace}`, exists, (found) => found !== undefined);
}
