// One run for one incident: load, plan, do one step, record, and again until there is something to wait for.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import { sharedNode } from '../api/shared-node.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { Decision, Facts } from '../decide/decision.ts';
import { plan } from '../decide/plan.ts';
import { timestamp } from '../kube/clock.ts';
import { isNotFound, isTestFailure } from '../kube/errors.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { RespondContext } from '../respond/context.ts';
import { announceEnd, announceIsolation, announceSharedNode, announceWait } from './announce.ts';
import { noteSeen, wasDecidedSince } from './decided.ts';
import { describe } from './describe.ts';
import { announceCapture } from './capture-step.ts';
import { execute } from './execute.ts';
import { faultOf } from './fault.ts';
import { factsOf, hasFinalizer, readLive, type FactSources, type Live } from './facts.ts';
import { judged } from './isolation.ts';
import { noteSharedNode } from './notes.ts';
import { networkViewOf, type Network } from './network.ts';
import type { QuarantineLists } from './quarantine-lists.ts';
import { IncidentRecord } from './record.ts';
import type { Spending } from './spend.ts';

/** What the reconciler works with. */
export interface ReconcileContext extends RespondContext, FactSources {
  metrics: Metrics;
  quarantineLists: Pick<QuarantineLists, 'enter'>;
  spending: Spending;
  network: Network;
}

// A response has seven steps; a run that is not at rest after so many passes races with somebody, and steps back.
const MAX_PASSES = 16;
const RACE_MS = 1_000;
// A run takes some milliseconds, unless evidence is read or the API server hardly answers: then people may have decided
// meanwhile, and what was read before is too old to act on.
const STALE_MS = 2_000;
// Nothing is expected to change without an event; this is the net below the watches.
const RESYNC_MS = 600_000;

/**
 * Brings one incident one wait further.
 * @param key `namespace/name` of the incident.
 * @returns done when only an event can change something, requeue when time can.
 * @throws KubeError and whatever a step cannot handle; the queue tries again with backoff.
 */
export async function reconcile(context: ReconcileContext, key: string): Promise<Outcome> {
  const incident = await load(context, key);
  if (!incident || faultOf(incident) !== undefined) return { kind: 'done' };
  const record = new IncidentRecord(context.client, incident);
  const run: Run = { context, record, isolated: false, readAt: context.clock.elapsed() };
  try {
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const outcome = await onePass(run);
      if (outcome) return outcome;
    }
    return { kind: 'requeue', afterMs: RACE_MS, reason: 'NoRest' };
  } catch (error) {
    // The incident went away, or another one has its name, or a late write of ours came in between: look again.
    if (isNotFound(error) || isTestFailure(error))
      return { kind: 'requeue', afterMs: RACE_MS, reason: 'Changed' };
    throw error;
  }
}

interface Run {
  context: ReconcileContext;
  record: IncidentRecord;
  /** The pod was isolated in this run. */
  isolated: boolean;
  /** When the incident was last read for its own sake, by `Clock.elapsed`. */
  readAt: number;
}

async function load({ client }: ReconcileContext, key: string): Promise<DriftIncident | undefined> {
  const [namespace = '', name = ''] = key.split('/');
  try {
    return await client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function onePass(run: Run): Promise<Outcome | undefined> {
  const { context, record } = run;
  // The caches stand still from here on, and another one is to take over.
  if (context.stopping.aborted) return { kind: 'requeue', afterMs: 0, reason: 'Stopping' };
  if (isFinal(record.current) && !hasFinalizer(record.current)) return settle(context, record.current);
  const live = await readLive(context, record.current);
  if (await wasDecided(run)) return undefined;
  record.current = noteSeen(record.current, timestamp(context.clock));
  const facts = factsOf(context, record.current, live);
  const decision = plan(record.current, facts);
  // An eviction that was asked for did nothing: its room is free for others.
  if (facts.pod && facts.pod.deletionTimestamp === undefined)
    context.reservations.stays(record.current.metadata.uid);
  record.current = describe(record.current, decision, facts, timestamp(context.clock));
  if (decision.kind !== 'Forget') lookAtNode(context, record, live);
  const until = judge(context, record, decision, facts);
  switch (decision.kind) {
    case 'Run':
      return step(run, decision, live);
    case 'Wait':
      return rest(context, record, soonerOf(decision, until), facts);
    case 'Done':
      return finish(context, record, decision, facts);
    case 'Forget':
      await record.removeFinalizer();
      return settle(context, record.current);
  }
}

/** Notes that the pod shares its node, and says so once. */
function lookAtNode(context: ReconcileContext, record: IncidentRecord, { pod }: Live): void {
  const shared = pod && sharedNode(pod);
  if (!shared) return;
  const before = findCondition(record.current.status?.conditions, INCIDENT_CONDITIONS.NodeSuspect);
  if (before?.message === shared.message) return;
  record.current = noteSharedNode(record.current, shared, timestamp(context.clock));
  if (!before) announceSharedNode(context, record.current, shared);
}

/** Notes how far the pod is isolated. Returns when time alone can change that. */
function judge(
  context: ReconcileContext,
  record: IncidentRecord,
  { kind }: Decision,
  { pod, now, passesFirewall }: Facts,
): number | undefined {
  // What was last true of an incident that ends was noted with its end.
  if (kind === 'Done' || kind === 'Forget') return undefined;
  const viewOf = (one: PodFacts) => ({
    ...networkViewOf(context.network, context.caches, one),
    ...(passesFirewall !== undefined && { passesFirewall }),
  });
  const result = judged(record.current, pod, viewOf, now);
  record.current = result.incident;
  // With the namespace go its policies, and no Event can be made in it any more.
  const { namespace } = record.current.spec.target;
  const ends = context.caches.namespaces.get(undefined, namespace)?.terminating ?? false;
  if (result.worse && !ends) announceIsolation(context, record.current, result.worse);
  return result.until;
}

function soonerOf(decision: Decision & { kind: 'Wait' }, until: number | undefined): typeof decision {
  return until === undefined ? decision : { ...decision, until: Math.min(until, decision.until ?? Infinity) };
}

/** Whether people decided since the incident was read, if that is long ago: what is looked at depends on it. */
async function wasDecided(run: Run): Promise<boolean> {
  const { context, record } = run;
  const now = context.clock.elapsed();
  if (now - run.readAt <= STALE_MS) return false;
  const before = record.current;
  await record.refresh();
  run.readAt = now;
  return wasDecidedSince(before, record.current);
}

async function step(
  run: Run,
  { work }: Decision & { kind: 'Run' },
  live: Live,
): Promise<Outcome | undefined> {
  const { context, record } = run;
  const { uid } = record.current.metadata;
  if (work.step === 'Capture' && run.isolated) {
    // Evidence takes long; the worker that isolates is for the next pod that waits to be isolated.
    await announceCapture(context, record);
    context.snapshots.queue(uid);
    return { kind: 'requeue', afterMs: 0, reason: work.step, priority: 'normal' };
  }
  if ((work.step === 'Cut' || work.step === 'Confirm') && run.isolated) {
    // As with evidence: it takes seconds.
    await record.write();
    return { kind: 'requeue', afterMs: 0, reason: work.step, priority: 'normal' };
  }
  // From here to the patch nothing else may count on the same room under the limits.
  if (work.step === 'Isolate' && work.form === 'Orphan') context.reservations.take(uid);
  if (work.step === 'Evict' && work.refusal === undefined) context.reservations.evict(uid);
  run.isolated ||= work.step === 'Isolate';
  await execute(context, record, work, live);
  return undefined;
}

async function rest(
  context: ReconcileContext,
  record: IncidentRecord,
  { phase, reason, message, until }: Decision & { kind: 'Wait' },
  { replacement }: Facts,
): Promise<Outcome> {
  if (replacement) context.reservations.claim(replacement.pod.uid, record.current.metadata.uid);
  announceWait(context, record, { kind: 'Wait', phase, reason, message });
  // The pod is as it was: whatever an isolation without an answer was about to take, it did not.
  if (phase === 'Observed') context.reservations.forget(record.current.metadata.uid);
  await record.write();
  const afterMs = Math.max(0, (until ?? Infinity) - context.clock.now());
  return { kind: 'requeue', afterMs: Math.min(afterMs, RESYNC_MS), reason, priority: 'normal' };
}

async function finish(
  context: ReconcileContext,
  record: IncidentRecord,
  decision: Decision & { kind: 'Done' },
  { replacement }: Facts,
): Promise<undefined> {
  if (replacement) context.reservations.claim(replacement.pod.uid, record.current.metadata.uid);
  await record.write();
  announceEnd(context, record.current, decision);
  context.metrics.ended(decision.phase);
  await record.removeFinalizer();
}

function settle({ reservations, snapshots }: ReconcileContext, incident: DriftIncident): Outcome {
  reservations.forget(incident.metadata.uid);
  snapshots.forget(incident.metadata.uid);
  return { kind: 'done' };
}
