// Gathers what took the place of a pod that is gone, and what its images prove; from the caches.
import { isFinal, type Contribution, type DriftIncident } from '../api/incident.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import type { ApprovedList, Equivalent } from '../decide/approved-images.ts';
import type { Facts, Replacement } from '../decide/decision.ts';
import { proveImages } from '../decide/images.ts';
import { stepOf } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import { unapproved } from '../decide/pin.ts';
import {
  chooseReplacement,
  driftedCandidate,
  isSameRevision,
  type Candidates,
} from '../decide/replacement.ts';
import { topWorkload } from '../decide/top-workload.ts';
import type { ApprovedLists } from './approved-lists.ts';
import type { Caches } from './caches.ts';
import type { Reservations } from './reservations.ts';

/** Where it is looked for. */
export interface ReplacementSources {
  caches: Pick<Caches, 'pods' | 'incidents' | 'rulebooks'>;
  reservations: Pick<Reservations, 'mayClaim'>;
  /** Absent: only equal digests are the same image. */
  equivalent?: Equivalent;
  /** What policies approve with their ConfigMaps; absent: what they name themselves. */
  approvedLists?: Pick<ApprovedLists, 'of' | 'refresh'>;
}

/** What is to be the replacement, as it was read just now. */
export interface FreshPod {
  uid: string;
  /** Undefined: it is not there any more. */
  pod: PodFacts | undefined;
}

/**
 * What took the place, and whether it drifted, too.
 * @param fresh the pod by which the incident may end: caches may lag, and an end that is told must be true.
 */
export function replacementFacts(
  sources: ReplacementSources,
  incident: DriftIncident,
  fresh?: FreshPod,
): Pick<Facts, 'replacement' | 'driftedAgain' | 'driftedFirst'> {
  if (stepOf(incident, 'Evict') === undefined) return { replacement: undefined };
  const before = incident.status?.replacement?.uid;
  const again = before === undefined ? undefined : driftOf(sources, before);
  // The one that drifted stays on the record, whatever came after it.
  if (again !== undefined) return { replacement: undefined, driftedAgain: again };
  const pod = freshest(findReplacement(sources, incident), fresh);
  if (!pod) return { replacement: undefined, ...driftedFirst(sources, incident) };
  const drifted = driftOf(sources, pod.uid);
  return {
    replacement: proven(sources, incident, pod),
    ...(drifted !== undefined && { driftedAgain: drifted }),
  };
}

function freshest(cached: PodFacts | undefined, fresh: FreshPod | undefined): PodFacts | undefined {
  const pod = cached?.uid === fresh?.uid ? fresh?.pod : cached;
  return pod === undefined || pod.deletionTimestamp !== undefined || isQuarantined(pod) ? undefined : pod;
}

// A replacement can drift while the pod that it came for waits to be evicted: then nothing else may ever come.
function driftedFirst(sources: ReplacementSources, incident: DriftIncident): Pick<Facts, 'driftedFirst'> {
  const candidates = incident.status?.restart?.pod ? undefined : candidatesOf(sources, incident);
  const pod = candidates && driftedCandidate(incident, candidates);
  const found = pod && driftOf(sources, pod.uid);
  return pod && found !== undefined ? { driftedFirst: { pod: pod.name, incident: found } } : {};
}

/** The pod that took the place; undefined if none did yet. */
export function findReplacement(sources: ReplacementSources, incident: DriftIncident): PodFacts | undefined {
  const { caches } = sources;
  const { target } = incident.spec;
  const made = incident.status?.restart?.pod;
  if (made) {
    const pod = caches.pods.get(target.namespace, made.name);
    return pod?.uid === made.uid && pod.deletionTimestamp === undefined ? pod : undefined;
  }
  const candidates = candidatesOf(sources, incident);
  return candidates && chooseReplacement(incident, candidates);
}

function candidatesOf(
  { caches, reservations }: ReplacementSources,
  incident: DriftIncident,
): Candidates | undefined {
  const { target } = incident.spec;
  if (target.workload === undefined) return undefined;
  const { key } = topWorkload(target);
  const others = caches.incidents
    .byIndex('topWorkload', key)
    .filter(({ metadata }) => metadata.uid !== incident.metadata.uid);
  const claimed = new Set(others.flatMap(({ status }) => status?.replacement?.uid ?? []));
  return {
    pods: caches.pods.byIndex('topWorkload', key),
    isTaken: (uid) => claimed.has(uid) || !reservations.mayClaim(uid, incident.metadata.uid),
    rivals: others.filter((other) => !isFinal(other)),
  };
}

/** How many pods of the controller of the target are there, neither quarantined nor on their way out. */
export function copiesOf({ caches }: ReplacementSources, { spec: { target } }: DriftIncident): number {
  if (target.workload === undefined) return 0;
  return caches.pods
    .byIndex('controller', target.workload.uid)
    .filter((pod) => pod.uid !== target.uid && pod.deletionTimestamp === undefined && !isQuarantined(pod))
    .length;
}

function proven(sources: ReplacementSources, incident: DriftIncident, pod: PodFacts): Replacement {
  const { caches, equivalent } = sources;
  const { target } = incident.spec;
  const { workload } = target;
  const siblings = workload === undefined ? [] : caches.pods.byIndex('controller', workload.uid);
  const older = siblings.filter(({ uid, createdAt }) => {
    return uid !== target.uid && createdAt < incident.metadata.creationTimestamp;
  });
  const proof = proveImages({
    replacement: pod,
    target,
    siblings: older,
    lists: listsFor(sources, incident, pod),
    ...(equivalent && { equivalent }),
  });
  const isOther = workload !== undefined && !isSameRevision(target, pod);
  return { pod, proof, ...(isOther && { otherRevision: true }) };
}

/** Reads the lists by which images in a namespace are judged, where ConfigMaps hold them: a pipeline may just have written them. */
export async function refreshLists(
  { caches: { rulebooks }, approvedLists }: Pick<ReplacementSources, 'caches' | 'approvedLists'>,
  namespace: string,
): Promise<void> {
  await approvedLists?.refresh(rulebooks.of(namespace).inForce.values());
}

/** Why a pod is not to be made anew, nor its workload pinned, with what it ran; undefined: no list of images is against it. */
export function unapprovedImage(
  sources: Pick<ReplacementSources, 'caches' | 'equivalent' | 'approvedLists'>,
  incident: DriftIncident,
  pod: PodFacts,
): string | undefined {
  const { target } = incident.spec;
  // By the labels that it had: it may have been taken out of its workload, or relabelled by somebody.
  const asItWas = target.labelsTruncated === true ? pod : { ...pod, labels: target.labels };
  return unapproved(target, listsFor(sources, incident, asItWas), sources.equivalent);
}

// As they are now: what is not approved any more proves nothing. What is only to be recorded has no say. A tenant's list
// approves nothing where the cluster asked for the response: it would give the proof that the cluster demands.
function listsFor(
  { caches: { rulebooks }, approvedLists }: Pick<ReplacementSources, 'caches' | 'approvedLists'>,
  incident: DriftIncident,
  pod: PodFacts,
): ApprovedList[] {
  const byCluster = responseOf(incident).contributions.some(asksForCluster);
  const selecting = [...rulebooks.of(pod.namespace).inForce.values()].filter(
    ({ mode, matchesPod }) => mode === 'Enforce' && matchesPod(pod),
  );
  return selecting.flatMap((policy) => {
    const images = approvedLists ? approvedLists.of(policy) : policy.approvedImages;
    const { kind, name } = policy;
    return images
      ? [{ policy: { kind, name }, images, approves: kind === 'ClusterDriftPolicy' || !byCluster }]
      : [];
  });
}

function asksForCluster({ kind, mode }: Contribution): boolean {
  return kind === 'ClusterDriftPolicy' && mode === 'Enforce';
}

// An exception says that the drift is known, and a Release that it was none.
function driftOf({ caches }: ReplacementSources, podUid: string): string | undefined {
  const found = caches.incidents
    .byIndex('pod', podUid)
    .find(
      (incident) =>
        incident.status?.phase !== 'Released' &&
        responseOf(incident).contributions.some(({ mode, cap }) => mode === 'Enforce' && cap === undefined),
    );
  return found?.metadata.name;
}
