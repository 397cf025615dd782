// Which running pod is compared with its images next, and when: in each interval one of each workload, at a time that nothing
// in the pod can know, never two on a node. A new leader goes on with the same times.
import { createHash } from 'node:crypto';
import type { DriftIncident } from '../api/incident.ts';
import { isFinal } from '../api/incident.ts';
import { controllerOf, isQuarantined, type PodFacts } from '../api/pod.ts';
import type { Comparison } from '../api/policy.ts';
import { recordedDuration } from './duration.ts';
import { stepOf } from './marks.ts';
import { responseOf } from './merge.ts';
import type { CompiledPolicy } from './policies.ts';
import { protectionOf, type ProtectionRules } from './protect.ts';

/** What a policy asks for, ready to be used. */
export interface CompiledComparison {
  intervalMs: number;
  /** Patterns. */
  expectedWrites: readonly string[];
}

/** See {@link CompiledComparison}. */
export function compileComparison({ interval, expectedWrites = [] }: Comparison): CompiledComparison {
  return { intervalMs: recordedDuration(interval), expectedWrites };
}

/** A pod that may be compared. */
export interface Candidate {
  namespace: string;
  name: string;
  uid: string;
  node: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** UID of its controller, or its own. */
  workload: string;
  /** The shortest of those that are asked for. */
  intervalMs: number;
  /** Whom its times belong to: UID of the policy with that interval. */
  seed: string;
  /** Patterns of all policies that ask. */
  expectedWrites: readonly string[];
}

const MANY_TRIES = 5;
/** Comparisons at a time in the cluster. */
export const MAX_COMPARISONS = 2;

/**
 * The pod as one that may be compared; undefined if it may not be: it does not run, is in quarantine or protected.
 * @param policies those in force in its namespace that ask for comparisons.
 */
export function candidateOf(
  pod: PodFacts,
  policies: readonly CompiledPolicy[],
  rules: ProtectionRules,
): Candidate | undefined {
  const { namespace, name, uid, nodeName: node, phase, deletionTimestamp } = pod;
  if (node === undefined || phase !== 'Running' || deletionTimestamp !== undefined) return undefined;
  if (isQuarantined(pod) || protectionOf(pod, rules)) return undefined;
  const asking = policies
    .flatMap(({ uid: seed, comparison, matchesPod }) =>
      comparison && matchesPod(pod) ? [{ seed, ...comparison }] : [],
    )
    .toSorted((a, b) => a.intervalMs - b.intervalMs || compare(a.seed, b.seed));
  const [first] = asking;
  if (!first) return undefined;
  const { seed, intervalMs } = first;
  const expectedWrites = [...new Set(asking.flatMap((one) => one.expectedWrites))];
  const workload = controllerOf(pod)?.uid ?? uid;
  const createdAt = Date.parse(pod.createdAt);
  return { namespace, name, uid, node, createdAt, workload, intervalMs, seed, expectedWrites };
}

/** What is known of comparisons. */
export interface ComparisonState {
  /** When this leader began one of a workload, in milliseconds since the epoch. */
  last: ReadonlyMap<string, number>;
  /** Since when it leads: what was due before, the leader before it did. */
  since: number;
  /** Nodes where one is on its way. */
  running: ReadonlySet<string>;
  /** Nodes where a response needs the one capture that a node does at a time. */
  busy: ReadonlySet<string>;
  now: number;
}

/** What to do. */
export interface ComparisonPlan {
  start: Candidate[];
  /** When the next one is due, in milliseconds since the epoch; undefined: none is. Those that wait for a node are due now. */
  next: number | undefined;
}

/** See the file's first line. */
export function planComparisons(pods: readonly Candidate[], state: ComparisonState): ComparisonPlan {
  const workloads = [...Map.groupBy(pods, ({ workload }) => workload).values()].map((group) =>
    turnOf(group, state),
  );
  const later = workloads.map(({ due }) => due).filter((due) => due > state.now);
  const waiting = workloads
    .filter(({ due }) => due <= state.now)
    // Where there are too many to keep up with, the one that waits for the longest time goes first.
    .toSorted((a, b) => a.lastAt - b.lastAt || a.due - b.due || compare(a.key, b.key));
  const taken = new Set([...state.running, ...state.busy]);
  const start: Candidate[] = [];
  for (const turn of waiting) {
    if (state.running.size + start.length >= MAX_COMPARISONS) break;
    const pod = pick(turn, taken);
    if (!pod) continue;
    start.push(pod);
    taken.add(pod.node);
  }
  return { start, next: later.length > 0 ? later.reduce((a, b) => Math.min(a, b)) : undefined };
}

interface Turn {
  key: string;
  pods: readonly Candidate[];
  seed: string;
  slot: number;
  due: number;
  lastAt: number;
}

// Time is cut into slots as long as the interval, which all leaders count in the same way. In each there is one moment for a
// workload, by a hash.
function turnOf(pods: readonly Candidate[], { last, since, now }: ComparisonState): Turn {
  const { workload: key, seed, intervalMs } = pods.reduce((a, b) => (shorter(b, a) ? b : a));
  const slot = Math.floor(now / intervalMs);
  const dueIn = (n: number) => Math.ceil((n + fraction(seed, key, String(n))) * intervalMs);
  const lastAt = last.get(key);
  // A workload that is new has its first turn like one that was there: not all of a rollout at once.
  const known = Math.max(since, Math.min(...pods.map(({ createdAt }) => createdAt)));
  const isDone = lastAt === undefined ? dueIn(slot) < known : lastAt >= slot * intervalMs;
  return { key, pods, seed, slot, due: dueIn(isDone ? slot + 1 : slot), lastAt: lastAt ?? known };
}

function shorter(a: Candidate, b: Candidate): boolean {
  return a.intervalMs < b.intervalMs || (a.intervalMs === b.intervalMs && a.seed < b.seed);
}

/** Another pod of the workload each time, of those whose node is free. */
function pick({ pods, seed, slot }: Turn, taken: ReadonlySet<string>): Candidate | undefined {
  const free = pods.filter(({ node }) => !taken.has(node));
  const rank = new Map(free.map(({ uid }) => [uid, fraction(seed, uid, String(slot))]));
  return free.toSorted((a, b) => (rank.get(a.uid) ?? 0) - (rank.get(b.uid) ?? 0))[0];
}

/** 0 (inclusive) to 1 (exclusive). */
function fraction(...parts: readonly string[]): number {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Whether an incident still needs the node of its pod: its evidence, or a look for a program, goes before any comparison. */
export function needsNode(incident: DriftIncident): boolean {
  if (isFinal(incident)) return false;
  const { contributions, settings } = responseOf(incident);
  const enforced = contributions.filter(({ mode }) => mode === 'Enforce');
  const captures = enforced.some(({ actions }) => actions.includes('Capture'));
  const confirms = enforced.some(({ confirmed }) => confirmed === true);
  return (
    (captures && settings.evidence.collectors.length > 0 && !hasEnded(incident, 'Capture')) ||
    (confirms && !hasEnded(incident, 'Confirm'))
  );
}

function hasEnded(incident: DriftIncident, name: 'Capture' | 'Confirm'): boolean {
  const { state, attempts = 0 } = stepOf(incident, name) ?? {};
  // What was tried in vain is tried again slowly, perhaps for days.
  if (state === 'Waiting') return attempts > MANY_TRIES;
  return state !== undefined && state !== 'Running';
}
