// What was spent of the limits: which of them holds an eviction, from when on there is room again, and when a person is asked.
import type { DriftIncident } from '../api/incident.ts';
import type { ActName, HoldReason } from '../api/ledger.ts';
import type { NeedOf } from './approval.ts';
import { wait, type Decision } from './decision.ts';
import { recordedDuration } from './duration.ts';
import type { Situation } from './form.ts';
import type { Book, SpentAct } from './ledger.ts';
import { responseOf } from './merge.ts';
import { PAUSE_CHECK_MS } from './pause.ts';
import { restingPhase } from './decided.ts';
import { topWorkload } from './top-workload.ts';

/** Limits for one node, or for the cluster; settings of the installation. */
export interface PlaceLimits {
  /** Pods that may be out of their workloads at a time. */
  quarantined: number;
  /** Pods that may be on their way out at a time. */
  evicting: number;
  /** Evictions within `windowMs`. */
  evictions: number;
  windowMs: number;
}

/** What the installation allows, whatever policies say. */
export interface InstallationLimits {
  node: PlaceLimits;
  cluster: PlaceLimits;
}

/**
 * How the incident of an act is: its pod is on its way out, or that is over. Kept: only others can end it, as a finalizer or
 * a node that is silent keeps the pod; whoever makes a pod can put a finalizer on.
 */
export type Course = 'Leaving' | 'Kept' | 'Over';

/** What is known of what was spent; the pod of the incident itself is in none of it. */
export interface Spent {
  limits: InstallationLimits;
  /** Acts on other pods, oldest first; a text: why the ledger cannot be used. */
  acts: Book['acts'] | string;
  /** How their incidents are, by UID; absent: nothing is known. */
  courses: ReadonlyMap<string, Course>;
  /** Set if the ledger takes no more: when it will, in milliseconds since the epoch. */
  fullUntil?: number | undefined;
  /** Set while the circuit breaker is open. */
  breaker?: OpenBreaker | undefined;
  /** Other pods that are out of their workloads. */
  takenOut: { node: number; cluster: number };
}

/** A circuit breaker that is open. */
export interface OpenBreaker {
  /** For people. */
  message: string;
  /** When it closes by itself, in milliseconds since the epoch. */
  until: number;
}

/** What keeps an act from being done now. */
export interface Held {
  reason: HoldReason;
  /** For people, with numbers. */
  message: string;
  /** Milliseconds since the epoch; absent: time alone does not end it. */
  until?: number;
}

/** A recovery counts no longer for other workloads, in milliseconds: more than a node and a slow start take. */
const LONGEST_FOR_OTHERS_MS = 900_000;

/** Acts by which a pod goes. */
const DEPARTURES: ReadonlySet<ActName> = new Set(['Evict', 'Delete', 'Contain']);

/** The gate of the eviction. */
export function spending(now: Situation): Decision | undefined {
  const held = now.facts.spent && spentLimit(now, now.facts.spent);
  return held && wait(restingPhase(now.incident, now.pod), held.reason, held.message, held.until);
}

/** A gate of the eviction: the circuit breaker is open. */
export function breakerOpen({ incident, facts, pod }: Situation): Decision | undefined {
  const held = facts.spent?.breaker && openHeld(facts.spent.breaker, facts.now);
  return held && wait(restingPhase(incident, pod), held.reason, held.message, held.until);
}

function openHeld({ message, until }: OpenBreaker, now: number): Held {
  return { reason: 'BreakerOpen', message, until: Math.min(until, now + PAUSE_CHECK_MS) };
}

/** What holds every destructive act, also one that no limit counts. */
export function ledgerHolds({ acts, breaker, fullUntil }: Spent, now: number): Held | undefined {
  if (typeof acts === 'string')
    return { reason: 'LedgerUnreadable', message: acts, until: now + PAUSE_CHECK_MS };
  if (breaker) return openHeld(breaker, now);
  if (fullUntil === undefined) return undefined;
  const message = `the ledger of destructive acts is full, and none of it is forgotten before its time: the first entry ends ${text(fullUntil)}`;
  return { reason: 'LedgerFull', message, until: fullUntil };
}

/** The first limit that leaves no room for the eviction of the pod; undefined: all do. */
export function spentLimit(now: Situation, spent: Spent): Held | undefined {
  return ledgerHolds(spent, now.facts.now) ?? firstLimit(now, spent, spent.acts as Book['acts']);
}

function firstLimit(now: Situation, spent: Spent, all: Book['acts']): Held | undefined {
  const { namespace, nodeName: node } = now.incident.spec.target;
  const { perNamespace, perWorkload, cooldown } = now.response.settings.limits;
  const { cluster, node: ofNode } = spent.limits;
  const acts = all.filter(({ act }) => DEPARTURES.has(act));
  const onNode = node === undefined ? [] : acts.filter((act) => act.node === node);
  const inNamespace = acts.filter((act) => act.namespace === namespace);
  const key = workloadOf(now.incident);
  const ofWorkload = acts.filter(({ workload }) => workload === key);
  const leaving = (some: readonly SpentAct[]) => some.filter((act) => isLeaving(now, spent, act));
  // What a tenant keeps for ever counts for its own workload only: it must not stop what is done to others.
  // Nor what it has wait for hours, by a `readyWithin` of its own or a copy that cannot be made.
  const going = (some: readonly SpentAct[]) =>
    leaving(some).filter(
      ({ incident, at }) =>
        spent.courses.get(incident) !== 'Kept' && at > now.facts.now - LONGEST_FOR_OTHERS_MS,
    );
  const windowMs = recordedDuration(perNamespace.window);
  const { now: at } = now.facts;
  return (
    window(at, acts, cluster, ['ClusterLimit', 'of the cluster', '--cluster-evictions']) ??
    busy(at, going(acts), cluster.evicting, ['ClusterLimit', 'of the cluster', '--cluster-evicting']) ??
    window(at, onNode, ofNode, ['NodeLimit', `on node ${node}`, '--node-evictions']) ??
    busy(at, going(onNode), ofNode.evicting, ['NodeLimit', `on node ${node}`, '--node-evicting']) ??
    window(at, inNamespace, { ...perNamespace, windowMs }, [
      'NamespaceLimit',
      `of namespace ${namespace}`,
      'limits.perNamespace.evictions',
    ]) ??
    busy(at, leaving(ofWorkload), perWorkload.evicting, [
      'WorkloadBusy',
      'of the workload',
      'limits.perWorkload.evicting',
    ]) ??
    coolsDown(at, ofWorkload, cooldown)
  );
}

type Words = readonly [reason: HoldReason, where: string, setting: string];

function window(
  now: number,
  acts: readonly SpentAct[],
  { evictions, windowMs }: Pick<PlaceLimits, 'evictions' | 'windowMs'>,
  [reason, where, setting]: Words,
): Held | undefined {
  const recent = perPod(acts.filter(({ at }) => at > now - windowMs));
  if (recent.length < evictions) return undefined;
  const message = `${recent.length} pods ${where} were evicted within ${windowMs / 1000} s, and ${setting} is ${evictions}`;
  // There is room once so many have left the window that fewer than allowed are in it.
  const last = evictions === 0 ? undefined : recent[recent.length - evictions];
  if (!last) return { reason, message };
  const until = last.at + windowMs;
  return { reason, message: `${message}; there is room again at ${text(until)}`, until };
}

// The text stays the same as long as the numbers do: a text that tells the time would be written again and again.
function busy(
  now: number,
  acts: readonly SpentAct[],
  evicting: number,
  [reason, where, setting]: Words,
): Held | undefined {
  const leaving = perPod(acts).length;
  if (leaving < evicting) return undefined;
  if (evicting === 0) return { reason, message: `${setting} is 0: no pod is evicted` };
  const message = `${leaving} pods ${where} are on their way out, or their replacements are not proven yet, and ${setting} is ${evicting}`;
  return { reason, message, until: now + PAUSE_CHECK_MS };
}

function coolsDown(now: number, acts: readonly SpentAct[], cooldown: string): Held | undefined {
  const last = acts.at(-1);
  const coolMs = recordedDuration(cooldown);
  const until = last && last.at + coolMs;
  // After a clock was set back the last eviction lies ahead: nobody waits for that alone.
  if (coolMs === 0 || until === undefined || until <= now) return undefined;
  const message = `the last eviction of the workload was at ${text(last?.at ?? now)}, and limits.cooldown is ${cooldown}: until ${text(until)}`;
  return { reason: 'Cooldown', message, until };
}

// What is lost of (its incident was deleted, nobody proved anything) counts as long as a recovery may take.
function isLeaving({ facts, response }: Situation, { courses }: Spent, act: SpentAct): boolean {
  const course = courses.get(act.incident);
  if (course) return course !== 'Over';
  const { gracePeriodSeconds, replacement } = response.settings.eviction;
  const mayTake =
    gracePeriodSeconds * 1000 +
    recordedDuration(replacement.readyWithin) +
    recordedDuration(replacement.quietFor);
  return act.at > facts.now - mayTake;
}

/** Why a person is asked before one more pod of the workload goes; undefined: nobody has to be. */
export function recurrenceNeed(
  incident: DriftIncident,
  spent: Spent,
  now: number,
): NeedOf<'Recurrence'> | undefined {
  if (typeof spent.acts === 'string') return undefined;
  const { recurrences, recurrenceWindow } = responseOf(incident).settings.limits.perWorkload;
  const workload = workloadOf(incident);
  const since = now - recordedDuration(recurrenceWindow);
  const recent = perPod(
    spent.acts.filter((act) => DEPARTURES.has(act.act) && act.workload === workload && act.at > since),
  );
  if (recent.length < recurrences) return undefined;
  const again = `${recent.length} pods of the workload were evicted within ${recurrenceWindow}, and it drifted again: find out why before the next one goes`;
  const message = `limits.perWorkload.recurrences is ${recurrences}${recent.length === 0 ? '' : `, ${again}`}`;
  return { need: 'Recurrence', message };
}

/** Why the pod may not be taken out of its workload; undefined: it may, as far as the installation is concerned. */
export function orphanHeld({ takenOut, limits, ...rest }: Spent, now: number): Held | undefined {
  const all = ledgerHolds({ takenOut, limits, ...rest }, now);
  if (all) return all;
  const { node, cluster } = limits;
  if (takenOut.cluster >= cluster.quarantined)
    return {
      reason: 'ClusterLimit',
      message: `${takenOut.cluster} other pods of the cluster are in quarantine, and --cluster-quarantined is ${cluster.quarantined}`,
    };
  if (takenOut.node >= node.quarantined)
    return {
      reason: 'NodeLimit',
      message: `${takenOut.node} other pods of its node are in quarantine, and --node-quarantined is ${node.quarantined}`,
    };
  return undefined;
}

/** The plan of a pod that is not taken out for that, in a sentence for people. */
export function gently({ message }: Held): string {
  const first = message.slice(0, 1).toUpperCase();
  return `${first}${message.slice(1)}. It is isolated gently: a label is added, nothing is taken away.`;
}

/** Key of the top-level workload of the incident's pod. */
export function workloadOf({ spec: { target } }: DriftIncident): string {
  return topWorkload(target).key;
}

// A pod counts once, with its last act.
function perPod(acts: readonly SpentAct[]): SpentAct[] {
  return [...new Map(acts.map((act) => [act.pod, act])).values()].toSorted((a, b) => a.at - b.at);
}

function text(at: number): string {
  return new Date(at).toISOString();
}
