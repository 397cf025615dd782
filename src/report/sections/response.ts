// What was detected, which policies asked for what, and how far each step of the response came.
import type { Contribution, DriftIncident, StepStatus } from '../../api/incident.ts';
import type { Source } from '../input.ts';
import type { Block, Column, Section, Text, Tone } from '../model.ts';
import { lasting, utc } from '../visible.ts';
import { detectionsOf } from './timeline.ts';

/** The detections that the incident tells of. */
export function detections({ incident }: Source): Section {
  return {
    id: 'detections',
    title: 'Detections',
    blocks: [
      {
        kind: 'Paragraph',
        text: 'The first detection, and of each receiver the first one of every further rule, at most 5. Command lines are left out of incidents on purpose.',
      },
      {
        kind: 'Table',
        columns: [
          { name: 'Seen', as: 'Time' },
          { name: 'Rule' },
          { name: 'Severity', as: 'Word' },
          { name: 'Container' },
          { name: 'Program', as: 'Path' },
          { name: 'Node' },
        ],
        rows: detectionsOf(incident).map((each) => [
          utc(each.time),
          [{ strong: each.rule }, `(${each.source})`],
          each.severity,
          told(each.containerName ?? each.containerID),
          told(each.executable),
          told(each.hostname),
        ]),
      },
    ],
  };
}

/** What was done, and by whose wish. */
export function response({ incident }: Source): Section {
  const { status, spec } = incident;
  const { plan } = status ?? {};
  return {
    id: 'response',
    title: 'Response',
    blocks: [
      ...recordedOnly(incident),
      plan
        ? {
            kind: 'Facts',
            rows: [['Mode', { strong: plan.mode }], ['Plan', plan.message], ...decisionOf(incident)],
          }
        : missing('The plan', 'The responder has not looked at this incident.'),
      policies(incident),
      ...stepsOf(status?.steps ?? []),
      {
        kind: 'Facts',
        rows: [
          ['Wait for budgets', spec.trigger.response.eviction.waitForBudget],
          ['Grace period of the pod', `${spec.trigger.response.eviction.gracePeriodSeconds} s at most`],
        ],
      },
    ],
  };
}

/** What the incident says of itself. */
export function conditions({ incident }: Source): Section {
  const all = incident.status?.conditions ?? [];
  return {
    id: 'conditions',
    title: 'Conditions',
    blocks: [
      all.length === 0
        ? missing('Conditions', 'The incident has none yet.')
        : {
            kind: 'Table',
            columns: [
              { name: 'Condition', as: 'Word' },
              { name: 'Status' },
              { name: 'Since', as: 'Time' },
              { name: 'Message' },
            ],
            rows: all.map(({ type, status, reason, message, lastTransitionTime }) => [
              { strong: type },
              `${status}/${reason}`,
              utc(lastTransitionTime),
              message,
            ]),
          },
    ],
  };
}

function recordedOnly({ spec }: DriftIncident): Block[] {
  const { recordedOnly: why } = spec.trigger;
  return why === undefined ? [] : [{ kind: 'Notice', tone: 'Unknown', text: ['Recorded only:', why] }];
}

function decisionOf({ spec: { decision } }: DriftIncident): [string, Text][] {
  return decision
    ? [['Decision of a person', [{ strong: decision.action }, 'by', decision.by, ':', decision.reason]]]
    : [];
}

const POLICY_COLUMNS: readonly Column[] = [
  { name: 'Policy' },
  { name: 'Mode', as: 'Word' },
  { name: 'Rungs met' },
  { name: 'Actions' },
  { name: 'Capped by' },
];

function policies({ spec, status }: DriftIncident): Block {
  const all = [
    spec.trigger.policies,
    ...Object.values(status?.reports ?? {}).map((report) => report.policies ?? []),
  ];
  const unique = new Map(all.flat().map((each) => [JSON.stringify(each), each]));
  return {
    kind: 'Table',
    title: 'Policies that asked for it',
    columns: POLICY_COLUMNS,
    rows: [...unique.values()].map((each) => [
      [each.kind, { code: each.name }, `(generation ${each.generation})`],
      each.mode,
      each.rungs.map((code): Text => ({ code })).flat(),
      each.actions.length === 0 ? 'none' : each.actions.join(', '),
      capOf(each),
    ]),
  };
}

function capOf({ cap }: Contribution): Text {
  if (!cap) return 'nothing';
  const what = cap.by === 'BreakGlass' ? 'break-glass annotation' : 'exception';
  const name = cap.name === undefined ? [] : [{ code: cap.name }];
  return [what, ...name, `until ${utc(cap.until)}: at most ${cap.maxAction};`, cap.reason];
}

const TONES: Readonly<Record<StepStatus['state'], Tone>> = {
  Running: 'Unknown',
  Waiting: 'Unknown',
  Succeeded: 'Good',
  Failed: 'Bad',
  Skipped: 'Plain',
};

function stepsOf(steps: readonly StepStatus[]): Block[] {
  if (steps.length === 0) return [missing('Steps', 'None was begun.')];
  return [
    {
      kind: 'Table',
      title: 'Steps',
      columns: [
        { name: 'Step', as: 'Word' },
        { name: 'State', as: 'Word' },
        { name: 'Tries', as: 'Number' },
        { name: 'Took', as: 'Number' },
        { name: 'Message' },
      ],
      rows: steps.map(({ name, state, attempts, startedAt, finishedAt, reason, message }) => [
        { strong: name },
        [{ tag: state, tone: TONES[state] }, reason],
        String(attempts),
        startedAt === undefined || finishedAt === undefined
          ? ''
          : lasting(Date.parse(finishedAt) - Date.parse(startedAt)),
        message,
      ]),
    },
  ];
}

function told(text: string | undefined): Text {
  return text === undefined ? 'not told' : { code: text };
}

function missing(what: string, why: string): Block {
  return { kind: 'Missing', in: 'Incident', what, why: [why] };
}
