// How the pod is taken out of its workload, and the whole plan in words.
import type { DriftIncident, DriftIncidentStatus, IsolationForm, Need, StepName } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Action, Mode } from '../api/policy.ts';
import { approvalNeeds, isolationNeeds, otherNeeds } from './approval.ts';
import { foreseen, unspared } from './availability.ts';
import { bringsCut } from './cut.ts';
import { isKept } from './decided.ts';
import type { Facts } from './decision.ts';
import { limitForm } from './limits.ts';
import { looksOrphaned, quarantinedByUs } from './marks.ts';
import { actionsOf, responseOf, type EffectiveActions, type MergedResponse } from './merge.ts';
import { evictable, formFor, type PodForm } from './owners.ts';
import { gently, orphanHeld } from './spending.ts';
import { planHash } from './plan-hash.ts';
import { endsInEviction, makesAnew } from './restart.ts';
import { isGoing } from './terminating.ts';
import { weakIdentity } from './weak-identity.ts';

/** Characters that a record has room for: the API server takes no longer one, whatever is in it. */
const MAX_MESSAGE = 1024;

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

/** The situation of an incident whose pod is there. */
export function situationOf(incident: DriftIncident, facts: Facts, pod: PodFacts): Situation {
  const actions = actionsOf(incident, facts.standing);
  return { incident, facts, pod, response: responseOf(incident), actions };
}

/** The whole plan as far as it can be told now: what an Audit policy records and an Enforce policy follows. */
export function outline(incident: DriftIncident, facts: Facts): Outline {
  const response = responseOf(incident);
  const { hash: _hash, needs: _needs, ...told } = toldOf(incident, facts, response);
  const { mode, steps } = told;
  const { status } = incident;
  const isIsolated = status?.isolation !== undefined && status.isolation.form !== 'LabelOnly';
  const form = isIsolated ? status.isolation?.form : told.form;
  const { pod } = facts;
  const because = otherNeeds({ incident, facts }).map(({ need }) => need);
  const hash = planHash(incident, { mode, steps, form, response, because });
  const needs = pod ? plannedNeeds(situationOf(incident, facts, pod), told) : [];
  return { ...told, hash, ...(needs.length > 0 && { needs }) };
}

/** The hash of the plan as it is now. */
export function currentHash({ incident, facts }: Situation): string | undefined {
  return outline(incident, facts).hash;
}

// Nobody has to approve what is not done.
function plannedNeeds(now: Situation, { mode, steps }: Outline): Need[] {
  const { incident, pod, response } = now;
  if (mode === 'Audit') return [];
  const weak = steps.length > 0 ? (weakIdentity(incident, now.facts.standing)?.need ?? []) : [];
  if (!evictable(incident.spec.target, pod).ok) return [weak].flat();
  const { approval, isolation } = response.settings;
  const isolates = steps.includes('Isolate');
  const evicts = steps.includes('Evict') || (isolates && isolation.onExpiry === 'Evict');
  if (evicts) return approvalNeeds(now);
  const before = isolates && approval.before === 'Isolate' ? isolationNeeds(now) : [];
  return before.map(({ need }): Need => need).concat(weak);
}

function toldOf(incident: DriftIncident, facts: Facts, response: MergedResponse): Outline {
  const actions = actionsOf(incident, facts.standing);
  const mode: Mode = actions.enforce.length > 0 || actions.ifConfirmed ? 'Enforce' : 'Audit';
  const planned = mode === 'Enforce' ? actions.enforce : actions.audit;
  const steps = stepsOf(planned, {
    cut: bringsCut(incident, facts.pod, planned),
    confirm: actions.ifConfirmed !== undefined,
    anew: makesAnew(incident, planned),
  });
  const recorded = incident.status?.plan;
  // What was told to people stays as told unless what is done changes: the facts behind it move on.
  if (recorded?.mode === mode && recorded.steps.join() === steps.join()) return recorded;
  const chosen = facts.pod && chooseForm({ incident, facts, pod: facts.pod, response, actions }, planned);
  const message = [...notes({ incident, facts, mode, planned, actions }), ...(chosen ? [chosen.message] : [])]
    .join(' ')
    .slice(0, MAX_MESSAGE);
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

function notes({
  incident,
  facts: { pod, availability, exemption },
  mode,
  planned,
  actions,
}: Noted): string[] {
  const { audit, ifConfirmed = [] } = actions;
  const all: [boolean, string][] = [
    [exemption !== undefined, exemption ? exempted(exemption) : ''],
    [
      mode === 'Audit',
      incident.spec.trigger.recordedOnly ?? 'No policy in Enforce asks for an action: nothing is touched.',
    ],
    [ifConfirmed.length > 0, `Only once the drift is confirmed: ${ifConfirmed.join(', ')}.`],
    [mode === 'Enforce' && audit.length > 0, `Only audited: ${audit.join(', ')}.`],
    [
      endsInEviction(planned) && pod !== undefined && !evictable(incident.spec.target, pod).ok,
      'The pod is not evicted: it has ended, and only its logs would go.',
    ],
  ];
  const evicts = endsInEviction(planned);
  return [
    ...all.flatMap(([applies, note]) => (applies ? [note] : [])),
    ...(evicts || planned.includes('Isolate') ? foreseen(availability, evicts) : []),
  ];
}

function exempted({ policy, name, reason }: NonNullable<Facts['exemption']>): string {
  return `The settings protect its namespace; exception ${name} of ClusterDriftPolicy ${policy} lets it be touched (${reason}).`;
}

const KEPT_GENTLY =
  'It is isolated gently, as a person holds the incident or denied the eviction: a label is added, nothing is taken away.';

const GOING_GENTLY =
  'It is being deleted, and is isolated gently for as long as it runs: a label is added, nothing is taken away.';

/** The form that the actions ask for, within owner and limits; undefined if they ask for none. */
export function chooseForm(
  now: Situation,
  actions: readonly Action[],
): { form: IsolationForm; message: string } | undefined {
  const { incident, pod } = now;
  const isolates = actions.includes('Isolate');
  if (!isolates && !actions.includes('Label')) return undefined;
  // A pod that is quarantined keeps the form it has: neither a limit nor a policy that asks for less can put an orphan back
  // into its set.
  const taken = isolates ? takenForm(incident, pod) : recordedForm(incident, pod);
  if (taken) return { form: taken, message: 'The pod stays in the form that it was isolated in.' };
  return isolates ? firstForm(now) : { form: 'LabelOnly', message: 'The pod is labelled with the severity.' };
}

function firstForm(now: Situation): { form: IsolationForm; message: string } {
  const { incident, facts, pod, response } = now;
  if (isGoing(pod)) return { form: 'Gentle', message: GOING_GENTLY };
  const byOwner = formFor(incident.spec.target, pod);
  // What a person keeps is not taken out of its workload; the traffic is cut all the same.
  if (isKept(incident) && byOwner.form === 'Orphan') return { form: 'Gentle', message: KEPT_GENTLY };
  const limited = limitForm({
    form: byOwner.form,
    reason: byOwner.reason,
    settings: response.settings.limits,
    workload: facts.workload,
    namespace: facts.namespace,
  });
  const scarce = limited.form === 'Orphan' ? unspared(now) : undefined;
  if (scarce !== undefined) return { form: 'Gentle', message: scarce };
  const held = limited.form === 'Orphan' && facts.spent ? orphanHeld(facts.spent, facts.now) : undefined;
  if (held) return { form: 'Gentle', message: gently(held) };
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

function stepsOf(
  actions: readonly Action[],
  { cut, confirm, anew }: { cut: boolean; confirm: boolean; anew: boolean },
): StepName[] {
  const steps: StepName[] = [];
  if (actions.includes('Isolate')) steps.push('Isolate');
  else if (actions.includes('Label')) steps.push('Label');
  if (cut) steps.push('Cut');
  if (actions.includes('Capture')) steps.push('Capture');
  if (confirm) steps.push('Confirm');
  if (actions.includes('Restart')) steps.push('Keep');
  if (endsInEviction(actions)) steps.push('Evict', ...(anew ? (['Restart'] as const) : []), 'Verify');
  return steps;
}
