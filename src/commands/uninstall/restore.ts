// Puts one pod back as its incident recorded it, with the patches of the operator; and lets go of an incident.
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podFacts, type PodFacts } from '../../api/pod.ts';
import { TerminalError, WaitingError } from '../../controller/outcome.ts';
import { mayBeCut } from '../../decide/cut.ts';
import { carriesChange, isSettling } from '../../decide/marks.ts';
import type { ListedPod } from '../../decide/quarantine-list.ts';
import { recordOf } from '../../decide/stray.ts';
import { noteUncut } from '../../incidents/notes.ts';
import { IncidentRecord } from '../../incidents/record.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { KubeClient } from '../../kube/client.ts';
import { sleep, type Clock } from '../../kube/clock.ts';
import { isNotFound } from '../../kube/errors.ts';
import { DRIFT_INCIDENTS, PODS } from '../../kube/resources.ts';
import type { Logger } from '../../observe/log.ts';
import { uncut } from '../../respond/cut.ts';
import { unlistQuarantined } from '../../respond/quarantine-list.ts';
import { isRace, release } from '../../respond/release.ts';
import { settle } from '../../respond/settle.ts';
import { decideRelease } from './decide-release.ts';
import { isMarked } from './remains.ts';

/** What it works with. */
export interface RestoreContext {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  stopping: AbortSignal;
  /** Who decides. */
  by: string;
}

/** Incidents that were open on one pod one after the other, and races with other writers. */
const MAX_ROUNDS = 16;
/** How long a ReplicaSet may take to settle, as the operator has it (decide/plan.ts). */
const SETTLE_MS = 10_000;

/**
 * Takes everything of ours off the pod with that UID; another pod of the name is left alone. What was done before by a run
 * that was killed is not done again.
 * @param incidents candidates, of which the record is read anew.
 * @returns for people. @throws TerminalError where nothing tells what the pod was before; KubeError.
 */
export async function restorePod(
  context: RestoreContext,
  target: ListedPod,
  incidents: readonly DriftIncident[],
): Promise<string> {
  const { client } = context;
  const notes: string[] = [];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const pod = await readPod(client, target);
    if (!pod || pod.metadata.deletionTimestamp !== undefined) return 'is gone, or about to be';
    const facts = podFacts(pod);
    const incident = await readRecord(client, facts, incidents);
    if (!isMarked(facts) || !incident) {
      if (isMarked(facts) && notes.length === 0)
        throw new TerminalError('NoRecord', 'no DriftIncident tells any more what the pod was before');
      await unlistQuarantined(client, target);
      return notes.join('; ') || 'nothing of die-operator is left on it';
    }
    const note = await unlessRaced(onePatch(context, incident, pod));
    if (note !== undefined) notes.push(note);
  }
  throw new TerminalError('NoRest', 'something else keeps changing the pod: stop it and run this again');
}

async function onePatch(context: RestoreContext, incident: DriftIncident, pod: KubeObject): Promise<string> {
  const { client, by } = context;
  const decided = await decideRelease(client, incident, by);
  if (isSettling(decided, podFacts(pod))) return settled(context, decided, pod);
  if (mayBeCut(decided)) await openNetwork(context, decided, pod);
  return `DriftIncident ${decided.metadata.name}: ${await release({ client }, decided, pod)}`;
}

async function settled(context: RestoreContext, incident: DriftIncident, pod: KubeObject): Promise<string> {
  const { client, clock } = context;
  const end = clock.elapsed() + SETTLE_MS;
  let current: KubeObject | undefined = pod;
  while (current) {
    try {
      return await settle({ client }, incident, current, clock.elapsed() >= end);
    } catch (error) {
      if (!(error instanceof WaitingError)) throw error;
      await sleep(clock, error.afterMs);
    }
    current = await readPod(client, incident.spec.target);
  }
  return 'the pod is gone';
}

// Before the labels go back, as the operator does it: who finds the pod as it was must be able to reach it.
async function openNetwork(
  context: RestoreContext,
  incident: DriftIncident,
  pod: KubeObject,
): Promise<DriftIncident> {
  await uncut(context, incident, pod);
  const record = new IncidentRecord(context.client, incident);
  await record.refresh();
  record.current = noteUncut(record.current);
  await record.write();
  return record.current;
}

/**
 * Takes our finalizer off, once nothing of the incident is left on its pod.
 * @returns for people. @throws TerminalError `PodNotRestored`; KubeError.
 */
export async function letGo(context: RestoreContext, incident: DriftIncident | undefined): Promise<string> {
  const { client, by } = context;
  let current = incident && (await readIncident(client, incident));
  if (!current) return 'is gone';
  const pod = await readPod(client, current.spec.target);
  if (pod && carriesChange(current, podFacts(pod)))
    throw new TerminalError(
      'PodNotRestored',
      `keeps its finalizer: pod ${pod.metadata.name} is not restored`,
    );
  if (pod) {
    current = await decideRelease(client, current, by);
    if (mayBeCut(current)) current = await openNetwork(context, current, pod);
  }
  await new IncidentRecord(client, current).removeFinalizer();
  return 'its finalizer is taken off';
}

async function readRecord(
  client: KubeClient,
  pod: PodFacts,
  incidents: readonly DriftIncident[],
): Promise<DriftIncident | undefined> {
  const record = recordOf(pod, incidents);
  const current = record && (await readIncident(client, record));
  return current && recordOf(pod, [current]);
}

async function readIncident(
  client: KubeClient,
  { metadata: { namespace = '', name, uid } }: DriftIncident,
): Promise<DriftIncident | undefined> {
  const found = await orAbsent(client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name }));
  return found?.metadata.uid === uid ? found : undefined;
}

async function readPod(
  client: KubeClient,
  { namespace, name, uid }: ListedPod,
): Promise<KubeObject | undefined> {
  const found = await orAbsent(client.get<KubeObject>(PODS, { namespace, name }));
  return found?.metadata.uid === uid ? found : undefined;
}

/** Undefined if the object changed between read and patch, or is gone: the next round reads it again. */
async function unlessRaced(done: Promise<string>): Promise<string | undefined> {
  try {
    return await done;
  } catch (error) {
    if (isRace(error) || isNotFound(error)) return undefined;
    throw error;
  }
}
