// What an explanation is made from: a pod, everything around it that decisions look at, and perhaps one alert.
import type { Detection, DetectionSummary } from '../api/detection.ts';
import type { DriftIncident, Target } from '../api/incident.ts';
import type { NamespaceFacts } from '../api/namespace.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';
import type { AnyPolicy, PolicyKind } from '../api/policy.ts';
import type { Facts } from '../decide/decision.ts';
import { unreadableGrants } from '../decide/grants.ts';
import type { Match } from '../decide/match.ts';
import { byCodeUnit } from '../decide/order.ts';
import { compilePolicy, type Compilation, type CompiledPolicy } from '../decide/policies.ts';
import { exemptionOf, protectionOf, type Exemption, type Protection } from '../decide/protect.ts';
import { rulebookFor, type Rulebook } from '../decide/rulebook.ts';
import { standingOf, type Standing } from '../decide/standing.ts';
import type { Origin, PolicyName } from './explanation.ts';

/** A policy as it is stored. Of several with one UID only one counts. */
export interface StoredPolicy {
  kind: PolicyKind;
  policy: AnyPolicy;
}

/** The pause switch: stopped and why, not stopped, or not known and why. */
export type Pause = { state: 'Off' } | { state: 'On' | 'Unknown'; message: string };

/** See the file's first line. */
export interface Subject {
  origin: Origin;
  /** The pod as it is. */
  pod: PodFacts;
  /** The pod as an incident would record it. */
  target: Target;
  space: NamespaceFacts;
  policies: readonly StoredPolicy[];
  /** The incident that is open for the pod. */
  incident?: DriftIncident | undefined;
  /** Other pods, as limits count them. */
  others: Pick<Facts, 'workload' | 'namespace' | 'availability'>;
  paused: Pause;
  protectedNamespaces: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  at: number;
}

/** One alert, and whether it says itself that it is about the pod. */
export interface Alert {
  detection: Detection;
  identified: { ok: boolean; message: string } | null;
}

/** What is asked about the pod. */
export interface Question {
  /** Name of the container that alerts are about; absent: that of the alert, or else not known. */
  container?: string | undefined;
  alert?: Alert | undefined;
}

/** A subject after the policies were read. */
export interface Case extends Subject {
  entries: readonly (StoredPolicy & { compilation: Compilation })[];
  rulebook: Rulebook;
  /** The pod as policies look at it: an isolated one as it was. */
  asRecorded: PodFacts;
  /** Policies that are about the pod and have rungs, in the order of {@link byName}. */
  candidates: readonly CompiledPolicy[];
  container: ContainerFacts | undefined;
  protection: Protection | undefined;
  /** The exception by which it may be touched though its namespace is protected. */
  exemption: Exemption | undefined;
}

/** Policies of the namespace before those of the cluster, each kind by name. */
export function byName(a: PolicyName, b: PolicyName): number {
  return byCodeUnit(b.kind, a.kind) || byCodeUnit(a.name, b.name);
}

/** Reads the policies of a subject. */
export function openCase(subject: Subject, containerName: string | undefined): Case {
  const { pod, incident, policies, space } = subject;
  const entries = policies.map((one) => ({ ...one, compilation: compilePolicy(one.policy, one.kind) }));
  const accepted = (kind: PolicyKind) =>
    entries.flatMap(({ kind: is, compilation }) =>
      is === kind && compilation.accepted ? [compilation.policy] : [],
    );
  const own = accepted('DriftPolicy').filter((policy) => policy.matchesNamespace(space));
  const cluster = entries.filter(({ kind }) => kind === 'ClusterDriftPolicy');
  const unknown = unreadableGrants(cluster, true);
  const rulebook = rulebookFor(space, own, accepted('ClusterDriftPolicy'), unknown);
  const asRecorded = incident
    ? {
        ...pod,
        labels: incident.spec.target.labels,
        ownerReferences: incident.spec.target.ownerReferences ?? [],
      }
    : pod;
  const { exemptions } = rulebook;
  const rules = { namespaces: subject.protectedNamespaces, exemptions, now: subject.at };
  return {
    ...subject,
    entries,
    rulebook,
    asRecorded,
    candidates: rulebook.candidates(asRecorded).toSorted(byName),
    container: pod.containers.find(({ name }) => name === containerName),
    protection: protectionOf(asRecorded, rules),
    exemption: exemptionOf(asRecorded, rules),
  };
}

/** Who reports what is only supposed. */
const SUPPOSED = 'explain';

/** The incident of the pod once an alert that is answered so has come. */
export function supposedIncident(one: Case, summary: DetectionSummary, match: Match): DriftIncident {
  const at = new Date(one.at).toISOString();
  const { severity } = summary;
  if (one.incident) {
    const report = {
      count: 1,
      firstSeen: at,
      lastSeen: at,
      highestSeverity: severity,
      detections: [summary],
      policies: match.contributions,
      response: match.settings,
    };
    const { status } = one.incident;
    return { ...one.incident, status: { ...status, reports: { ...status?.reports, [SUPPOSED]: report } } };
  }
  const { target } = one;
  const trigger = {
    detection: summary,
    severity,
    policies: match.contributions,
    response: match.settings,
  };
  const metadata = {
    name: `${target.name}-${SUPPOSED}`,
    namespace: target.namespace,
    uid: SUPPOSED,
    resourceVersion: '',
    creationTimestamp: at,
  };
  return { metadata, spec: { target, trigger } };
}

/** What the policies, as they are now, want of an incident. */
export function standingIn(one: Case, incident: DriftIncident, { contributions }: Match): Standing {
  return standingOf(incident, contributions, one.rulebook);
}
