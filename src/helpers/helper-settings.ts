// Which image helper pods run and which profiles are allowed: what the installation says in one ConfigMap, which is also
// what the admission policy of the namespace goes by. The operator may read it and not change it.
import type { KubeObject } from '../api/meta.ts';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';

/**
 * What a helper pod may do on its node. `canary`: nothing that a restricted pod may not. `netns`: enter the network of
 * other pods, which makes it as good as root on the node.
 */
export const PROFILES = ['canary', 'netns'] as const;
/** See {@link PROFILES}. */
export type Profile = (typeof PROFILES)[number];

/** What the ConfigMap says. */
export interface HelperSettings {
  /** Named by digest. */
  image: string;
  profiles: ReadonlySet<Profile>;
}

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
  const { image, profiles } = data;
  if (typeof image !== 'string' || !BY_DIGEST.test(image))
    return `${WHERE}: image must be named by digest, as registry.example/die-operator@sha256:<64 hex digits>`;
  const named = typeof profiles === 'string' ? profiles.split(/[\s,]+/) : [];
  return { image, profiles: new Set(PROFILES.filter((profile) => named.includes(profile))) };
}
