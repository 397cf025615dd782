// The step Capture: written ahead, tried again soon, then given up or, where evidence is owed, tried again slowly.
import type { DriftIncident } from '../api/incident.ts';
import type { Classified } from '../controller/errors.ts';
import { WaitingError } from '../controller/outcome.ts';
import { droppedCommands } from '../decide/dropped-commands.ts';
import { captureDeadline, captureRound, evidenceOwed, isSlow, wantsCapture } from '../decide/evidence.ts';
import { stepOf, wasAttempted } from '../decide/marks.ts';
import { actionsOf, responseOf, type EffectiveActions } from '../decide/merge.ts';
import { recordedBytes } from '../decide/quantity.ts';
import { messageOf } from '../evidence/error-message.ts';
import { sleep, timestamp } from '../kube/clock.ts';
import { captureEvidence } from '../respond/capture.ts';
import { announceLostEvidence, announceStep } from './announce.ts';
import { cachedStanding, type Live } from './facts.ts';
import { noteCaptured, noteCaptureGivenUp, noteEvidenceLost, noteEvidenceOwed, noteFailed } from './notes.ts';
import type { ReconcileContext } from './reconcile.ts';
import type { IncidentRecord } from './record.ts';
import { withStep } from './status.ts';

// A process that dies while it captures is tried again so often, then the response goes on without evidence.
const CAPTURE_TRIES = 5;
const CAPTURE_RETRY_MS = 5_000;
const CAPTURE_GIVE_UP_MS = 120_000;

/** How long a store may take to say whether it has evidence, and until it is asked again, in milliseconds. */
const STORE_ANSWER_MS = 10_000;
/** How old such an answer may be when the pod is evicted. */
const STORE_FRESH_MS = 5_000;

/** Captures the evidence and notes what became of it. @throws what the store, or the API server, could not do. */
export async function doCapture(
  context: ReconcileContext,
  record: IncidentRecord,
  live: Live,
): Promise<void> {
  const { uid } = record.current.metadata;
  if (!context.snapshots.takeQueued(uid)) {
    const step = stepOf(record.current, 'Capture');
    if (isExhausted(context, record.current) && !(step && isSlow(step)))
      return void (record.current = givenUp(context, record.current, live));
    await announceCapture(context, record);
  }
  const before = record.current;
  const { evidence: asked } = responseOf(before).settings;
  const begun = context.snapshots.get(uid);
  const summary = await captureEvidence(context, before, {
    pod: live.pod,
    begun,
    deadlineMs: captureDeadline(before),
    exec: [...(asked.exec ?? []), ...droppedCommands(before, rulebookOf(context, before))],
    node:
      asked.collectors.length > 0
        ? {
            collectors: asked.collectors,
            contents: asked.contents,
            maxBytes: recordedBytes(asked.maxBytes),
          }
        : undefined,
  });
  context.snapshots.stored(uid);
  // People may have decided while logs were read: what comes next is planned from what they said.
  await record.refresh();
  const kept = { ...summary, collectors: asked.collectors, round: captureRound(before) };
  record.current = noteCaptured(record.current, kept, timestamp(context.clock));
  announceStep(context, record.current, 'Capture');
  if (evidenceOwed(record.current, askedActions(context, record.current)) !== undefined)
    record.current = noteEvidenceOwed(record.current, undefined, context.clock.now());
}

/** Whether the step comes next by what is known now: then its snapshot begins beside the isolation. */
export function capturesNext(context: ReconcileContext, incident: DriftIncident): boolean {
  return wantsCapture(incident, askedActions(context, incident));
}

/** Writes ahead that evidence is being collected. */
export async function announceCapture(context: ReconcileContext, record: IncidentRecord): Promise<void> {
  const change = {
    name: 'Capture',
    state: 'Running',
    reason: 'Running',
    message: 'collecting evidence',
    tried: true,
  } as const;
  record.current = withStep(record.current, change, timestamp(context.clock));
  await record.write();
}

/** The incident after a capture that failed: evidence is tried again whatever went wrong. */
export function captureFailed(
  context: ReconcileContext,
  incident: DriftIncident,
  error: Classified,
  live: Live,
): DriftIncident {
  const again = { ...error, kind: 'waiting', afterMs: CAPTURE_RETRY_MS } as const;
  const next = noteFailed(incident, 'Capture', again, context.clock.now());
  return isExhausted(context, next) ? givenUp(context, next, live) : next;
}

/**
 * Whether what was captured is still where it was stored; true where an eviction does not depend on it. Lost evidence is
 * noted, and captured once more by the next pass.
 * @throws WaitingError if the store does not say.
 */
export async function evidenceIsKept(context: ReconcileContext, record: IncidentRecord): Promise<boolean> {
  const incident = record.current;
  const { evidence } = incident.status ?? {};
  if (!evidence || !askedActions(context, incident).enforce.includes('Capture')) return true;
  const { clock, snapshots } = context;
  const { uid } = incident.metadata;
  const answered = snapshots.keptAt(uid, evidence.manifestSha256);
  if (answered !== undefined && clock.elapsed() - answered <= STORE_FRESH_MS) return true;
  if (await askStore(context, incident, evidence)) {
    snapshots.noteKept(uid, evidence.manifestSha256, clock.elapsed());
    return true;
  }
  record.current = noteEvidenceLost(incident, timestamp(clock));
  announceLostEvidence(context, record.current);
  return false;
}

async function askStore(
  { clock, evidence: store, stopping }: ReconcileContext,
  incident: DriftIncident,
  evidence: { location: string; manifestSha256: string },
): Promise<boolean> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, stopping]);
  try {
    const answer = await Promise.race([
      store.holds(evidence),
      sleep(clock, STORE_ANSWER_MS, signal).then(() => undefined),
    ]);
    stopping.throwIfAborted();
    if (answer !== undefined) return answer;
    throw new Error(`no answer within ${STORE_ANSWER_MS / 1000} s`);
  } catch (error) {
    stopping.throwIfAborted();
    // What may have been sent before stays known as such.
    const reason = wasAttempted(incident) ? 'EvictionUnclear' : 'EvidenceUnreachable';
    const message = `the pod is not evicted before it is known that its evidence is still at ${evidence.location}: ${messageOf(error)}`;
    throw new WaitingError(reason, message, STORE_ANSWER_MS);
  } finally {
    ended.abort();
  }
}

// Both: a clock alone would give up on the first try after an outage, tries alone would take hours.
function isExhausted({ clock }: ReconcileContext, incident: DriftIncident): boolean {
  const { attempts = 0, startedAt = '' } = stepOf(incident, 'Capture') ?? {};
  const giveUpMs = Math.max(CAPTURE_GIVE_UP_MS, captureDeadline(incident));
  return attempts >= CAPTURE_TRIES && clock.now() + CAPTURE_RETRY_MS >= Date.parse(startedAt) + giveUpMs;
}

// Only a pod that is there can still give evidence.
function givenUp(context: ReconcileContext, incident: DriftIncident, { pod }: Live): DriftIncident {
  const { attempts = 0, message = '' } = stepOf(incident, 'Capture') ?? {};
  const isOwed = pod !== undefined && evidenceOwed(incident, askedActions(context, incident)) !== undefined;
  if (isOwed) return noteEvidenceOwed(incident, message, context.clock.now());
  return noteCaptureGivenUp(
    incident,
    `given up after ${attempts} tries: ${message}`,
    timestamp(context.clock),
  );
}

function rulebookOf({ caches }: ReconcileContext, incident: DriftIncident) {
  return caches.rulebooks.of(incident.spec.target.namespace);
}

function askedActions({ caches }: ReconcileContext, incident: DriftIncident): EffectiveActions {
  return actionsOf(incident, cachedStanding(caches, incident));
}
