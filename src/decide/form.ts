// How the pod is taken out of its workload, and the whole plan in words.
import type { DriftIncident, DriftIncidentStatus, IsolationForm, StepName } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Action, Mode } from '../api/policy.ts';
import { bringsCut } from './cut.ts';
import type { Facts } from './decision.ts';
import { limitForm } from './limits.ts';
import { looksOrphaned, quarantinedByUs } from './marks.ts';
import { actionsOf, responseOf, type EffectiveActions, type MergedResponse } from './merge.ts';
import { evictable, formFor, type PodForm } from './owners.ts';

/** The plan in words and steps, recorded for people. */
export type Outline = NonNullable<DriftIncidentStatus['plan']>;

/** An incident with a pod that is there, and what its policies ask for now. */
export interface Situation {
  incident: DriftIncident;
  facts: Facts;
  pod: PodFacts;
  response: MergedResponse;
  actions: EffectiveActions;
}

/** The whole plan as far as it can be told now: what an Audit policy records and an Enforce policy follows. */
export function outline(incident: DriftIncident, facts: Facts): Outline {
  const response = responseOf(incident);
  const actions = actionsOf(incident, facts.standing);
  const mode: Mode = actions.enforce.length > 0 || actions.ifConfirmed ? 'Enforce' : 'Audit';
  const planned = mode === 'Enforce' ? actions.enforce : actions.audit;
  const steps = stepsOf(planned, bringsCut(incident, facts.pod, planned), actions.ifConfirmed !== undefined);
  const recorded = incident.status?.plan;
  // What was told to people stays as told unless what is done changes: the facts behind it move on.
  if (recorded?.mode === mode && recorded.steps.join() === steps.join()) return recorded;
  const chosen = facts.pod && chooseForm({ incident, facts, pod: facts.pod, response, actions }, planned);
  const message = [
    ...notes({ incident, facts, mode, planned, actions }),
    ...(chosen ? [chosen.message] : []),
  ].join(' ');
  return { mode, steps, ...(chosen && { form: chosen.form }), message, ...bystandersOf(recorded, facts) };
}

// As they were at the first look: later ones may be replacements.
function bystandersOf(recorded: Outline | undefined, facts: Facts): Pick<Outline, 'bystanders'> {
  const bystanders = recorded ? recorded.bystanders : facts.bystanders;
  return bystanders && bystanders.length > 0 ? { bystanders: [...bystanders] } : {};
}

interface Noted {
  incident: DriftIncident;
  facts: Facts;
  mode: Mode;
  planned: readonly Action[];
  actions: EffectiveActions;
}

function notes({ incident, facts: { pod }, mode, planned, actions }: Noted): string[] {
  const { audit, ifConfirmed = [] } = actions;
  const all: [boolean, string][] = [
    [
      mode === 'Audit',
      incident.spec.trigger.recordedOnly ?? 'No policy in Enforce asks for an action: nothing is touched.',
    ],
    [ifConfirmed.length > 0, `Only once the drift is confirmed: ${ifConfirmed.join(', ')}.`],
    [mode === 'Enforce' && audit.length > 0, `Only audited: ${audit.join(', ')}.`],
    [
      planned.includes('Evict') && pod !== undefined && !evictable(incident.spec.target, pod).ok,
      'The eviction will wait for a person: the pod has ended, or nothing would replace it.',
    ],
  ];
  return all.flatMap(([applies, note]) => (applies ? [note] : []));
}

/** The form that the actions ask for, within owner and limits; undefined if they ask for none. */
export function chooseForm(
  { incident, facts, pod, response }: Situation,
  actions: readonly Action[],
): { form: IsolationForm; message: string } | undefined {
  const isolates = actions.includes('Isolate');
  if (!isolates && !actions.includes('Label')) return undefined;
  // A pod that is quarantined keeps the form it has: neither a limit nor a policy that asks for less can put an orphan back
  // into its set.
  const taken = isolates ? takenForm(incident, pod) : recordedForm(incident, pod);
  if (taken) return { form: taken, message: 'The pod stays in the form that it was isolated in.' };
  if (!isolates) return { form: 'LabelOnly', message: 'The pod is labelled with the severity.' };
  const byOwner = formFor(incident.spec.target, pod);
  const limited = limitForm({
    form: byOwner.form,
    reason: byOwner.reason,
    settings: response.settings.limits,
    workload: facts.workload,
    namespace: facts.namespace,
  });
  return { form: limited.form, message: limited.message ?? byOwner.message };
}

// As recorded, or as the pod shows it where the record was lost.
function takenForm(incident: DriftIncident, pod: PodFacts): PodForm | undefined {
  if (!quarantinedByUs(incident, pod)) return undefined;
  return recordedForm(incident, pod) ?? (looksOrphaned(incident, pod) ? 'Orphan' : 'Gentle');
}

function recordedForm(incident: DriftIncident, pod: PodFacts): PodForm | undefined {
  const recorded = incident.status?.isolation?.form;
  return recorded !== 'LabelOnly' && quarantinedByUs(incident, pod) ? recorded : undefined;
}

function stepsOf(actions: readonly Action[], cut: boolean, confirm: boolean): StepName[] {
  const steps: StepName[] = [];
  if (actions.includes('Isolate')) steps.push('Isolate');
  else if (actions.includes('Label')) steps.push('Label');
  if (cut) steps.push('Cut');
  if (actions.includes('Capture')) steps.push('Capture');
  if (confirm) steps.push('Confirm');
  if (actions.includes('Evict')) steps.push('Evict', 'Verify');
  return steps;
}
