// How a pod shares its node: whoever is in such a pod may have left it, so that its node has to be looked at, too.
import { z } from 'zod';
import type { KubeObject } from './meta.ts';

const flag = z.boolean().catch(false);
const containers = z
  .array(
    z.object({
      name: z.string(),
      securityContext: z.object({ privileged: flag }).catch({ privileged: false }),
    }),
  )
  .catch([]);
const SpecSchema = z
  .object({
    containers,
    initContainers: containers,
    ephemeralContainers: containers,
    hostPID: flag,
    hostNetwork: flag,
  })
  .catch({
    containers: [],
    initContainers: [],
    ephemeralContainers: [],
    hostPID: false,
    hostNetwork: false,
  });

/** What a pod shares with its node, the worst of it as the reason. */
export interface SharedNode {
  reason: 'Privileged' | 'HostPID' | 'HostNetwork';
  /** For people. */
  message: string;
}

/** See the file's first line; undefined: the spec shares nothing that counts. */
export function sharedNode(pod: KubeObject): SharedNode | undefined {
  const { hostPID, hostNetwork, ...spec } = SpecSchema.parse(pod['spec']);
  const all = [...spec.containers, ...spec.initContainers, ...spec.ephemeralContainers];
  const privileged = all.filter(({ securityContext }) => securityContext.privileged).map(({ name }) => name);
  const found: [SharedNode['reason'], string][] = [
    ...(privileged.length > 0
      ? [['Privileged', `has privileged containers (${privileged.slice(0, 3).join(', ')})`] as const]
      : []),
    ...(hostPID ? [['HostPID', 'sees the processes of its node'] as const] : []),
    ...(hostNetwork ? [['HostNetwork', 'uses the network of its node'] as const] : []),
  ].map(([reason, words]) => [reason, words]);
  const [first] = found;
  if (!first) return undefined;
  const what = found.map(([, words]) => words).join(' and ');
  return {
    reason: first[0],
    message: `the pod ${what}: whoever is in it may have left it, and no quarantine of the pod ends that; look at the node, too`,
  };
}
