// `protectedTest`: tests in a control plane of their own in which die-operator is installed with the protection of the
// quarantine, as docs/quarantine.md says, and people and programs who try to get around it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { Hold } from '../../src/decide/quarantine-list.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { PODS, type Resource } from '../../src/kube/resources.ts';
import { listQuarantined } from '../../src/respond/quarantine-list.ts';
import {
  call,
  certificateFor,
  tokenFor,
  type ClusterAccess,
  type Credential,
  type PlainAnswer,
} from './cluster-access.ts';
import { installedTest } from './installed-test.ts';
import { kubectl, renderWith } from './manifests.ts';
import { podOf, type Try } from './quarantine-requests.ts';
import { eventually } from './real-api-test.ts';

/** Who tries something; see {@link SUBJECTS}. */
export type Who =
  | 'admin'
  | 'responder'
  | 'dev'
  | 'investigator'
  | 'kubelet'
  | 'addon'
  | 'podGarbageCollector'
  | 'nodeController'
  | 'scheduler';

const ACCOUNT = 'system:serviceaccount:kube-system:';
const ACCOUNTS = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
const EVERYTHING = 'everything-here';
/** May manage quarantines. */
const TEAM = 'investigators';

// Those of the group may do anything in the namespace and nothing outside. The last three have the rights that every
// cluster gives to them.
const SUBJECTS: Readonly<Record<Exclude<Who, 'admin' | 'responder'>, { user: string; groups: string[] }>> = {
  dev: { user: 'dev', groups: [EVERYTHING] },
  investigator: { user: 'ann', groups: [EVERYTHING, TEAM] },
  kubelet: { user: 'system:node:node-1', groups: [EVERYTHING, 'system:nodes'] },
  addon: { user: `${ACCOUNT}addon`, groups: [EVERYTHING, ...ACCOUNTS] },
  podGarbageCollector: { user: `${ACCOUNT}pod-garbage-collector`, groups: ACCOUNTS },
  nodeController: { user: `${ACCOUNT}node-controller`, groups: ACCOUNTS },
  scheduler: { user: 'system:kube-scheduler', groups: [] },
};

/** Does something as somebody in the namespace of the test. */
export type Does = (who: Who, request: Try) => Promise<PlainAnswer>;

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const ROLE_BINDINGS: Resource = {
  ...RBAC,
  plural: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
};

/** See the file's first line. Fixtures: those of `installedTest`; `does`; `quarantine`, which lists and labels a pod. */
export const protectedTest = installedTest
  .extend('protected', { scope: 'file' }, async ({ plane }): Promise<ClusterAccess | undefined> => {
    if (plane?.access.kubectl === undefined) return undefined;
    await applyProtection(plane.access);
    const manager = '--clusterrole=die-operator-quarantine-manager';
    await kubectl(plane.access, 'create', 'clusterrolebinding', TEAM, manager, `--group=${TEAM}`);
    return plane.access;
  })
  .extend('credentials', { scope: 'file' }, () => new Map<Who, Promise<Credential>>())
  .extend(
    'does',
    { auto: true },
    async ({ protected: ready, access, credentials, client, namespace }): Promise<Does> => {
      if (ready === undefined) throw new Error('the protection is not installed');
      const does: Does = async (who, { path, ...request }) => {
        const as = credentials.get(who) ?? credentialOf(access, who);
        credentials.set(who, as);
        return call(access, { ...request, path: inNamespace(namespace, path), as: await as });
      };
      await letIn(client, namespace, EVERYTHING);
      await isInForce(does);
      return does;
    },
  )
  .extend('quarantine', ({ client, namespace }) => async (name: string, hold: Hold): Promise<KubeObject> => {
    const { uid } = (await client.get<KubeObject>(PODS, { namespace, name })).metadata;
    await listQuarantined(client, { namespace, name, uid }, hold);
    const labels = { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
    return client.jsonPatch<KubeObject>(PODS, { namespace, name }, [
      { op: 'add', path: '/metadata/labels', value: labels },
    ]);
  });

/** Installs `overlays/enforce` with the component, in the order that kubectl would. */
export async function applyProtection(access: ClusterAccess): Promise<void> {
  const items = await renderWith(access, 'overlays/enforce', 'components/quarantine-protection');
  const folder = await mkdtemp(join(tmpdir(), 'die-operator-protection-'));
  try {
    const file = join(folder, 'all.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl(access, 'apply', '--server-side', '--validate=strict', '-f', file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Whether a policy of the protection denied it; not RBAC, nor another policy. */
export function isDenied({ status, body }: PlainAnswer): boolean {
  const { message = '', reason } = body as { message?: string; reason?: string };
  return status === 403 && reason === 'Forbidden' && message.includes("'die-operator-quarantine-");
}

/** The policy that denied it, without the prefix that they share. */
export function denier({ body }: PlainAnswer): string | undefined {
  return /'die-operator-quarantine-(\w+)'/.exec((body as { message?: string }).message ?? '')?.[1];
}

/** Gives everything in the namespace to a group. */
async function letIn(client: KubeClient, namespace: string, group: string): Promise<void> {
  await client.create(
    ROLE_BINDINGS,
    { namespace },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: ROLE_BINDINGS.kind,
      metadata: { name: 'everything' },
      roleRef: { apiGroup: RBAC.group, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'Group', apiGroup: RBAC.group, name: group }],
    },
  );
}

async function credentialOf(access: ClusterAccess, who: Who): Promise<Credential> {
  if (who === 'admin') return access.admin;
  if (who === 'responder') return { token: await tokenFor(access, SYSTEM_NAMESPACE, who) };
  return certificateFor(access, SUBJECTS[who]);
}

function inNamespace(namespace: string, path: string): string {
  const [group, rest] = path.startsWith('networkpolicies') ? ['apis/networking.k8s.io', path] : ['api', path];
  return `/${group}/v1/namespaces/${namespace}/${rest}`;
}

// New rights and policies are known a moment after they are written. The policies are read together, so that those that
// need no pod speak for the others.
async function isInForce(does: Does): Promise<void> {
  const labelled = podOf('probe', { labels: { [QUARANTINE_LABEL]: 'true' } });
  const list = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'die-operator-quarantined' } };
  const probes: Try[] = [
    { method: 'POST', path: 'pods?dryRun=All', body: labelled },
    { method: 'POST', path: 'configmaps?dryRun=All', body: list },
  ];
  for (const probe of probes)
    await eventually('the protection is in force', () => does('dev', probe), isDenied);
}
