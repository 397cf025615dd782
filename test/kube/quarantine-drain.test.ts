// A node with a protected pod is drained with kubectl, as people do it: it fails while the pod is held, and works once the
// list says that a drain may take it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { PODS, type Resource } from '../../src/kube/resources.ts';
import { kubeconfigFor, type ClusterAccess } from '../support/cluster-access.ts';
import { imageTable } from '../support/pod-status.ts';
import { isDenied, protectedTest } from '../support/protected-test.ts';
import { dry, eviction, podOf } from '../support/quarantine-requests.ts';
import { eventually } from '../support/real-api-test.ts';
import { isReady } from '../support/world.ts';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const CLUSTER_ROLES: Resource = { ...RBAC, plural: 'clusterroles', kind: 'ClusterRole', namespaced: false };
const CLUSTER_ROLE_BINDINGS: Resource = {
  ...RBAC,
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
};
const TEAM = 'node-team';

// What docs of Kubernetes ask of who drains nodes, and deletions for --disable-eviction.
const RULES = [
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'delete'] },
  { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['get', 'list'] },
];

const test = protectedTest.extend('drain', async ({ access, client, namespace, kubelet }, { onCleanup }) => {
  await kubelet({ images: imageTable('registry.example/shop/web:1.4') });
  const name = `drain-${namespace}`;
  const api = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name } };
  const subjects = [{ kind: 'Group', apiGroup: RBAC.group, name: TEAM }];
  const roleRef = { apiGroup: RBAC.group, kind: 'ClusterRole', name };
  const role = await client.create<KubeObject>(
    CLUSTER_ROLES,
    {},
    { ...api, kind: 'ClusterRole', rules: RULES },
  );
  const binding = { ...api, kind: 'ClusterRoleBinding', roleRef, subjects };
  const bound = await client.create<KubeObject>(CLUSTER_ROLE_BINDINGS, {}, binding);
  onCleanup(async () => {
    await client.delete(CLUSTER_ROLE_BINDINGS, { name }, bound.metadata.uid);
    await client.delete(CLUSTER_ROLES, { name }, role.metadata.uid);
  });
  const kubeconfig = await kubeconfigFor(access, { user: 'bob', groups: [TEAM] });
  return (...flags: string[]) => drained(access, kubeconfig, `${namespace}-node-1`, flags);
});

/** The exit code, and everything that was printed. */
async function drained(
  { kubectl = '' }: ClusterAccess,
  kubeconfig: string,
  node: string,
  flags: string[],
): Promise<{ code: number; text: string }> {
  const args = ['--kubeconfig', kubeconfig, 'drain', node, '--force', '--timeout=20s', ...flags];
  try {
    const { stdout, stderr } = await promisify(execFile)(kubectl, args);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

describe('the drain of a node with a protected pod', () => {
  test.for<[string, string[], string]>([
    ['by eviction', [], 'access'],
    ['by deletion', ['--disable-eviction'], 'deletion'],
  ])(
    '%s fails while the pod is held, and takes it then',
    async ([, flags, policy], { drain, client, namespace, does, quarantine }) => {
      const pods = () => client.list<KubeObject>(PODS, { namespace }).then(({ items }) => items);
      for (const name of ['suspect', 'bystander']) await client.create(PODS, { namespace }, podOf(name));
      await eventually('both are Ready', pods, (all) => all.filter(isReady).length === 2);
      const { uid } = (await quarantine('suspect', 'Held')).metadata;
      await eventually('it is held', () => does('dev', eviction('suspect')), isDenied);

      const refused = await drain(...flags);
      expect(refused).toMatchObject({ code: 1, text: expect.stringContaining('pod suspect is quarantined') });
      expect(refused.text).toContain(`die-operator-quarantine-${policy}`);
      const left = await eventually('the bystander went', pods, ({ length }) => length === 1);
      expect(left[0]?.metadata).toMatchObject({ name: 'suspect', uid });
      expect(left[0]?.metadata.deletionTimestamp).toBeUndefined();

      await quarantine('suspect', 'Drainable');
      await eventually(
        'a drain may',
        () => does('dev', eviction('suspect')),
        ({ status }) => status === 201,
      );
      const deletion = { method: 'DELETE', path: dry('pods/suspect') };
      await eventually(
        'by deletion too',
        () => does('dev', deletion),
        ({ status }) => status === 200,
      );
      expect(await drain(...flags)).toMatchObject({ code: 0, text: expect.stringContaining('drained') });
      expect(await pods()).toEqual([]);
    },
  );
});
