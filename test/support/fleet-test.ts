// `fleetTest`: tests of operator processes that are killed, stopped and cut off, in a control plane of their own in which
// die-operator is installed with the rights to act.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { LEASES } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { startApiProxy, type ApiProxy } from './api-proxy.ts';
import type { ControlPlane } from './api-server.ts';
import { auditMark } from './audit-log.ts';
import { call, connectionFor, type ClusterAccess } from './cluster-access.ts';
import { Fleet, type OperatorProcess } from './fleet.ts';
import { install, installedTest } from './installed-test.ts';
import { startKubelet } from './kubelet.ts';
import { issueServerCertificate } from './pki.ts';
import { createNamespace, eventually } from './real-api-test.ts';
import { createRunFolder } from './run-folder.ts';
import { DIGEST, IMAGE, PINNED, World } from './world.ts';

const POLL_MS = 50;
/** Two busy cores may need most of it. */
const PATIENCE_MS = 120_000;
const NODES = 2;

/**
 * Fixtures: those of `installedTest`; `ownPlane`, which may be restarted; `mark`, where the test begins in the audit log;
 * `fleet`; `proxy`, which starts one; `openWorld`, which makes a namespace with nodes of its own. All ends with the test.
 */
export const fleetTest = installedTest
  .extend('installed', { scope: 'file' }, async ({ plane }): Promise<ControlPlane | undefined> => {
    if (!plane?.access.hasControllers || plane.access.kubectl === undefined) return undefined;
    const transport = createUndiciTransport(connectionFor(plane.access, plane.access.admin));
    try {
      const client = createKubeClient({ transport, clock: systemClock, random: Math.random });
      await install(plane.access, client, 'overlays/enforce');
      await allowLeases(plane.access);
    } finally {
      await transport.close();
    }
    return plane;
  })
  .extend('ownPlane', ({ installed, access }): ControlPlane => {
    if (installed === undefined) throw new Error(`die-operator is not installed at ${access.server}`);
    return installed;
  })
  .extend('fleet', ({ ownPlane }, { onCleanup }): Fleet => {
    const run = createRunFolder();
    const fleet = new Fleet(ownPlane.access, run);
    onCleanup(async () => {
      await fleet.end();
      await run.remove();
    });
    return fleet;
  })
  .extend('mark', ({ ownPlane }): Promise<number> => auditMark(ownPlane.access.auditLog))
  .extend('proxy', ({ access }, { onCleanup }) => {
    const proxies: ApiProxy[] = [];
    onCleanup(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))));
    return async (): Promise<ApiProxy> => {
      const proxy = await startApiProxy(access, randomBytes(4).toString('hex'));
      proxies.push(proxy);
      return proxy;
    };
  })
  .extend('openWorld', ({ access, client }, { onCleanup }) => {
    const closers: (() => Promise<void>)[] = [];
    onCleanup(async () => void (await Promise.all(closers.map((close) => close()))));
    return async (nodes = NODES): Promise<World> => {
      const { world, close } = await openWorld(access, client, nodes);
      closers.push(close);
      return world;
    };
  });

/** With `DIE_PRINT=1` says what was measured. */
export function print(line: string): void {
  if (process.env['DIE_PRINT']) process.stderr.write(`${line}\n`);
}

/** Makes a Lease as a leader leaves it that gave it back: the first who looks at it may take it. Returns its name. */
export async function freeLease(client: KubeClient, name: string): Promise<string> {
  const metadata = { name, namespace: SYSTEM_NAMESPACE };
  const spec = { holderIdentity: '', leaseDurationSeconds: 1 };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
  await client.create(LEASES, { namespace: SYSTEM_NAMESPACE }, lease);
  return name;
}

/** Waits until one of them holds the Lease, and returns it. */
export async function leaderOf(
  client: KubeClient,
  lease: string,
  lives: readonly OperatorProcess[],
): Promise<OperatorProcess> {
  const at = { namespace: SYSTEM_NAMESPACE, name: lease };
  const look = async () => {
    const found = await client
      .get<KubeObject & { spec?: { holderIdentity?: string } }>(LEASES, at)
      .catch(() => undefined);
    return lives.find(({ member }) => found?.spec?.holderIdentity?.startsWith(`${member.name}_`));
  };
  const leader = await eventually(
    `somebody leads by ${lease}`,
    look,
    (life) => life !== undefined,
    PATIENCE_MS,
  );
  if (!leader) throw new Error('nobody leads');
  return leader;
}

async function openWorld(
  access: ClusterAccess,
  client: KubeClient,
  count: number,
): Promise<{ world: World; close: () => Promise<void> }> {
  const { name: namespace, remove } = await createNamespace(access, client);
  const images = new Map([IMAGE, PINNED].map((image) => [image, DIGEST]));
  const serving = await issueServerCertificate(access.folder, `kubelet-${namespace}`, ['IP:127.0.0.1']);
  const nodes = Array.from({ length: count }, (_, index) => `${namespace}-node-${index + 1}`);
  const time = { clock: systemClock, random: Math.random };
  const kubelet = await startKubelet({ client, ...time, namespace, nodes, images, serving });
  const world = new World({
    namespace,
    client,
    ...time,
    images,
    transport: () => Promise.reject(new Error('no operator runs in this process')),
    tick: () => sleep(POLL_MS),
    patienceMs: PATIENCE_MS,
  });
  const close = async () => {
    await kubelet.stop();
    await remove();
  };
  return { world, close };
}

/** Rights on one Lease come with an installation; several at a time are several installations. */
async function allowLeases(access: ClusterAccess): Promise<void> {
  const name = 'leases-of-tests';
  const metadata = { name, namespace: SYSTEM_NAMESPACE };
  const rule = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'patch', 'create'],
  };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  const subjects = [{ kind: 'ServiceAccount', name: 'responder', namespace: SYSTEM_NAMESPACE }];
  const root = `/apis/rbac.authorization.k8s.io/v1/namespaces/${SYSTEM_NAMESPACE}`;
  const bodies = { roles: { metadata, rules: [rule] }, rolebindings: { metadata, roleRef, subjects } };
  for (const [plural, body] of Object.entries(bodies)) {
    const { status } = await call(access, { method: 'POST', path: `${root}/${plural}`, body });
    if (status !== 201 && status !== 409) throw new Error(`${plural} ${name} was answered ${status}`);
  }
}
