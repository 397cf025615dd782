// Whether the objects of other deny-capable backends (config/components) deny what they are there for: by content, since a
// name alone denies nothing. Not exercised on a real installation of these backends.
import { QUARANTINE_LABEL } from '../api/names.ts';
import type { LabelSelector } from '../api/meta.ts';
import { readSelector } from '../api/network-policy.ts';
import { isRecord, listOf } from './cilium-words.ts';
import type { Closure } from './residual.ts';

// Order of Calico's tier `default`, in which NetworkPolicies are (docs.tigera.io, "Tier"): ours must come before it.
const DEFAULT_TIER_ORDER = 1_000_000;
const EXPRESSIONS = ["'true'", '"true"'].map((value) => `${QUARANTINE_LABEL}==${value}`);

/**
 * What a GlobalNetworkPolicy of Calico (projectcalico.org/v3) closes: both ways or nothing.
 * @param policy its spec.
 * @param tier spec of the tier that it is in.
 */
export function calicoClosures(policy: unknown, tier: unknown): Closure[] {
  if (!isRecord(policy) || !isRecord(tier)) return [];
  const { types, ingress, egress } = policy;
  const order = tier['order'];
  const comesFirst = typeof order === 'number' && order < DEFAULT_TIER_ORDER;
  const isOfBoth = ['Ingress', 'Egress'].every((type) => listOf(types)?.includes(type));
  const denies = [ingress, egress].every(beginsWithDeny);
  if (!comesFirst || !isOfBoth || !denies || !isForQuarantined(policy)) return [];
  return [
    { direction: 'Ingress', scope: 'All' },
    { direction: 'Egress', scope: 'All' },
  ];
}

function isForQuarantined(policy: Readonly<Record<string, unknown>>): boolean {
  const { selector, namespaceSelector, serviceAccountSelector } = policy;
  const selects = typeof selector === 'string' && EXPRESSIONS.includes(selector.replaceAll(/\s/g, ''));
  const isWide = [namespaceSelector, serviceAccountSelector].every((one) =>
    [undefined, '', 'all()'].includes(one as string),
  );
  // These are about what a host forwards, before it knows a pod.
  return (
    selects && isWide && !['doNotTrack', 'preDNAT', 'applyOnForward'].some((key) => policy[key] === true)
  );
}

// The first rule decides, and it must deny whatever comes.
function beginsWithDeny(rules: unknown): boolean {
  const [first] = listOf(rules) ?? [];
  if (!isRecord(first) || first['action'] !== 'Deny') return false;
  return Object.entries(first).every(([key, value]) => key === 'action' || isEmpty(value));
}

/**
 * What a ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2) closes: the way out, and the way in for pods only, since
 * it has no peer for what is outside the cluster. Nothing unless it is in the tier Admin with priority 0, where no other
 * can accept first.
 * @param policy its spec.
 */
export function clusterPolicyClosures(policy: unknown): Closure[] {
  if (!isRecord(policy)) return [];
  const { tier, priority, subject, ingress, egress } = policy;
  if (tier !== 'Admin' || priority !== 0 || !selectsQuarantined(subject)) return [];
  const [into] = listOf(ingress) ?? [];
  const [out] = listOf(egress) ?? [];
  return [
    ...(deniesPods(into) ? [{ direction: 'Ingress', scope: 'Pods' } as const] : []),
    ...(deniesNetworks(out) ? [{ direction: 'Egress', scope: 'All' } as const] : []),
  ];
}

function selectsQuarantined(subject: unknown): boolean {
  const pods = isRecord(subject) && Object.keys(subject).length === 1 ? subject['pods'] : undefined;
  if (!isRecord(pods) || !isEverything(pods['namespaceSelector'])) return false;
  const { matchLabels = {}, matchExpressions = [] } = selectorIn(pods['podSelector']) ?? {};
  const keys = Object.keys(matchLabels);
  if (matchExpressions.length > 0) return false;
  return keys.length === 0 || (keys.length === 1 && matchLabels[QUARANTINE_LABEL] === 'true');
}

function deniesPods(rule: unknown): boolean {
  return peersOfDeny(rule, 'from').some((peer) => isRecord(peer) && isEverything(peer['namespaces']));
}

function deniesNetworks(rule: unknown): boolean {
  const networks = new Set(
    peersOfDeny(rule, 'to').flatMap((peer) => (isRecord(peer) ? (listOf(peer['networks']) ?? []) : [])),
  );
  return networks.has('0.0.0.0/0') && networks.has('::/0');
}

function peersOfDeny(rule: unknown, key: 'from' | 'to'): readonly unknown[] {
  if (!isRecord(rule) || rule['action'] !== 'Deny') return [];
  const isNarrowed = Object.entries(rule).some(
    ([name, value]) => !['name', 'action', key].includes(name) && !isEmpty(value),
  );
  return isNarrowed ? [] : (listOf(rule[key]) ?? []);
}

function isEverything(selector: unknown): boolean {
  const read = selectorIn(selector);
  return (
    read !== undefined && Object.keys(read.matchLabels ?? {}).length === 0 && !read.matchExpressions?.length
  );
}

function selectorIn(selector: unknown): LabelSelector | undefined {
  return isRecord(selector) ? readSelector(selector) : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return isRecord(value) && Object.keys(value).length === 0;
}
