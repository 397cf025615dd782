// The entry in the ledger before an act: what was decided is decided once more, by what is entered at that moment.
import type { ActName } from '../api/ledger.ts';
import type { IsolationForm } from '../api/incident.ts';
import type { StepName } from '../api/incident.ts';
import type { Decision } from '../decide/decision.ts';
import { plan } from '../decide/plan.ts';
import { factsOf, type Live } from './facts.ts';
import type { ReconcileContext } from './reconcile.ts';
import type { IncidentRecord } from './record.ts';

/** A form of isolation, and why it is another one than was decided. */
export interface EnteredForm {
  form: IsolationForm;
  note?: string;
}

/** Enters an act by which the pod goes. Returns whether it may be carried out; if not, the next pass tells why. */
export async function entered(
  context: ReconcileContext,
  record: IncidentRecord,
  { act, step }: { act: ActName; step: StepName },
  live: Live,
): Promise<boolean> {
  const stillWanted = () => isStill(planned(context, record, live), step);
  return context.spending.enter(act, record.current, stillWanted);
}

/**
 * Enters that the pod is taken out of its workload, where that is the form. A ledger that is slow or fought over delays no
 * isolation: the gentle form takes nothing away. Undefined: something else is to be done by now.
 */
export async function enteredForm(
  context: ReconcileContext,
  record: IncidentRecord,
  form: IsolationForm,
  live: Live,
): Promise<EnteredForm | undefined> {
  if (form !== 'Orphan' || record.current.status?.isolation?.form === 'Orphan') return { form };
  const stillWanted = () => {
    const decision = planned(context, record, live);
    return (
      isStill(decision, 'Isolate') && decision.work.step === 'Isolate' && decision.work.form === 'Orphan'
    );
  };
  const result = await context.spending.enterSoon(record.current, stillWanted);
  if (result === 'Entered') return { form };
  if (result === 'Changed' && !stillWanted()) return undefined;
  const note =
    'It is isolated gently, as the ledger of destructive acts did not take the entry in time: a label is added, nothing is taken away.';
  return { form: 'Gentle', note };
}

function planned(context: ReconcileContext, record: IncidentRecord, live: Live): Decision {
  return plan(record.current, factsOf(context, record.current, live));
}

function isStill(decision: Decision, step: StepName): decision is Decision & { kind: 'Run' } {
  return decision.kind === 'Run' && decision.work.step === step;
}
