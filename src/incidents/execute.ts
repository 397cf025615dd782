// Does one step and notes in the record what became of it. Steps that are not UID-tested patches are written ahead.
import type { DriftIncident, IsolationForm, StepName } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { classify } from '../controller/errors.ts';
import { WaitingError } from '../controller/outcome.ts';
import type { Work } from '../decide/decision.ts';
import { mayBeCut } from '../decide/cut.ts';
import { stepOf } from '../decide/marks.ts';
import { responseOf } from '../decide/merge.ts';
import { timestamp } from '../kube/clock.ts';
import { isUnavailable } from '../kube/errors.ts';
import { beginSnapshot } from '../respond/capture.ts';
import { cut, uncut } from '../respond/cut.ts';
import { evict } from '../respond/evict.ts';
import { isolate } from '../respond/isolate.ts';
import { contain, isRace, release } from '../respond/release.ts';
import { settle, touch } from '../respond/settle.ts';
import { announceExpiry, announceStep } from './announce.ts';
import { captureFailed, capturesNext, doCapture, evidenceIsKept } from './capture-step.ts';
import { doConfirm } from './confirm-step.ts';
import { wasDecidedSince } from './decided.ts';
import type { Live } from './facts.ts';
import { noteAnew, noteBudgetRefusal, noteEvictionAccepted } from './eviction-notes.ts';
import { noteCut, noteCutBegun, noteFailed, noteIsolated, noteUncut } from './notes.ts';
import type { ReconcileContext } from './reconcile.ts';
import type { IncidentRecord } from './record.ts';
import { doKeep, doRestart } from './restart-step.ts';
import { entered, enteredForm } from './spend-step.ts';
import { withStep } from './status.ts';

/** How old what stops an eviction may be when it is asked for, in milliseconds. */
const FRESH_MS = 2_000;
/** How long an eviction waits at least that a disruption budget is against, in milliseconds. */
const BUDGET_MS = 10_000;

/**
 * Runs one step. What failed is noted in the record, for people and for the next decision.
 * @throws after it was noted: what makes a release or containment fail, which the queue tries again.
 */
export async function execute(
  context: ReconcileContext,
  record: IncidentRecord,
  work: Work,
  live: Live,
): Promise<void> {
  const started = context.clock.elapsed();
  const measure = (result: 'Succeeded' | 'Waiting' | 'Failed') =>
    context.metrics.step(work.step, result, (context.clock.elapsed() - started) / 1000);
  try {
    await dispatch(context, record, work, live);
    measure('Succeeded');
  } catch (error) {
    if (context.stopping.aborted) throw error;
    context.log.warn({ incident: record.key, step: work.step, err: error }, `${work.step} did not succeed`);
    record.current = failed(context, record.current, { work, live, error });
    measure(stepOf(record.current, work.step)?.state === 'Waiting' ? 'Waiting' : 'Failed');
    announceStep(context, record.current, work.step);
    if (work.step !== 'Release' && work.step !== 'Contain') return;
    // Nothing comes after these that would write it.
    await record.write();
    throw error;
  }
}

function dispatch(context: ReconcileContext, record: IncidentRecord, work: Work, live: Live): Promise<void> {
  switch (work.step) {
    case 'Label':
    case 'Isolate':
      return doIsolate(context, record, work, live);
    case 'Cut':
      return doCut(context, record, live);
    case 'Capture':
      return doCapture(context, record, live);
    case 'Confirm':
      return doConfirm(context, record, live);
    case 'Keep':
      return doKeep(context, record, live);
    case 'Evict':
      return doEvict(context, record, work, live);
    case 'Restart':
      return doRestart(context, record);
    case 'Touch':
      return doTouch(context, record);
    default:
      return dispatchEnd(context, record, work, live);
  }
}

type End = Work & { step: 'Release' | 'Settle' | 'Contain' };

/** What ends an incident otherwise than by an eviction. */
function dispatchEnd(
  context: ReconcileContext,
  record: IncidentRecord,
  work: End,
  live: Live,
): Promise<void> {
  switch (work.step) {
    case 'Release':
      return doRelease(context, record, live);
    case 'Settle':
      return doSettle(context, record, live, work.atOnce);
    case 'Contain':
      return doContain(context, record, live);
  }
}

async function doIsolate(
  context: ReconcileContext,
  record: IncidentRecord,
  work: Work & { step: 'Label' | 'Isolate' },
  live: Live,
): Promise<void> {
  const { pod } = live;
  if (!pod) return;
  const incident = record.current;
  // An incident that only watched until now may be deleted without us; from here on it must not.
  await record.addFinalizer();
  // The write came back with what people said meanwhile: a pod that is held now is not taken out.
  if (wasDecidedSince(incident, record.current)) return;
  // What the API objects say changes with the patch: it is read beside it, and gates nothing.
  if (capturesNext(context, incident))
    context.snapshots.begin(incident.metadata.uid, () => beginSnapshot(context, incident, pod));
  if (work.form !== 'LabelOnly') await context.quarantineLists.enter(incident.spec.target);
  const chosen = await enteredForm(context, record, work.form, live);
  if (!chosen) return;
  const { severity } = responseOf(incident);
  const result = await isolate(context, incident, pod, { form: chosen.form, severity });
  if (result.kind === 'Gone') return;
  if (result.form !== 'Orphan') context.reservations.forget(incident.metadata.uid);
  measureIsolation(context, incident, result.form);
  // A note says that it came otherwise than was planned.
  const message = [chosen.note ?? work.message, result.note].filter(Boolean).join(' ');
  record.current = noteIsolated(
    record.current,
    { name: work.step, form: result.form, deniedBy: result.deniedBy, message },
    timestamp(context.clock),
  );
  announceStep(context, record.current, work.step);
}

// From the alert to the first isolation.
function measureIsolation(
  { metrics, clock }: ReconcileContext,
  { spec, status }: DriftIncident,
  form: IsolationForm,
): void {
  if (form === 'LabelOnly' || (status?.isolation?.form ?? 'LabelOnly') !== 'LabelOnly') return;
  const since = Date.parse(spec.trigger.detection.receivedAt);
  metrics.isolated((clock.now() - since) / 1000);
}

async function doCut(context: ReconcileContext, record: IncidentRecord, { pod }: Live): Promise<void> {
  if (!pod) return;
  const planned = record.current;
  const begins = async () => {
    record.current = noteCutBegun(record.current, timestamp(context.clock));
    await record.write();
    // The write came back with what people said meanwhile.
    return !wasDecidedSince(planned, record.current);
  };
  const network = await cut(context, record.current, pod, begins);
  // Gone, or not wanted any more: the next pass looks again.
  if (network === undefined) return;
  await record.refresh();
  record.current = noteCut(record.current, network, timestamp(context.clock));
  announceStep(context, record.current, 'Cut');
}

async function doEvict(
  context: ReconcileContext,
  record: IncidentRecord,
  { gracePeriodSeconds, because, orDelete, refusal, anew }: Work & { step: 'Evict' },
  live: Live,
): Promise<void> {
  const { pod } = live;
  if (!pod) return;
  // The API server would go by the status of the budget, which can be out of date.
  if (refusal !== undefined) throw new WaitingError('DisruptionBudget', refusal, BUDGET_MS);
  const planned = record.current;
  const message = askedFor(orDelete === true, because);
  const change = { name: 'Evict', state: 'Running', reason: 'Running', message, tried: true } as const;
  if (because !== undefined && !stepOf(record.current, 'Evict'))
    announceExpiry(context, record.current, because);
  const began = context.clock.elapsed();
  const isLate = () => context.clock.elapsed() - began > FRESH_MS;
  if (!(await evidenceIsKept(context, record))) return;
  if (isLate()) return;
  const now = timestamp(context.clock);
  record.current = noteAnew(withStep(record.current, change, now), anew === true, now);
  await record.write();
  // Pause switch and policies were read before: after a slow write, or a slow store, they are read again, by the next pass.
  if (isLate()) return;
  // The write came back with what people said meanwhile; it is theirs to stop this.
  if (wasDecidedSince(planned, record.current)) return;
  const begins = async (act: 'Evict' | 'Delete') =>
    (await entered(context, record, { act, step: 'Evict' }, live)) && !isLate();
  // Gone or changed: the next pass looks again.
  const result = await evict(context, record.current, pod, { gracePeriodSeconds, orDelete, begins });
  if (result === 'Gone' || result === 'Changed') return;
  const accepted = { by: result.by, ...(result.byVersion && { gracePeriodSeconds }) };
  record.current = noteEvictionAccepted(record.current, accepted, timestamp(context.clock));
  announceStep(context, record.current, 'Evict');
}

function askedFor(orDelete: boolean, because: string | undefined): string {
  const asked = orDelete ? 'evict the pod, or to delete it past its disruption budget' : 'evict the pod';
  return [`asking the API server to ${asked}`, because].filter(Boolean).join(': ');
}

async function doRelease(context: ReconcileContext, record: IncidentRecord, live: Live): Promise<void> {
  if (!live.pod) return;
  if (mayBeCut(record.current)) await doUncut(context, record, live.pod);
  const message = await unlessRaced(release(context, record.current, live.pod));
  if (message === undefined) return;
  context.reservations.forget(record.current.metadata.uid);
  succeeded(context, record, { name: 'Release', reason: 'Released', message });
}

// Before the labels go back: who finds the pod as it was must be able to reach it.
async function doUncut(context: ReconcileContext, record: IncidentRecord, pod: KubeObject): Promise<void> {
  await uncut(context, record.current, pod);
  await record.refresh();
  record.current = noteUncut(record.current);
  await record.write();
}

async function doSettle(
  context: ReconcileContext,
  record: IncidentRecord,
  { pod }: Live,
  atOnce: boolean,
): Promise<void> {
  if (!pod) return;
  const message = await unlessRaced(settle(context, record.current, pod, atOnce));
  if (message !== undefined) succeeded(context, record, { name: 'Settle', reason: 'Settled', message });
}

async function doTouch(context: ReconcileContext, record: IncidentRecord): Promise<void> {
  const message = await unlessRaced(touch(context, record.current));
  if (message !== undefined) succeeded(context, record, { name: 'Touch', reason: 'Touched', message });
}

/** Undefined if the object changed between read and patch: the next pass reads it again. */
async function unlessRaced(done: Promise<string>): Promise<string | undefined> {
  try {
    return await done;
  } catch (error) {
    if (isRace(error)) return undefined;
    throw error;
  }
}

function succeeded(
  context: ReconcileContext,
  record: IncidentRecord,
  step: { name: StepName; reason: string; message: string },
): void {
  const change = { ...step, state: 'Succeeded', tried: true } as const;
  record.current = withStep(record.current, change, timestamp(context.clock));
  announceStep(context, record.current, step.name);
}

async function doContain(context: ReconcileContext, record: IncidentRecord, live: Live): Promise<void> {
  const planned = record.current;
  const began = context.clock.elapsed();
  if (!(await entered(context, record, { act: 'Contain', step: 'Contain' }, live))) return;
  // The entry may have waited, and people or the pause switch may have said something meanwhile.
  await record.refresh();
  if (wasDecidedSince(planned, record.current) || context.clock.elapsed() - began > FRESH_MS) return;
  await contain(context, record.current);
  const message = 'the incident was deleted before it ended, so the quarantined pod was deleted';
  succeeded(context, record, { name: 'Contain', reason: 'IncidentDeleted', message });
}

function failed(
  context: ReconcileContext,
  incident: DriftIncident,
  { work, live, error }: { work: Work; live: Live; error: unknown },
): DriftIncident {
  // Without an answer the pod may be out of its workload all the same: its room stays taken until a later try tells.
  if (work.step === 'Isolate' && !isUnavailable(error)) context.reservations.forget(incident.metadata.uid);
  const classified = classify(error);
  if (work.step === 'Capture') return captureFailed(context, incident, classified, live);
  const now = context.clock.now();
  const refused = work.step === 'Evict' ? noteBudgetRefusal(incident, classified, now) : undefined;
  return refused ?? noteFailed(incident, work.step, classified, now);
}
