// Promise 13: what people are told was so, by what the API server saw until then, and it holds nothing of an alert.
import { FINAL_PHASES, type DriftIncident } from '../../../../src/api/incident.ts';
import { LEDGER_CONFIGMAP } from '../../../../src/api/names.ts';
import { constructed } from '../../../support/defender-alerts.ts';
import { recordedBody } from '../../../support/alerts.ts';
import { PROGRAM } from '../scenarios/evidence.ts';
import { ATTACKERS_TEXT } from '../scenarios/notified.ts';
import type { Stage } from '../stage.ts';
import { isClockSet, nameOf, type Item } from './notices.ts';
import { isLabelled, podWrites, type PodWrite } from './pods.ts';

/** What a chat could take for markup, a mention or a link is in no rule; and a rule is no longer than so many bytes. */
const PLAIN = /^(?!.*\/\/)[\p{L}\p{N} _.,:()/+?…-]*$/u;
const MAX_RULE_BYTES = 128;

/** What was so when something was told. */
interface Then {
  stage: Stage;
  at: number;
  /** Whether that time is known to the millisecond, as nobody sets the clock of the process. */
  exact: boolean;
  /** Each state that the incident had, the first as it was opened. */
  states: readonly DriftIncident[];
  /** Writes of the operator that had reached its pod. */
  writes: readonly PodWrite[];
}

type Holds = (then: Then) => boolean;

const was =
  (kind: PodWrite['kind']): Holds =>
  ({ writes }) =>
    writes.some((write) => write.kind === kind);
const decided =
  (action: string): Holds =>
  ({ states }) =>
    states.some(({ spec }) => spec.decision?.action === action);
const notGone: Holds = ({ writes, exact }) =>
  !exact || !writes.some(({ kind }) => kind === 'Evict' || kind === 'Delete');
const isGone: Holds = ({ stage, states, at }) => {
  const uid = states[0]?.spec.target.uid;
  return stage.log.changes.some(
    (change) =>
      change.of === 'pods' &&
      change.operation === 'DELETE' &&
      change.at <= at &&
      change.before?.metadata.uid === uid,
  );
};

/**
 * What has to be so by reason. Not judged are reasons that say what a node did (DriftCutOff, DriftLookedFor), that a step
 * failed, and what is waited for: an API server sees nothing of them, or only later. Of these it is judged that they name
 * an incident that there is, as it is.
 */
const HOLDS: Readonly<Record<string, Holds>> = {
  DriftLabelled: was('Mark'),
  DriftIsolated: ({ writes }) => writes.some(({ kind, after }) => kind === 'Mark' && isLabelled(after)),
  DriftEvidenceKept: ({ stage, states, at }) =>
    states.some(({ metadata }) => (stage.store.sealed.get(metadata.uid) ?? Infinity) <= at),
  DriftEvicting: (then) => was('Evict')(then) || was('Delete')(then),
  DriftContained: (then) => was('Delete')(then) || isGone(then),
  DriftReleased: (then) => was('Restore')(then) || isGone(then) || inPhase(then, 'Released'),
  DriftRestarted: ({ stage, at }) =>
    stage.log.writes.some(
      ({ of, verb, subresource, servedAt }) =>
        of === 'pods' && verb === 'create' && subresource === undefined && servedAt <= at,
    ),
  DriftResolved: (then) => inPhase(then, 'Resolved'),
  DriftTargetGone: (then) => inPhase(then, 'TargetGone') && isGone(then),
  DriftFailed: (then) => inPhase(then, 'Failed'),
  AwaitingApproval: notGone,
  PlanChanged: notGone,
  ApprovalEnding: notGone,
  Held: decided('Hold'),
  EvictionDenied: decided('Deny'),
};

/** What is not as a notice says. */
export function untrue(stage: Stage, items: readonly Item[]): string[] {
  const writes = podWrites(stage);
  return items.flatMap((item) => {
    const wrong = item.incident === undefined ? ofNone(stage, item) : ofIncident(stage, item, writes);
    return [wrong, foreign(item)]
      .filter((what) => what !== undefined)
      .map((what) => `${nameOf(item)}: ${what}`);
  });
}

function ofIncident(stage: Stage, item: Item, all: readonly PodWrite[]): string | undefined {
  const { incident = '', notice, reason, madeAt: at } = item;
  const fields = notice.output_fields;
  const states = stage.log.changes
    .filter(({ of, at: when, object }) => of === 'driftincidents' && when <= at && keyOf(object) === incident)
    .map(({ object }) => object as DriftIncident);
  const opened = states.find(({ spec }) => spec.target.name === fields['k8s.pod.name']);
  if (!opened) return 'there was no such incident of that pod';
  const { target, trigger } = opened.spec;
  if (target.namespace !== fields['k8s.ns.name']) return 'the pod is of another namespace';
  if (trigger.severity !== fields['die.severity']) return 'the incident has another severity';
  if (!notice.output.startsWith(`Pod ${target.namespace}/${target.name}, incident ${opened.metadata.name}: `))
    return 'its text is about another pod or incident';
  const writes = all.filter(({ before, servedAt }) => before.metadata.uid === target.uid && servedAt <= at);
  const then = { stage, at, exact: !isClockSet(stage.history, item.replica), states, writes };
  // Phases on the way are written after what they tell; the ends are told when they are written.
  const phase = fields['die.phase'];
  if (isEnd(phase) && !inPhase(then, phase)) return `nothing had written that the incident is ${phase}`;
  return (HOLDS[reason]?.(then) ?? true) ? undefined : 'nothing had made it so';
}

function ofNone(stage: Stage, { reason, notice, madeAt }: Item): string | undefined {
  const { log } = stage;
  const fields = notice.output_fields;
  switch (reason) {
    case 'BreakerOpened':
    case 'BreakerClosed':
    case 'LedgerLost':
      return log.writes.some(({ name, servedAt }) => name === LEDGER_CONFIGMAP && servedAt <= madeAt)
        ? undefined
        : 'nothing was entered in the ledger';
    case 'StrayQuarantine':
      return log.changes.some(
        ({ of, at, object }) =>
          of === 'pods' &&
          at <= madeAt &&
          isLabelled(object) &&
          object?.metadata.name === fields['k8s.pod.name'],
      )
        ? undefined
        : 'the pod never had the label';
    case 'AlertsUnidentified':
      return undefined;
    default:
      return 'it is about no incident';
  }
}

function foreign({ tries: [{ body, refusal }], notice }: Item): string | undefined {
  if (refusal !== undefined) return `Falcosidekick does not take it: ${refusal}`;
  const rule = notice.output_fields['die.rule'] ?? '';
  if (!PLAIN.test(rule) || Buffer.byteLength(rule) > MAX_RULE_BYTES)
    return `its rule is not cleaned: ${rule}`;
  const found = textsOfAlerts().find((text) => body.includes(JSON.stringify(text).slice(1, -1)));
  return found === undefined ? undefined : `it has text of an alert: ${found}`;
}

// What the recorded and the constructed alert say beside who and when, and what stories add.
function textsOfAlerts(): string[] {
  const { output_fields: fields, tags } = recordedBody('01-normal') as {
    output_fields: Record<string, string>;
    tags: string[];
  };
  const { description } = constructed('event-hub-bare');
  const program = ['proc.cmdline', 'proc.exepath', 'container.image.repository'].map((key) => fields[key]);
  return [...program, tags[0], description, PROGRAM, ATTACKERS_TEXT].filter(
    (text) => typeof text === 'string',
  );
}

function isEnd(phase: string | undefined): phase is string {
  return (FINAL_PHASES as readonly (string | undefined)[]).includes(phase);
}

function inPhase({ states }: Then, phase: string): boolean {
  return states.some(({ status }) => status?.phase === phase);
}

function keyOf(object: { metadata: { namespace?: string; name: string } } | undefined): string {
  return `${object?.metadata.namespace}/${object?.metadata.name}`;
}
