// What a cluster needs before anybody can use it, and the proof that it can be used: a first pod.
import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { call, type ClusterAccess } from '../../support/cluster-access.ts';
import type { Daemon } from '../../support/processes.ts';
import { TO_KUBELET } from './credentials.ts';
import { waitFor } from '../../support/waiting.ts';

const RBAC = 'rbac.authorization.k8s.io';
const KUBELET_API = ['proxy', 'log', 'stats', 'metrics', 'checkpoint', 'configz', 'healthz', 'pods'];
const PODS = '/api/v1/namespaces/default/pods';
const FIRST_POD = 'first';

/** Lets the API server ask kubelet for logs, exec and checkpoints; `system:kubelet-api-admin` lacks the last. */
export async function grantKubeletRights(access: ClusterAccess): Promise<void> {
  const metadata = { name: 'die-operator-e2e:kubelet-api' };
  const resources = KUBELET_API.map((name) => `nodes/${name}`);
  await create(access, `/apis/${RBAC}/v1/clusterroles`, {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata,
    rules: [{ apiGroups: [''], resources, verbs: ['*'] }],
  });
  await create(access, `/apis/${RBAC}/v1/clusterrolebindings`, {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: metadata.name },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: TO_KUBELET }],
  });
}

/** Installs the kinds of Cilium: without them its agent does not start, and its operator, which would, does not run here. */
export async function installNetworkKinds(access: ClusterAccess, folder: string): Promise<void> {
  const files = globSync(`${folder}/**/*.yaml`);
  const kinds = files.map((file) => parse(readFileSync(file, 'utf8')) as object);
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await Promise.all(kinds.map((kind) => create(access, path, kind)));
}

/** Waits until the node is Ready and a pod has run on it, then removes that. */
export async function runFirstPod(
  access: ClusterAccess,
  { nodeName, image }: { nodeName: string; image: string },
  servers: readonly Daemon[],
  step: (what: string) => void,
): Promise<void> {
  await waitFor('the node is Ready', servers, () => nodeIsReady(access, nodeName));
  step('node is Ready');
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  await waitFor(
    'the default service account exists',
    servers,
    async () => (await call(access, { path: account })).status === 200,
  );
  const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'peer', image }] };
  await create(access, PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: FIRST_POD }, spec });
  await waitFor('the first pod runs', servers, () => podRuns(access));
  await call(access, { method: 'DELETE', path: `${PODS}/${FIRST_POD}` });
  step('a pod has run');
}

/** Whether the API server says so; false also when it says nothing. */
export function isReady(access: ClusterAccess): Promise<boolean> {
  return call(access, { path: '/readyz' }).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function nodeIsReady(access: ClusterAccess, name: string): Promise<boolean> {
  const { body } = await call(access, { path: `/api/v1/nodes/${name}` });
  const { status } = body as { status?: { conditions?: { type: string; status: string }[] } };
  return (
    status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ??
    false
  );
}

async function podRuns(access: ClusterAccess): Promise<boolean> {
  const { body } = await call(access, { path: `${PODS}/${FIRST_POD}` });
  return (body as { status?: { phase?: string } }).status?.phase === 'Running';
}

async function create(access: ClusterAccess, path: string, body: object): Promise<void> {
  const answer = await call(access, { method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
}
