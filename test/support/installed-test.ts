// `installedTest`: tests in a control plane of their own in which die-operator is installed from config/. Receiver and
// responder run in the test's process, each as the service account that its Deployment names, in all namespaces.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { LEDGER_CONFIGMAP, RESPONDER_LEASE } from '../../src/api/names.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_POLICIES, type Resource } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { startControlPlane, type ControlPlane } from './api-server.ts';
import { auditCalls, auditMark, type AuditCall } from './audit-log.ts';
import { call, connectionFor, tokenFor, type ClusterAccess } from './cluster-access.ts';
import { startDeployed, type DeployedProgram, type Deployment } from './deployed-program.ts';
import { apply, render, withdrawEnforce, type Overlay } from './manifests.ts';
import { eventually, isTestNamespace, needsControllers, realApiTest } from './real-api-test.ts';
import type { RealApi } from './real-api.ts';
import { accountOf, describeRight, permits, rightsOf, type Right } from './rights.ts';
import { DIGEST, IMAGE, PINNED, World, type TestOperator } from './world.ts';

/** What was called by the operator's accounts while something happened. */
export interface Flow {
  name: string;
  overlay: Overlay;
  calls: AuditCall[];
}

/** The operator in two parts. `receivers` starts another receiver, with something around its transport. */
export interface Parts {
  receiver: TestOperator;
  responder: TestOperator;
  anotherReceiver: (wrap: (transport: Transport) => Transport) => Promise<TestOperator>;
}

/** Installs, starts the parts, does `work`, ends the parts, and keeps what they called. */
export type RunFlow = (
  name: string,
  overlay: Overlay,
  work: (parts: Parts) => Promise<void>,
) => Promise<Flow>;

const REVIEWS: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};
const SYSTEM = 'die-operator-system';
const POLL_MS = 25;

/**
 * See the file's first line. Fixtures: those of `realApiTest`; `world`; `flow` and `flows`, all that the file ran; `start`,
 * which runs the program of a Deployment and ends it after the test; `folder`, empty.
 */
export const installedTest = realApiTest
  .extend('plane', { scope: 'file' }, async ({}, { onCleanup }): Promise<ControlPlane | undefined> => {
    const api = inject('realApi') as RealApi | undefined;
    if (api === undefined || 'missing' in api) return undefined;
    const plane = await startControlPlane(api.assets);
    onCleanup(() => plane.stop());
    return plane;
  })
  .extend('flows', { scope: 'file' }, (): Flow[] => [])
  // Cluster-wide rights and watches would meet other suites in the control plane that all share.
  .extend('access', ({ plane, realApi, skip }): ClusterAccess => {
    const access = plane?.access ?? realApi.access;
    needsControllers(access, skip);
    if (access.kubectl === undefined) skip('kubectl is missing in KUBEBUILDER_ASSETS');
    return access;
  })
  .extend('world', async ({ access, client, namespace, kubelet }, { onCleanup }): Promise<World> => {
    const images = new Map([IMAGE, PINNED].map((image) => [image, DIGEST]));
    await kubelet({ images, nodes: 2 });
    const transport = createUndiciTransport(connectionFor(access, access.admin));
    onCleanup(() => transport.close());
    return new World({
      namespace,
      client,
      transport,
      images,
      clock: systemClock,
      random: Math.random,
      tick: () => sleep(POLL_MS),
      patienceMs: 60_000,
    });
  })
  .extend('folder', async ({}, { onCleanup }): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-install-'));
    onCleanup(() => rm(folder, { recursive: true }));
    return folder;
  })
  .extend('start', ({ access, folder }, { onCleanup }) => {
    const programs: DeployedProgram[] = [];
    onCleanup(async () => void (await Promise.all(programs.map((program) => program.end('SIGKILL')))));
    return async (deployment: Deployment): Promise<DeployedProgram> => {
      const root = await mkdtemp(join(folder, 'root-'));
      const program = await startDeployed(access, deployment, root);
      programs.push(program);
      return program;
    };
  })
  .extend('flow', ({ access, client, world, flows }, { onCleanup }): RunFlow => {
    onCleanup(() => world.close());
    return async (name, overlay, work) => {
      await install(access, client, overlay);
      const mark = await auditMark(access.auditLog);
      const receiver = await transportAs(access, 'receiver');
      const responder = await transportAs(access, 'responder');
      try {
        await work(await startParts(world, receiver, responder));
      } finally {
        await removePolicies(world);
        await world.close();
        await Promise.all([receiver.close(), responder.close()]);
      }
      const flow = { name, overlay, calls: await callsOfOperator(access, mark, world.namespace) };
      flows.push(flow);
      return flow;
    };
  });

/** Installs an overlay and waits until the authorizer knows its rights, and no longer those that it lacks. */
export async function install(access: ClusterAccess, client: KubeClient, overlay: Overlay): Promise<Right[]> {
  if (overlay === 'default') await withdrawEnforce(access);
  await apply(access, overlay);
  const [granted, all] = await Promise.all([render(access, overlay), render(access, 'overlays/enforce')]);
  const wanted = new Set(rightsOf(granted).map(describeRight));
  for (const right of rightsOf(all)) {
    const what = describeRight(right);
    await eventually(
      `${what} is ${wanted.has(what) ? 'granted' : 'withdrawn'}`,
      () => mayDo(client, right),
      (allowed) => allowed === wanted.has(what),
    );
  }
  return rightsOf(granted);
}

/** Whether the API server's authorizer lets the account do it. */
export async function mayDo(client: KubeClient, right: Right): Promise<boolean> {
  const { account, resource: path, namespace = '', ...attributes } = right;
  const [resource, subresource] = path.split('/');
  const resourceAttributes = { ...attributes, namespace, resource, subresource };
  const spec = { user: `system:serviceaccount:${SYSTEM}:${account}`, groups: GROUPS, resourceAttributes };
  const review = await client.create<KubeObject & { status: { allowed: boolean } }>(
    REVIEWS,
    {},
    { apiVersion: 'authorization.k8s.io/v1', kind: REVIEWS.kind, spec },
  );
  return review.status.allowed;
}

// What the API server adds to a service account's token.
const GROUPS = ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM}`, 'system:authenticated'];

type ClosableTransport = ReturnType<typeof createUndiciTransport>;

async function transportAs(access: ClusterAccess, account: string): Promise<ClosableTransport> {
  return createUndiciTransport(connectionFor(access, { token: await tokenFor(access, SYSTEM, account) }));
}

async function startParts(world: World, receiver: Transport, responder: Transport): Promise<Parts> {
  const everywhere = { watchNamespaces: [] };
  const startReceiver = (instance: string, transport: Transport) =>
    world.operator({ ...everywhere, roles: ['receiver'], instance, silence: {} }, () => transport);
  return {
    receiver: await startReceiver('receiver-1', receiver),
    responder: await world.operator(
      {
        ...everywhere,
        roles: ['responder'],
        instance: 'responder-1',
        election: { namespace: SYSTEM, name: RESPONDER_LEASE },
        // The one that its rights name.
        ledgerName: LEDGER_CONFIGMAP,
      },
      () => responder,
    ),
    anotherReceiver: (wrap) => startReceiver('receiver-2', wrap(receiver)),
  };
}

// A policy whose namespace goes away under the next flow's operator would be one more flow, and nobody's.
async function removePolicies(world: World): Promise<void> {
  for (const { metadata } of await world.list(DRIFT_POLICIES)) {
    const { name, uid } = metadata;
    await world.client.delete(DRIFT_POLICIES, { namespace: world.namespace, name }, uid);
  }
}

// A call is in the log before it is answered, its status code shortly after. Namespaces of tests before go meanwhile, and
// what is refused there for that says nothing of rights.
function callsOfOperator(access: ClusterAccess, mark: number, namespace: string): Promise<AuditCall[]> {
  const isElsewhere = (one: AuditCall) =>
    one.namespace !== undefined && one.namespace !== namespace && isTestNamespace(one.namespace);
  return eventually(
    'every call of the operator has its status code in the audit log',
    async () =>
      (await auditCalls(access.auditLog, mark)).filter(
        (one) => accountOf(one) !== undefined && !isElsewhere(one),
      ),
    (calls) => calls.every(({ code }) => code !== undefined),
  );
}

/** Calls that were refused, as lines. */
export function refused({ calls }: Flow): string[] {
  return calls.filter(({ code }) => code === 401 || code === 403).map(({ verb, uri }) => `${verb} ${uri}`);
}

/** The flows with a call that succeeded by that right. */
export function usersOf(flows: readonly Flow[], right: Right): string[] {
  const names = flows.filter(({ calls }) => calls.some((one) => one.code !== 403 && permits(right, one)));
  return names.map(({ name }) => name);
}

/** Whether the API server tells the caller itself that it may. Rejects when it does not answer that. */
export async function mayItself(
  access: ClusterAccess,
  as: { token: string },
  { verb, group, resource: path }: { verb: string; group: string; resource: string },
): Promise<boolean> {
  const [resource, subresource] = path.split('/');
  const { status, body } = await call(access, {
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    as,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, subresource } },
    },
  });
  if (status !== 201) throw new Error(`no answer to what may be done: ${JSON.stringify(body)}`);
  return (body as { status: { allowed: boolean } }).status.allowed;
}
