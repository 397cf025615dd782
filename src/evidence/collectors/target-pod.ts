// The incident's pod as the API server has it now, told apart from a later pod of the same name.
import type { KubeObject } from '../../api/meta.ts';
import { isNotFound } from '../../kube/errors.ts';
import { PODS } from '../../kube/resources.ts';
import type { CollectContext } from '../collector.ts';
import { messageOf } from '../error-message.ts';
import { READ_TIMEOUT_MS } from './reads.ts';

/** Reads the pod and compares its UID: a pod that took the name of the incident's pod is never evidence of it. */
export async function readTargetPod(
  context: CollectContext,
): Promise<{ pod: KubeObject } | { problem: string }> {
  const { client, signal, target } = context;
  const { namespace, name, uid } = target;
  try {
    const pod = await client.get(PODS, { namespace, name }, { timeoutMs: READ_TIMEOUT_MS, signal });
    const other = pod.metadata.uid;
    if (other === uid) return { pod };
    return { problem: `Pod ${namespace}/${name} is gone; another pod has its name, with uid ${other}` };
  } catch (error) {
    return { problem: isNotFound(error) ? `Pod ${namespace}/${name} is gone` : messageOf(error) };
  }
}
