// The step Confirm: looks for a program that the alerts are about, and notes what was found out.
import type { DriftIncident, DriftIncidentStatus } from '../api/incident.ts';
import { foundByComparison, nextSuspect, suspectKey, type Suspect } from '../decide/confirm.ts';
import { stepOf } from '../decide/marks.ts';
import { timestamp } from '../kube/clock.ts';
import { confirm, type Confirmation } from '../respond/confirm.ts';
import { announceStep } from './announce.ts';
import type { Live } from './facts.ts';
import type { ReconcileContext } from './reconcile.ts';
import type { IncidentRecord } from './record.ts';
import { withStatus, withStep } from './status.ts';

/** Characters that a record has room for: the API server takes no longer one, whatever is in it. */
const MAX_MESSAGE = 1024;
/** What could not be looked for is tried again soon, then slowly, in milliseconds. */
const SOON_TRIES = 3;
const SOON_MS = 15_000;
const SLOW_MS = 300_000;

/** Looks for the next program. @throws what the API server could not do. */
export async function doConfirm(
  context: ReconcileContext,
  record: IncidentRecord,
  { pod }: Live,
): Promise<void> {
  if (!pod) return;
  const compared = foundByComparison(record.current);
  if (compared) {
    const message = `a comparison of the pod with its images found ${JSON.stringify(compared.path)} added or changed in container ${compared.container}, at ${compared.at}`;
    const found = { state: 'Confirmed', message } as const;
    record.current = noteConfirmation(record.current, compared, found, context.clock.now());
    announceStep(context, record.current, 'Confirm');
    return;
  }
  const suspect = nextSuspect(record.current);
  if (!suspect) {
    record.current = noteConfirmation(record.current, undefined, NO_SUSPECT, context.clock.now());
    return;
  }
  const message = `looking on the node for ${JSON.stringify(suspect.path)}`;
  const change = { name: 'Confirm', state: 'Running', reason: 'Running', message, tried: true } as const;
  record.current = withStep(record.current, change, timestamp(context.clock));
  await record.write();
  const found = await confirm(context, record.current, pod, suspect);
  // People may have decided meanwhile, and alerts may have come.
  await record.refresh();
  record.current = noteConfirmation(record.current, suspect, found, context.clock.now());
  announceStep(context, record.current, 'Confirm');
}

const NO_SUSPECT: Confirmation = {
  state: 'Unknown',
  message:
    'no alert told the whole path of a program in a container that is known. Look at the pod; release the incident, or delete the pod',
};

/** The incident with what was found out. @param nowMs milliseconds since the epoch. */
export function noteConfirmation(
  incident: DriftIncident,
  suspect: Suspect | undefined,
  found: Confirmation,
  nowMs: number,
): DriftIncident {
  const { state, message } = found;
  const now = new Date(nowMs).toISOString();
  const isOpen = state === 'Unknown' && suspect !== undefined;
  const { attempts = 0 } = stepOf(incident, 'Confirm') ?? {};
  const change = {
    name: 'Confirm',
    state: isOpen ? 'Waiting' : 'Succeeded',
    reason: state,
    message,
    tried: false,
    ...(isOpen && { nextAttemptAt: nowMs + (attempts < SOON_TRIES ? SOON_MS : SLOW_MS) }),
  } as const;
  const looked = lookedFor(incident, suspect, state);
  const confirmation = {
    ...confirmationOf(suspect, found, now),
    ...(looked.length > 0 && { looked }),
  };
  return withStep(withStatus(incident, { confirmation }), change, now);
}

function confirmationOf(
  suspect: Suspect | undefined,
  { state, kind, message }: Confirmation,
  at: string,
): NonNullable<DriftIncidentStatus['confirmation']> {
  const about = suspect && { path: suspect.path, container: suspect.container };
  // A path can be as long as the record has room for.
  return { state, ...about, ...(kind && { kind }), at, message: message.slice(0, MAX_MESSAGE) };
}

/** What was looked for in vain, also before. */
function lookedFor(
  { status }: DriftIncident,
  suspect: Suspect | undefined,
  state: Confirmation['state'],
): string[] {
  const looked = status?.confirmation?.looked ?? [];
  return state === 'NotConfirmed' && suspect ? [...looked, suspectKey(suspect)] : looked;
}
