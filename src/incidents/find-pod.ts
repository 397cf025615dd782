// Which pod a detection is about: from the cache, and where that may lag behind, read live.
import type { Detection, DetectionSummary } from '../api/detection.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts, type PodFacts } from '../api/pod.ts';
import { identify, identifyByName } from '../decide/identify.ts';
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

function toFound({ identity, summary }: Detection, pods: readonly PodFacts[]): Found {
  const since = namedSince(summary);
  const found = since === undefined ? identify(identity, pods) : identifyByName(identity, pods, since);
  if (found.kind === 'Refused') return { retry: found.retry, message: found.message };
  if (found.kind === 'Weak') return { pod: found.pod };
  return { pod: found.pod, ...(found.container !== undefined && { container: found.container }) };
}

// Only of Defender, whose alerts were compared with the cluster, and marked so that nothing is done without an approval. Clocks
// differ: a time that was yet to come counts as now, and one by more than minutes was refused when it came in, as any pod
// that has the name by then would be older than it.
function namedSince({ source, confidence, time, receivedAt }: DetectionSummary): number | undefined {
  if (source !== 'Defender' || confidence !== 'Low') return undefined;
  return Math.min(Date.parse(time), Date.parse(receivedAt));
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
