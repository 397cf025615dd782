// Pods that are never touched, whatever a policy says.
import { CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../api/names.ts';
import type { PodFacts } from '../api/pod.ts';

/** Why a pod is never touched. */
export interface Protection {
  reason: 'Namespace' | 'MirrorPod';
  message: string;
}

/**
 * Whether a pod is protected. Labels and annotations never protect: an attacker would set them. The one that makes a
 * mirror pod gains nothing by forgery: the API server lets nobody add it later, and a kubelet deletes a mirror pod that
 * has no static pod instead of running it.
 * @param protectedNamespaces those of the settings; die-operator's own are always protected.
 */
export function protectionOf(
  pod: PodFacts,
  protectedNamespaces: ReadonlySet<string>,
): Protection | undefined {
  const own = pod.namespace === SYSTEM_NAMESPACE || pod.namespace === CAPTURE_NAMESPACE;
  if (own || protectedNamespaces.has(pod.namespace)) {
    const why = own ? 'it is die-operator’s own' : 'the settings of die-operator list it';
    return {
      reason: 'Namespace',
      message: `namespace ${pod.namespace} is protected, as ${why}: look at pod ${pod.name} yourself`,
    };
  }
  if (!pod.mirror) return undefined;
  return {
    reason: 'MirrorPod',
    message: `${pod.namespace}/${pod.name} mirrors a static pod, which only its node can change: change its manifest on node ${pod.nodeName ?? '(unknown)'}`,
  };
}
