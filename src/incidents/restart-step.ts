// Keep and Restart as steps of an incident: done, and noted in its record.
import type { DriftIncident, RestartStatus } from '../api/incident.ts';
import { podFacts } from '../api/pod.ts';
import { WaitingError } from '../controller/outcome.ts';
import { pinCommand } from '../decide/pin.ts';
import { stepOf } from '../decide/marks.ts';
import { timestamp } from '../kube/clock.ts';
import { pinWorkload } from '../respond/pin-workload.ts';
import { canRestart, keepManifest, makeAnew } from '../respond/restart.ts';
import { announceStep } from './announce.ts';
import type { Live } from './facts.ts';
import type { ReconcileContext } from './reconcile.ts';
import type { IncidentRecord } from './record.ts';
import { refreshLists, unapprovedImage } from './replacement.ts';
import { withStatus, withStep, type StepChange } from './status.ts';

/** Lists of images are changed by people, in milliseconds. */
const UNAPPROVED_MS = 300_000;

/** Keeps the manifest of a bare pod, or works out the pin of a workload. @throws WaitingError `RestartUnapproved`; as {@link keepManifest}. */
export async function doKeep(
  context: ReconcileContext,
  record: IncidentRecord,
  { pod }: Live,
): Promise<void> {
  if (!pod) return;
  await refreshLists(context, record.current.spec.target.namespace);
  const refused = unapprovedImage(context, record.current, podFacts(pod));
  if (record.current.spec.target.workload !== undefined) return doPin(context, record, refused);
  if (refused !== undefined)
    throw new WaitingError('RestartUnapproved', `the pod is not restarted: ${refused}`, UNAPPROVED_MS);
  // What was kept stays as it was, whoever changed the pod since, unless it is lost.
  if (!(await canRestart(context, record.current))) {
    const manifest = await keepManifest(context, record.current, pod);
    record.current = withManifest(record.current, { ...manifest, keptAt: timestamp(context.clock) });
  }
  const { revision = '', sha256 = '', leftOut = [] } = record.current.status?.restart?.manifest ?? {};
  const left = leftOut.length > 0 ? `; left out: ${leftOut.join(', ')}` : '';
  const message = `the manifest of the pod is kept in ControllerRevision ${revision}, SHA-256 ${sha256}${left}`;
  note(context, record, { name: 'Keep', state: 'Succeeded', reason: 'ManifestKept', message });
}

function withManifest(
  incident: DriftIncident,
  manifest: NonNullable<RestartStatus['manifest']>,
): DriftIncident {
  return withStatus(incident, { restart: { ...incident.status?.restart, manifest } });
}

async function doPin(
  context: ReconcileContext,
  record: IncidentRecord,
  refused: string | undefined,
): Promise<void> {
  const { metadata, spec } = record.current;
  const pin =
    refused === undefined
      ? await pinWorkload(context, record.current)
      : ({ ok: false, message: refused } as const);
  if (!pin.ok) {
    const message = `there is no pin for the workload: ${pin.message}`;
    note(context, record, { name: 'Keep', state: 'Succeeded', reason: 'NoPin', message });
    return;
  }
  const { ok: _ok, ...told } = pin;
  record.current = withStatus(record.current, { restart: { ...record.current.status?.restart, pin: told } });
  const command = pinCommand(spec.target.namespace, metadata.name, told);
  const message = `the images of ${told.kind} ${told.name} can be pinned to what the pod ran; die-operator does not do it: ${command}`;
  note(context, record, { name: 'Keep', state: 'Succeeded', reason: 'Pinnable', message });
}

/** Makes the pod anew. @throws as {@link makeAnew}. */
export async function doRestart(context: ReconcileContext, record: IncidentRecord): Promise<void> {
  const begun = {
    name: 'Restart',
    state: 'Running',
    reason: 'Running',
    message: 'the pod is made anew',
  } as const;
  record.current = withStep(record.current, { ...begun, tried: true }, timestamp(context.clock));
  await record.write();
  // The write came back with what people said meanwhile.
  if (record.current.spec.decision?.action === 'Release') return;
  const pod = await makeAnew(context, record.current);
  record.current = withStatus(record.current, { restart: { ...record.current.status?.restart, pod } });
  const message = `the pod was made anew from its manifest, with its images pinned by digest: ${pod.name}, UID ${pod.uid}`;
  note(context, record, { name: 'Restart', state: 'Succeeded', reason: 'Restarted', message });
}

function note(context: ReconcileContext, record: IncidentRecord, change: Omit<StepChange, 'tried'>): void {
  // The other one was counted when it was written ahead.
  const tried = change.name === 'Keep';
  const was = stepOf(record.current, change.name);
  record.current = withStep(record.current, { ...change, tried }, timestamp(context.clock));
  const isNew = was?.state !== change.state || was.message !== change.message;
  if (isNew) announceStep(context, record.current, change.name);
}
