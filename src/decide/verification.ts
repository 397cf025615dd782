// Which running pods are verified against what was approved, and how often.
import { isDeepStrictEqual } from 'node:util';
import type { Verification } from '../api/policy.ts';
import { controllerOf, isQuarantined, type PodFacts } from '../api/pod.ts';
import { hasEnded } from '../api/pod-end.ts';
import { recordedDuration } from './duration.ts';
import type { ApprovedImages, ApprovedList } from './approved-images.ts';
import type { CompiledPolicy, MatchablePod } from './policies.ts';
import { protectionOf, type ProtectionRules } from './protect.ts';

/** Patterns for names of what is no finding in the configuration of a pod. */
export interface Allowances {
  allowedContainers: readonly string[];
  allowedVolumes: readonly string[];
  /** Of variables that load code or are taken from a Secret, and of what `envFrom` names. */
  allowedVariables: readonly string[];
}

/** What a policy asks for, ready to be used. */
export interface CompiledVerification extends Allowances {
  intervalMs: number;
}

/** See {@link CompiledVerification}. */
export function compileVerification({
  interval,
  allowedContainers = [],
  allowedVolumes = [],
  allowedVariables = [],
}: Verification): CompiledVerification {
  return { intervalMs: recordedDuration(interval), allowedContainers, allowedVolumes, allowedVariables };
}

/** What is asked for of a pod. */
export interface AskedVerification extends CompiledVerification {
  /** Those that ask: UID, and `namespace/name`, of a ClusterDriftPolicy `/name`. */
  policies: readonly { uid: string; key: string }[];
}

/** A policy that asks. */
type Asking = CompiledPolicy & { verification: CompiledVerification };

/**
 * What the policies ask for of a pod. Where one of the cluster asks, tenants have no say in how: the shortest interval is that
 * of the cluster's policies, and only they allow anything. Undefined: nothing is asked for, or the pod is on its way out, in
 * quarantine or protected.
 * @param policies those in force in its namespace.
 */
export function verificationOf(
  pod: PodFacts,
  policies: Iterable<CompiledPolicy>,
  rules: ProtectionRules,
): AskedVerification | undefined {
  if (pod.deletionTimestamp !== undefined || isQuarantined(pod) || hasEnded(pod)) return undefined;
  const asking = askingOf(pod, policies);
  if (asking.length === 0 || protectionOf(pod, rules)) return undefined;
  return {
    policies: asking.map(({ uid, namespace, name }) => ({ uid, key: `${namespace}/${name}` })),
    intervalMs: Math.min(...deciding(asking).map(({ verification }) => verification.intervalMs)),
    ...allowancesOf(pod, asking),
  };
}

/**
 * What is no finding in the configuration of a pod: everything that is allowed by those of the policies which decide, the
 * cluster's if one of them asks. Of these the ones in Enforce, if there is one: what is tried out in Audit excuses nothing.
 */
export function allowancesOf(pod: MatchablePod, policies: Iterable<CompiledPolicy>): Allowances {
  const having = enforcedOrAll(deciding(askingOf(pod, policies))).map(({ verification }) => verification);
  const all = (key: keyof Allowances) => [...new Set(having.flatMap((one) => one[key]))];
  return {
    allowedContainers: all('allowedContainers'),
    allowedVolumes: all('allowedVolumes'),
    allowedVariables: all('allowedVariables'),
  };
}

/**
 * Whether what is verified may be another one: its containers, the labels by which policies select it, or its controller, which
 * lets go of it only some time after a label was changed.
 */
export function isToBeVerifiedAnew(before: PodFacts, now: PodFacts): boolean {
  return before.uid !== now.uid || !isDeepStrictEqual(comparable(before), comparable(now));
}

function comparable(pod: PodFacts) {
  const { containers, initContainers, ephemeralContainers, labels, deletionTimestamp } = pod;
  const images = [...containers, ...(initContainers ?? []), ...(ephemeralContainers ?? [])];
  return {
    labels,
    deletionTimestamp,
    controller: controllerOf(pod)?.uid,
    images: images.map(({ name, image, imageID }) => ({ name, image, imageID })),
  };
}

function askingOf(pod: MatchablePod, policies: Iterable<CompiledPolicy>): Asking[] {
  return [...policies].filter(
    (policy): policy is Asking => policy.verification !== undefined && policy.matchesPod(pod),
  );
}

function deciding<T extends CompiledPolicy>(policies: readonly T[]): readonly T[] {
  const ofCluster = policies.filter(isOfCluster);
  return ofCluster.length > 0 ? ofCluster : policies;
}

function enforcedOrAll<T extends CompiledPolicy>(policies: readonly T[]): readonly T[] {
  const enforced = policies.filter(isEnforced);
  return enforced.length > 0 ? enforced : policies;
}

function isOfCluster({ kind }: CompiledPolicy): boolean {
  return kind === 'ClusterDriftPolicy';
}

function isEnforced({ mode }: CompiledPolicy): boolean {
  return mode === 'Enforce';
}

/**
 * The lists that images of a pod are judged by. What is only to be recorded has no say where anything is enforced, but no
 * tenant takes a list of the cluster away: those in Audit are heard as long as none of the cluster is in Enforce, and refuse
 * for the record only if a tenant is. A tenant's list approves nothing where a policy of the cluster asks for the
 * verification, whatever the mode of that: it would give the proof that the cluster demands.
 * @param listOf what a policy approves. @param isIncomplete whether part of that could not be read.
 */
export function listsForVerification(
  pod: MatchablePod,
  policies: Iterable<CompiledPolicy>,
  listOf: (policy: CompiledPolicy) => ApprovedImages | undefined,
  isIncomplete: (policy: CompiledPolicy) => boolean = () => false,
): ApprovedList[] {
  const selecting = [...policies].filter(({ matchesPod }) => matchesPod(pod));
  const anyEnforced = selecting.some(isEnforced);
  const byCluster = selecting.some((policy) => isOfCluster(policy) && policy.verification);
  const ofCluster = new Set(enforcedOrAll(selecting.filter(isOfCluster)));
  const isHeard = (policy: CompiledPolicy) =>
    isOfCluster(policy) ? ofCluster.has(policy) : isEnforced(policy) || !anyEnforced;
  return selecting.filter(isHeard).flatMap((policy) => {
    const { kind, name } = policy;
    const images = listOf(policy);
    const audit = anyEnforced && !isEnforced(policy);
    const approves = isOfCluster(policy) ? byCluster || !audit : !byCluster;
    const marks = { ...(audit && { audit }), ...(isIncomplete(policy) && { incomplete: true as const }) };
    return images ? [{ policy: { kind, name }, images, approves, ...marks }] : [];
  });
}
