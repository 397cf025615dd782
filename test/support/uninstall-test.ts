// What tests of `die-operator uninstall` need: somebody with the rights that docs/uninstall.md lists, and what an operator left.
import { randomBytes } from 'node:crypto';
import { parse } from 'yaml';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import { LEASES, NAMESPACES, type Resource } from '../../src/kube/resources.ts';
import { listQuarantined } from '../../src/respond/quarantine-list.ts';
import { kubeconfigFor, type ClusterAccess } from './cluster-access.ts';
import { examplesOf } from './docs-commands.ts';
import { drift, ISOLATE, ownerTest, readyPods, resting } from './owner-world.ts';
import { runProgram } from './printed.ts';
import type { World } from './world.ts';

/** What -o json gives. */
export interface Report {
  cleared?: { kind: string; name: string; done: boolean; message: string }[];
  left: { kind: string; name: string; by: string; message: string; cure?: string }[];
  summary: { clear: number; person: number; config: number };
}

/** Who removes die-operator. */
export interface Person {
  /** The Lease that is asked for; no test sees that of another. */
  leaseName: string;
  /** Of every call. */
  args: string[];
  run: (...args: string[]) => Promise<{ out: string; err: string; code: number }>;
  report: (...args: string[]) => Promise<{ report: Report; err: string; code: number }>;
}

/** {@link ownerTest} with a `person` who has the rights of docs/uninstall.md and no others. */
export const uninstallTest = ownerTest.extend(
  'person',
  async ({ access, client, world }): Promise<Person> => {
    const system = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
    await client.create(NAMESPACES, {}, system).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    const leaseName = `lease-${randomBytes(4).toString('hex')}`;
    const kubeconfig = await remover({ access, client });
    const args = ['-n', world.namespace, '--kubeconfig', kubeconfig, '--lease-name', leaseName];
    const run = (...more: string[]) => runProgram('uninstall', ...args, ...more);
    const report = async (...more: string[]) => {
      const { out, err, code } = await run(...more, '-o', 'json');
      return { report: JSON.parse(out) as Report, err, code };
    };
    return { leaseName, args, run, report };
  },
);

const RBAC = 'rbac.authorization.k8s.io';
const rbac = (kind: string, plural: string): Resource => ({
  group: RBAC,
  version: 'v1',
  namespaced: false,
  kind,
  plural,
});

/** Somebody with the rights that the page lists, and no others. */
async function remover({ access, client }: { access: ClusterAccess; client: KubeClient }): Promise<string> {
  const name = `remover-${randomBytes(5).toString('hex')}`;
  const [text = ''] = await examplesOf('uninstall.md', 'What you need', 'yaml');
  const role = parse(text) as KubeObject;
  await client.create(rbac('ClusterRole', 'clusterroles'), {}, { ...role, metadata: { name } });
  await client.create(
    rbac('ClusterRoleBinding', 'clusterrolebindings'),
    {},
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ apiGroup: RBAC, kind: 'User', name }],
    },
  );
  return kubeconfigFor(access, { user: name });
}

/** A Deployment of two of which one pod is in quarantine, and an operator that is not there any more. */
export async function abandoned(world: World): Promise<{ victim: KubeObject; incident: DriftIncident }> {
  await world.deployment(2);
  const [victim] = await readyPods(world, 2);
  const operator = await drift(world, victim, ISOLATE);
  const incident = await resting(world, 'Quarantined');
  await readyPods(world, 2);
  await operator.stop();
  const { namespace = '', name, uid } = victim.metadata;
  await listQuarantined(world.client, { namespace, name, uid }, 'Held');
  return { victim, incident };
}

/** A Lease that somebody holds. */
export async function holdLease({ client }: World, name: string, seconds: number): Promise<void> {
  const spec = { holderIdentity: 'responder-1', leaseDurationSeconds: seconds };
  const at = { namespace: SYSTEM_NAMESPACE };
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
  await client.create(LEASES, at, body);
}
