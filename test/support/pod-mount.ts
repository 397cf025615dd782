// The folder and environment that a pod finds its service account in, as client-node reads them in a cluster.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { connectionFrom, type Connection } from '../../src/kube/connection.ts';
import { call, tokenFor, type ClusterAccess } from './cluster-access.ts';

/** A mounted service account. */
export interface PodMount {
  writeToken(token: string): Promise<void>;
  /** @param pem CA certificate. */
  writeAuthority(pem: string): Promise<void>;
  /** The connection that the pod's process makes, to a server on that port of 127.0.0.1. */
  connect(port: number): Promise<Connection>;
}

const MOUNT = 'var/run/secrets/kubernetes.io/serviceaccount';

/** Makes the mount below `root`. */
export async function createPodMount(
  root: string,
  given: { token: string; authority: string; namespace: string },
): Promise<PodMount> {
  const folder = join(root, MOUNT);
  await mkdir(folder, { recursive: true });
  const write = (name: string) => (text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
  await write('token')(given.token);
  await write('ca.crt')(given.authority);
  await write('namespace')(given.namespace);
  return {
    writeToken: write('token'),
    writeAuthority: write('ca.crt'),
    connect: (port) => connect(root, port),
  };
}

async function connect(root: string, port: number): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', `${port}`);
  const config = new KubeConfig();
  config.loadFromCluster(root);
  vi.unstubAllEnvs();
  return connectionFrom(config);
}

/** Makes a service account that may read ConfigMaps in its namespace. */
export async function createReader(
  access: ClusterAccess,
  namespace: string,
  name: string,
): Promise<{ uid: string; token: string }> {
  const post = async (path: string, body: object) => {
    const answer = await call(access, { method: 'POST', path, body });
    if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.body as KubeObject;
  };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
  const { metadata } = await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, account);
  const group = 'rbac.authorization.k8s.io';
  const [apiVersion, roles] = [`${group}/v1`, `/apis/${group}/v1/namespaces/${namespace}`];
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
  await post(`${roles}/roles`, { apiVersion, kind: 'Role', metadata: { name }, rules });
  const roleRef = { apiGroup: group, kind: 'Role', name };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const binding = { apiVersion, kind: 'RoleBinding', metadata: { name }, roleRef, subjects };
  await post(`${roles}/rolebindings`, binding);
  return { uid: metadata.uid, token: await tokenFor(access, namespace, name) };
}
