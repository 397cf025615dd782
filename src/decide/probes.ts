// Which pods in quarantine are probed from within their own network, and when.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import { mayBeCut } from './cut.ts';
import { PROBE_VALID_MS, type NetworkProbe, type NodeEnforcement } from './isolated.ts';
import { stepOf } from './marks.ts';
import type { Trouble } from './node-verdicts.ts';

/** What is known of one pod: what the latest probe showed that told anything, and what came in between since. */
export interface ProbeRecord {
  proof?: NetworkProbe;
  trouble?: Trouble;
}

/** Where it is not known how long the network takes: as long as canaries wait for it, in milliseconds. */
const UNKNOWN_NETWORK_MS = 60_000;
/** Before this a pod is not probed: it may be evicted at once. */
const LEAST_SETTLED_MS = 10_000;
/** A pod that is not cut off is looked at again after this, in milliseconds. */
const OPEN_RETRY_MS = 300_000;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 1_800_000;
/** Reasons of `Isolated` to which a probe can add anything: of what is known to be open it would say the same. */
const PROBED = new Set(['Verified', 'Enforced', 'Pending']);

/**
 * When the pod of an incident is to be probed, in milliseconds since the epoch; undefined: not while everything is as it is.
 * @param pod as the watch told last.
 */
export function probeDueAt(
  incident: DriftIncident,
  pod: PodFacts | undefined,
  record: ProbeRecord | undefined,
  enforcement: NodeEnforcement | undefined,
): number | undefined {
  const { isolation } = incident.status ?? {};
  if (!pod || !isolation || !isOfPod(incident, pod)) return undefined;
  if (!isOpen(incident) || hasFirewall(incident) || mayEndAnyMoment(incident)) return undefined;
  if (!mayAddAnything(incident, record)) return undefined;
  const settled = enforcement ? Math.max(LEAST_SETTLED_MS, 2 * enforcement.tookMs) : UNKNOWN_NETWORK_MS;
  const since = Math.max(Date.parse(isolation.at), notClosedUntil(incident));
  return Math.max(since + settled, againAt(incident, record?.proof), retryAt(record?.trouble));
}

/** Whether something was open after a probe found everything closed: what it showed does not count any more. */
export function isOutdated(incident: DriftIncident, proof: NetworkProbe): boolean {
  return proof.verdict === 'Closed' && proof.at < notClosedUntil(incident);
}

/** The record after a probe. One that told nothing leaves what an earlier one showed. */
export function afterProbe(
  before: ProbeRecord | undefined,
  { verdict, at, message }: { verdict: NetworkProbe['verdict'] | 'Unknown'; at: number; message: string },
): ProbeRecord {
  if (verdict === 'Closed') return { proof: { verdict, at } };
  if (verdict === 'Open') return { proof: { verdict, at, ways: message } };
  return { ...before, trouble: { at, failures: (before?.trouble?.failures ?? 0) + 1, message } };
}

/** Whether it is the pod of the incident, in quarantine, and in a network of its own. */
function isOfPod({ spec, status }: DriftIncident, pod: PodFacts): boolean {
  const { phase, deletionTimestamp, hostNetwork, ip, nodeName } = pod;
  const runs = phase === 'Running' && deletionTimestamp === undefined;
  const hasNetwork = !hostNetwork && ip !== undefined && nodeName !== undefined;
  const isIsolated = status?.isolation?.form !== 'LabelOnly' && isQuarantined(pod);
  return pod.uid === spec.target.uid && runs && hasNetwork && isIsolated;
}

function isOpen(incident: DriftIncident): boolean {
  const { metadata, spec } = incident;
  return (
    !isFinal(incident) && metadata.deletionTimestamp === undefined && spec.decision?.action !== 'Release'
  );
}

// A firewall of ours is proven by itself, and lets the network of the node do less than a probe needs.
function hasFirewall(incident: DriftIncident): boolean {
  return mayBeCut(incident) || (incident.status?.plan?.steps?.includes('Cut') ?? false);
}

function mayAddAnything({ status }: DriftIncident, record: ProbeRecord | undefined): boolean {
  const reason = findCondition(status?.conditions, INCIDENT_CONDITIONS.Isolated)?.reason;
  const isOpenByProbe = reason === 'Unenforced' && record?.proof?.verdict === 'Open';
  return isOpenByProbe || PROBED.has(reason ?? '');
}

// An eviction that waits, for the budget for instance, may do so for hours.
function mayEndAnyMoment(incident: DriftIncident): boolean {
  if (!incident.status?.plan?.steps?.includes('Evict')) return false;
  const state = stepOf(incident, 'Evict')?.state;
  return state === undefined || state === 'Running' || state === 'Succeeded';
}

// The condition is `True` without a break as long as nothing was open: the time counts from when it was not.
function notClosedUntil({ status }: DriftIncident): number {
  const condition = findCondition(status?.conditions, INCIDENT_CONDITIONS.Isolated);
  return condition && condition.status !== 'True' ? Date.parse(condition.lastTransitionTime) : 0;
}

// Before the old one counts no more, so that the word stays while the pod is cut off.
function againAt(incident: DriftIncident, proof: NetworkProbe | undefined): number {
  if (!proof || isOutdated(incident, proof)) return 0;
  return proof.at + (proof.verdict === 'Closed' ? PROBE_VALID_MS / 2 : OPEN_RETRY_MS);
}

function retryAt(trouble: Trouble | undefined): number {
  if (!trouble) return 0;
  const { at, failures } = trouble;
  return at + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}
