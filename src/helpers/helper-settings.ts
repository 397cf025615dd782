// Which image helper pods run and which profiles are allowed: what the installation says in one ConfigMap, which is also
// what the admission policy of the namespace goes by. The operator may read it and not change it.
import type { KubeObject } from '../api/meta.ts';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';

/**
 * What a helper pod may do on its node. `canary`: nothing that a restricted pod may not. `netns`: enter the network of
 * other pods, which makes it as good as root on the node. `capture`: read all processes and files of the node. `checkpoint`:
 * read and remove what the kubelet keeps of checkpoints, all memory of the containers.
 */
export const PROFILES = ['canary', 'netns', 'capture', 'checkpoint'] as const;
/** See {@link PROFILES}. */
export type Profile = (typeof PROFILES)[number];

/** Folders of nodes, as absolute paths, that a pod of the profile `capture` reads. */
export interface HostRoots {
  /** Where the runtime keeps the files of containers. */
  containerd: string;
  /** Where the kubelet keeps volumes. */
  kubelet: string;
}

/** What the ConfigMap says. */
export interface HelperSettings {
  /** Named by digest. */
  image: string;
  profiles: ReadonlySet<Profile>;
  /** `containerdRoot` and `kubeletRoot`, the same on all nodes. */
  roots: HostRoots;
}

/** Where containerd and kubelet keep things unless they are told otherwise. The admission policy has the same defaults. */
export const DEFAULT_ROOTS: HostRoots = { containerd: '/var/lib/containerd', kubelet: '/var/lib/kubelet' };
/** An absolute path of at least two parts, so never `/` or `/var`, without `.` and `..`; so in the admission policy. */
const ROOT = /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,16}$/;

const BY_DIGEST = /^[^\s@]{1,400}@sha256:[0-9a-f]{64}$/;
const WHERE = `ConfigMap ${CAPTURE_NAMESPACE}/${HELPERS_CONFIGMAP}`;

/**
 * Reads what helpers are allowed.
 * @returns the settings, or in words for people why there are no helpers.
 * @throws KubeError, other than that there is no such ConfigMap.
 */
export async function readHelperSettings(client: KubeClient): Promise<HelperSettings | string> {
  try {
    const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
    return helperSettings(await client.get<KubeObject>(CONFIG_MAPS, at));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return `helper pods are not installed (config/components/helpers): there is no ${WHERE}`;
  }
}

/** What the ConfigMap says, or why that cannot be used. Profiles that this version does not know are passed over. */
export function helperSettings(map: KubeObject): HelperSettings | string {
  const data = (map['data'] ?? {}) as Record<string, unknown>;
  const { image, profiles, containerdRoot, kubeletRoot } = data;
  if (typeof image !== 'string' || !BY_DIGEST.test(image))
    return `${WHERE}: image must be named by digest, as registry.example/die-operator@sha256:<64 hex digits>`;
  const roots = {
    containerd: containerdRoot ?? DEFAULT_ROOTS.containerd,
    kubelet: kubeletRoot ?? DEFAULT_ROOTS.kubelet,
  };
  if (!isRoots(roots))
    return `${WHERE}: containerdRoot and kubeletRoot must be paths as /var/lib/containerd, of two parts at least`;
  const named = typeof profiles === 'string' ? profiles.split(/[\s,]+/) : [];
  return { image, profiles: new Set(PROFILES.filter((profile) => named.includes(profile))), roots };
}

function isRoots(roots: Record<keyof HostRoots, unknown>): roots is HostRoots {
  return Object.values(roots).every((path) => typeof path === 'string' && ROOT.test(path));
}
