// What an incident waits for, in a few words, and the commands that answer it.
import { findCondition, INCIDENT_CONDITIONS } from '../../api/conditions.ts';
import { isFinal, type DriftIncident } from '../../api/incident.ts';
import { isHeld } from '../../decide/decided.ts';
import { mayEvict, senseless, type DecisionAction } from './sense.ts';

/** Where an incident stands. */
export interface Standing {
  /** Empty before the operator wrote anything. */
  phase: string;
  reason: string;
  /** The whole sentence of `Ready`. */
  message: string;
  /** A person has to do something, or it failed. */
  needsPerson: boolean;
  /** A few words; empty: it is over. */
  waitsFor: string;
}

/** A command that answers an incident, and what it does. */
export interface Answer {
  command: string;
  does: string;
}

const TO_APPROVE = 'a person to approve';
/** Reasons whose messages are too long for a table. */
const SHORT: Readonly<Record<string, string>> = {
  AwaitingApproval: TO_APPROVE,
  ApprovalEnding: `${TO_APPROVE}, soon: the time is nearly over`,
  PlanChanged: `${TO_APPROVE} again: the plan changed`,
  ApprovalExpired: 'a person: nobody approved in time',
  EvictionDenied: 'a person to release it: the eviction was denied',
  Held: 'a person to resume it',
  DisruptionBudget: 'a disruption budget',
  BudgetStale: 'a disruption budget',
  EvictionTimeout: 'a person: a disruption budget is against it',
  MultipleDisruptionBudgets: 'a person: two disruption budgets',
  EvidenceMissing: 'a person: its evidence is missing',
  QuarantineExpired: 'a person: its quarantine expired',
  Quarantined: 'a person to release or delete the pod',
  PolicyChanged: 'a person: its policy no longer enforces',
  Paused: 'the pause switch',
  BreakerOpen: 'the circuit breaker',
  Cooldown: 'the cooldown of its workload',
  MaxUnavailable: 'other pods of its workload to be Ready',
  Quiet: 'the replacement to stay quiet',
  AskingRegistry: 'the registry of the replacement',
  PodTerminating: 'the pod to be gone',
  WaitingForReplacement: 'a replacement',
  Recorded: 'nothing: recorded',
  Audit: 'nothing: recorded only',
  Protected: 'nothing: the pod is protected',
};
/** Characters of a message that stand in a table. */
const MAX_WORDS = 72;

/** See the file's first line. */
export function standingOf(incident: DriftIncident): Standing {
  const { phase = '', conditions } = incident.status ?? {};
  const { reason = '', message = '' } = findCondition(conditions, INCIDENT_CONDITIONS.Ready) ?? {};
  const isOver = isFinal(incident);
  return {
    phase,
    reason,
    message,
    needsPerson: isStalled(incident) || (!isOver && (phase === 'AwaitingApproval' || isHeld(incident))),
    waitsFor: isOver ? '' : words(incident, reason, message),
  };
}

function isStalled({ status }: DriftIncident): boolean {
  return findCondition(status?.conditions, INCIDENT_CONDITIONS.Stalled)?.status === 'True';
}

function words({ status }: DriftIncident, reason: string, message: string): string {
  if (reason === '') return 'the operator to look at it';
  const short = SHORT[reason];
  if (short === undefined) return cut(message.split(/[:;]/, 1)[0] ?? '');
  const needs = short.startsWith(TO_APPROVE) ? (status?.plan?.needs ?? []) : [];
  return needs.length > 0 ? `${short} (${needs.join(', ')})` : short;
}

function cut(text: string): string {
  return text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS - 1)}…` : text;
}

const DOES: Readonly<Record<DecisionAction, (incident: DriftIncident) => string>> = {
  Approve: () => 'the plan is carried out',
  Deny: () => 'the pod is not evicted, its quarantine stays',
  Hold: () => 'nothing destructive is done until it is resumed',
  Resume: (incident) =>
    isHeld(incident)
      ? 'it goes on as if nobody had held it'
      : 'the decision is taken back: it goes on as if nobody had decided',
  Release: () => 'the pod is put back as it was, and the incident ends',
};

/** The commands that make sense now. @param now milliseconds since the epoch. */
export function answersTo(incident: DriftIncident, now: number): Answer[] {
  const actions: DecisionAction[] = ['Approve', 'Deny', 'Hold', 'Resume', 'Release'];
  return actions
    .filter((action) => senseless(incident, action, now) === undefined)
    .filter((action) => action !== 'Hold' || mayEvict(incident))
    .map((action) => ({
      command: commandFor(action, incident),
      does: DOES[action](incident),
    }));
}

/** As a person types it. The names are of Kubernetes, and safe in a shell. */
export function commandFor(action: DecisionAction | 'Show', { metadata }: DriftIncident): string {
  const command = `die-operator ${action.toLowerCase()} -n ${metadata.namespace ?? ''} ${metadata.name}`;
  return action === 'Show' ? command : `${command} --reason TEXT`;
}
