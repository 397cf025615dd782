// The operator's own namespace, for tests in which it was not installed: the ledger of destructive acts is there.
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import { NAMESPACES } from '../../src/kube/resources.ts';

/** Makes it unless it is there. Suites of one run share it. */
export async function ensureSystemNamespace(client: Pick<KubeClient, 'create'>): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  await client.create<KubeObject>(NAMESPACES, {}, body).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
