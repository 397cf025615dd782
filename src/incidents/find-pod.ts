// Which pod a detection is about: from the cache, and where that may lag behind, read live.
import type { Detection } from '../api/detection.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts, type PodFacts } from '../api/pod.ts';
import { identify } from '../decide/identify.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';
import { containerKey, type Caches } from './caches.ts';

/** The pod, and the container if it could be told; or why not, and whether it is worth to look again. */
export type Found = { pod: PodFacts; container?: string } | { retry: boolean; message: string };

const MAX_NODE_PODS = 500;

/** Finds the pod. @throws KubeError when the API server does not answer. */
export async function findPod(
  { client, caches }: { client: KubeClient; caches: Caches },
  detection: Detection,
): Promise<Found> {
  const cached = toFound(detection, candidates(caches, detection));
  if ('pod' in cached || !cached.retry) return cached;
  return toFound(detection, await liveCandidates(client, detection));
}

function toFound({ identity }: Detection, pods: readonly PodFacts[]): Found {
  const found = identify(identity, pods);
  if (found.kind === 'Refused') return { retry: found.retry, message: found.message };
  return { pod: found.pod, ...(found.container !== undefined && { container: found.container }) };
}

function candidates({ pods }: Caches, { identity }: Detection): PodFacts[] {
  const { podUid, containerId, namespace, podName } = identity;
  const named = namespace && podName ? pods.get(namespace, podName) : undefined;
  const all = [
    ...(podUid ? pods.byIndex('uid', podUid) : []),
    ...(containerId ? pods.byIndex('containerId', containerKey(containerId)) : []),
    ...(named ? [named] : []),
  ];
  return [...new Set(all)];
}

// The pod by its name, or the pods of the told node, as they are now.
async function liveCandidates(client: KubeClient, { identity }: Detection): Promise<PodFacts[]> {
  const { namespace, podName, hostname } = identity;
  try {
    if (namespace && podName) {
      return [podFacts(await client.get<KubeObject>(PODS, { namespace, name: podName }))];
    }
    if (!hostname) return [];
    const selection = { fieldSelector: `spec.nodeName=${hostname}`, limit: MAX_NODE_PODS };
    return (await client.list<KubeObject>(PODS, selection)).items.map(podFacts);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
