// Pods that are never touched, whatever a policy says; and the exceptions that a policy of the cluster may name.
import { CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../api/names.ts';
import { foreignLabels, type PodFacts } from '../api/pod.ts';
import type { Unprotect } from '../api/unprotect.ts';
import { imageMatcher } from './image-patterns.ts';
import { compileSelector } from './selector.ts';

/** Why a pod is never touched. */
export interface Protection {
  reason: 'Namespace' | 'MirrorPod';
  message: string;
}

/** What protection looks at in a pod; the labels are those that it had before any isolation. */
export type ProtectablePod = Pick<
  PodFacts,
  'namespace' | 'name' | 'labels' | 'containers' | 'critical' | 'mirror' | 'nodeName'
>;

/** An exception to the protection of a namespace, ready to be matched. */
export interface Exemption {
  /** Name of its ClusterDriftPolicy. */
  policy: string;
  name: string;
  namespace: string;
  reason: string;
  /** When it ends, in milliseconds since the epoch; Infinity: never. */
  until: number;
  /** Pods of critical priority, too. */
  critical: boolean;
  /** Its policy is in Enforce: by one in Audit nothing is touched, so it lets nobody else, either. */
  enforced: boolean;
  selects: (pod: Pick<PodFacts, 'labels' | 'containers'>) => boolean;
}

/** What protects. */
export interface ProtectionRules {
  /** Those of the settings. */
  namespaces: ReadonlySet<string>;
  /** Of the policies in force in the namespace of the pod. */
  exemptions: readonly Exemption[];
  /** Milliseconds since the epoch: exceptions end. */
  now: number;
}

/** Compiles a valid exception. */
export function compileUnprotect(
  policy: string,
  mode: 'Audit' | 'Enforce',
  { podSelector = {}, images, expires, ...rest }: Unprotect,
): Exemption {
  const selects = compileSelector(podSelector);
  const hasImage = images && imageMatcher(images);
  return {
    ...rest,
    policy,
    until: expires === undefined ? Infinity : Date.parse(expires),
    enforced: mode === 'Enforce',
    selects: ({ labels, containers }) =>
      selects(foreignLabels(labels)) && (hasImage ? containers.some(hasImage) : true),
  };
}

/** Exceptions that a message names. */
const MAX_NAMED = 3;

/**
 * Whether a pod is protected. Labels and annotations never protect: an attacker would set them. The one that makes a
 * mirror pod gains nothing by forgery: the API server lets nobody add it later, and a kubelet deletes a mirror pod that
 * has no static pod instead of running it. The priority class keeps a pod protected in a protected namespace only.
 */
export function protectionOf(pod: ProtectablePod, rules: ProtectionRules): Protection | undefined {
  const { namespace, name } = pod;
  const own = isOwn(namespace);
  if (own || (rules.namespaces.has(namespace) && !exemptionOf(pod, rules))) {
    const why = own
      ? 'it is die-operator’s own'
      : `the settings of die-operator list it${misses(pod, rules)}`;
    return {
      reason: 'Namespace',
      message: `namespace ${namespace} is protected, as ${why}: look at pod ${name} yourself`,
    };
  }
  if (!pod.mirror) return undefined;
  return {
    reason: 'MirrorPod',
    message: `${namespace}/${name} mirrors a static pod, which only its node can change: change its manifest on node ${pod.nodeName ?? '(unknown)'}`,
  };
}

/** The exception by which a pod of a protected namespace may be touched; undefined: none, or none is needed. */
export function exemptionOf(pod: ProtectablePod, rules: ProtectionRules): Exemption | undefined {
  if (isOwn(pod.namespace) || !rules.namespaces.has(pod.namespace)) return undefined;
  // Of several the one that lasts the longest.
  return rules.exemptions
    .filter((one) => missOf(one, pod, rules.now) === undefined)
    .reduce<Exemption | undefined>((best, one) => (best && best.until >= one.until ? best : one), undefined);
}

/** Whether no pod of a namespace can be touched, whichever it is. */
export function isClosed(namespace: string, rules: ProtectionRules): boolean {
  if (isOwn(namespace)) return true;
  return rules.namespaces.has(namespace) && openUntil(namespace, rules) === undefined;
}

/**
 * Until when pods of a protected namespace can be touched by an exception, in milliseconds since the epoch, Infinity: as
 * long as its policy stays; undefined: there is none now.
 */
export function openUntil(namespace: string, { exemptions, now }: ProtectionRules): number | undefined {
  const open = exemptions.filter((one) => one.namespace === namespace && one.enforced && now < one.until);
  return open.length === 0 ? undefined : Math.max(...open.map(({ until }) => until));
}

function isOwn(namespace: string): boolean {
  return namespace === SYSTEM_NAMESPACE || namespace === CAPTURE_NAMESPACE;
}

// Why an exception does not apply, as the end of a sentence about it; undefined: it does.
function missOf(one: Exemption, pod: ProtectablePod, now: number): string | undefined {
  if (one.namespace !== pod.namespace) return 'is about another namespace';
  if (!one.enforced) return 'does not count, as its policy is in Audit';
  // A time that cannot be read has come.
  if (!(now < one.until)) return `ended at ${timeOf(one.until)}`;
  if (!one.selects(pod)) return 'does not match the pod';
  return pod.critical === true && !one.critical ? 'leaves out pods of critical priority' : undefined;
}

function misses(pod: ProtectablePod, { exemptions, now }: ProtectionRules): string {
  const named = exemptions
    .filter(({ namespace }) => namespace === pod.namespace)
    .map((one) => `exception ${one.name} of ClusterDriftPolicy ${one.policy} ${missOf(one, pod, now) ?? ''}`);
  const more = named.length > MAX_NAMED ? [`${named.length - MAX_NAMED} more do not apply either`] : [];
  return named.length === 0 ? '' : `, and ${[...named.slice(0, MAX_NAMED), ...more].join(', ')}`;
}

function timeOf(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'a time that cannot be read';
}
