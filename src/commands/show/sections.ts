// What one incident says, in sections for people. Texts in it are the attacker's, or other people's: they are made visible
// where they are printed.
import type { Condition } from '../../api/policy.ts';
import { INCIDENT_CONDITIONS } from '../../api/conditions.ts';
import type { DriftIncident, StepStatus } from '../../api/incident.ts';
import { severityOf } from '../../report/sections/overview.ts';
import { counted, utc } from '../../report/visible.ts';
import { age } from '../incidents/print.ts';
import { stepsLeft } from '../answer/touches.ts';
import { answersTo, standingOf } from '../answer/waits.ts';
import { detected } from './detected.ts';
import type { ShowSection } from './section.ts';

/** The sections that there is something to say in, in the order of reading. @param now milliseconds since the epoch. */
export function sectionsOf(incident: DriftIncident, now: number): ShowSection[] {
  return [
    about(incident, now),
    waiting(incident, now),
    detected(incident),
    policies(incident),
    steps(incident),
    conditions(incident),
    paths(incident),
    evidence(incident),
    recovery(incident),
    decisions(incident),
  ].filter(({ rows, commands }) => rows.length > 0 || (commands?.length ?? 0) > 0);
}

function about(incident: DriftIncident, now: number): ShowSection {
  const { metadata, spec, status } = incident;
  const { target, previous } = spec;
  const { phase } = standingOf(incident);
  const owner = target.workload
    ? `of ${target.workload.kind} ${target.workload.name}`
    : 'bare: no controller';
  return {
    title: `DriftIncident ${metadata.namespace ?? ''}/${metadata.name}`,
    rows: [
      [
        'phase',
        `${phase || 'new'}, ${severityOf(incident)}, opened ${age(metadata.creationTimestamp, now)} ago`,
      ],
      ['pod', `${target.namespace}/${target.name}, ${owner}, UID ${target.uid}`],
      ['node', target.nodeName ?? 'not recorded'],
      ...images(incident),
      ...(previous === undefined
        ? []
        : [['before', `incident ${previous} was about the same pod`] as [string, string]]),
      ...(metadata.deletionTimestamp === undefined
        ? []
        : [
            ['DELETED', 'somebody deleted this incident: a pod that is in quarantine is deleted with it'] as [
              string,
              string,
            ],
          ]),
      ...(status?.plan
        ? [
            ['plan', `${status.plan.message || status.plan.steps.join(', ')} (${status.plan.mode})`] as [
              string,
              string,
            ],
          ]
        : []),
    ],
  };
}

function images({ spec: { target } }: DriftIncident): [string, string][] {
  return target.containers.map(({ name, image }): [string, string] => ['container', `${name}: ${image}`]);
}

function waiting(incident: DriftIncident, now: number): ShowSection {
  const { reason, message, needsPerson, waitsFor } = standingOf(incident);
  const { status } = incident;
  const needs = status?.plan?.needs ?? [];
  const left = waitsFor === '' ? [] : stepsLeft(incident);
  const rows: [string, string][] = [
    [reason || 'nothing yet', message || 'the operator has not looked at it yet'],
    ...(needs.length > 0 && waitsFor !== '' ? [['asked for', needs.join(', ')] as [string, string]] : []),
    ...(left.length > 0 ? [['steps left', left.join(', ')] as [string, string]] : []),
  ];
  return {
    title: waitsFor === '' ? 'How it ended' : needsPerson ? 'Waits for a person' : 'Where it stands',
    rows,
    commands: answersTo(incident, now).map(({ command, does }) => [command, does]),
  };
}

function policies({ spec, status }: DriftIncident): ShowSection {
  const later = Object.values(status?.reports ?? {}).flatMap((report) => report.policies ?? []);
  const all = [...spec.trigger.policies, ...later];
  const named = new Map(
    all.map((one) => [`${one.kind} ${one.name} ${one.generation} ${one.rungs.join()}`, one]),
  );
  return {
    title: 'Asked for by',
    rows: [...named.values()].map(({ kind, name, mode, rungs, actions, cap, confirmed }) => {
      const capped = cap ? `; capped at ${cap.maxAction} until ${cap.until} (${cap.reason})` : '';
      const only = confirmed ? '; only once the drift is confirmed' : '';
      return [
        `${kind === 'DriftPolicy' ? 'dp' : 'cdp'}/${name}`,
        `${mode}: ${actions.join(' ') || 'nothing'} (rungs ${rungs.join(', ')})${only}${capped}`,
      ];
    }),
  };
}

const STATES: Readonly<Record<StepStatus['state'], string>> = {
  Running: 'is being done',
  Waiting: 'waits',
  Succeeded: 'done',
  Failed: 'FAILED',
  Skipped: 'left out',
};

function steps({ status }: DriftIncident): ShowSection {
  return {
    title: 'Done so far',
    rows: (status?.steps ?? []).map(({ name, state, attempts, finishedAt, message }) => {
      const tries = attempts > 1 ? `, ${attempts} attempts` : '';
      const when = finishedAt === undefined ? '' : ` ${utc(finishedAt)}`;
      return [name, `${STATES[state]}${when}${tries}${message === '' ? '' : `: ${message}`}`];
    }),
  };
}

const { Isolated, EvidenceComplete, NodeSuspect, Approved, Contained, ReplacementVerified } =
  INCIDENT_CONDITIONS;
/** In plain words; what the summary says is said above. */
const CONDITIONS: Readonly<Record<string, Readonly<Record<Condition['status'], string>>>> = {
  [Isolated]: { True: 'isolated', False: 'NOT FULLY ISOLATED', Unknown: 'isolation not proven' },
  [EvidenceComplete]: {
    True: 'evidence complete',
    False: 'EVIDENCE INCOMPLETE',
    Unknown: 'evidence not known',
  },
  [NodeSuspect]: { True: 'LOOK AT THE NODE', False: 'node not shared', Unknown: 'node not known' },
  [Approved]: { True: 'approved', False: 'not approved', Unknown: 'approval asked for' },
  [Contained]: { True: 'contained', False: 'MAY STILL RUN', Unknown: 'end not known' },
  [ReplacementVerified]: {
    True: 'replacement clean',
    False: 'REPLACEMENT NOT PROVEN',
    Unknown: 'replacement not judged',
  },
};

function conditions(incident: DriftIncident): ShowSection {
  const { status } = incident;
  const said = standingOf(incident).message;
  return {
    title: 'What is true',
    rows: (status?.conditions ?? []).flatMap(({ type, status: is, reason, message }): [string, string][] => {
      const words = CONDITIONS[type]?.[is];
      const text = message === said ? 'see above' : message;
      return words === undefined ? [] : [[words, `${text} (${reason})`]];
    }),
  };
}

function paths({ status }: DriftIncident): ShowSection {
  const { paths: open = [], morePaths = 0 } = status?.isolation ?? {};
  return {
    title: 'Still open in its network',
    rows: [
      ...open.map(({ kind, direction, peer, ports, policy }): [string, string] => {
        const by = policy === undefined ? '' : `, by ${policy}`;
        return [direction === 'Ingress' ? 'in' : 'out', `${peer}, ${ports} (${kind}${by})`];
      }),
      ...(morePaths > 0 ? [['more', counted(morePaths, 'further path')] as [string, string]] : []),
    ],
  };
}

function evidence({ status }: DriftIncident): ShowSection {
  const kept = status?.evidence;
  const { confirmation } = status ?? {};
  const rows: [string, string][] = [];
  if (kept) {
    const lost = kept.lostAt === undefined ? '' : `; LOST or changed, found ${utc(kept.lostAt)}`;
    rows.push(
      ['lies in', `${kept.location}${lost}`],
      [
        'manifest',
        `SHA-256 ${kept.manifestSha256}, ${counted(kept.files, 'file')}, ${counted(kept.bytes, 'byte')}`,
      ],
      ...(kept.missing ?? []).map((what): [string, string] => ['missing', what]),
      ...kept.problems.map((problem): [string, string] => ['problem', problem]),
    );
  }
  if (confirmation) rows.push(['drift', `${confirmation.state}: ${confirmation.message}`]);
  return { title: 'Evidence', rows };
}

function recovery({ status }: DriftIncident): ShowSection {
  const { eviction, restart, replacement } = status ?? {};
  const rows = [
    ...(eviction ? evictionRows(eviction) : []),
    ...(restart ? restartRows(restart) : []),
    ...(replacement ? replacementRows(replacement) : []),
  ];
  return { title: 'Eviction and replacement', rows };
}

type Status = NonNullable<DriftIncident['status']>;

function evictionRows(eviction: NonNullable<Status['eviction']>): [string, string][] {
  const { requestedAt, by = 'Eviction', gracePeriodSeconds, budget, goneAt } = eviction;
  const grace = gracePeriodSeconds === undefined ? '' : `, grace ${gracePeriodSeconds} s`;
  return present([
    ['eviction', requestedAt && `${by} accepted ${utc(requestedAt)}${grace}`],
    ['budget', budget && `against it since ${utc(budget.since)}, asked last ${utc(budget.refusedAt)}`],
    ['gone', goneAt && utc(goneAt)],
  ]);
}

function restartRows({ manifest, pod, pin }: NonNullable<Status['restart']>): [string, string][] {
  return present([
    ['manifest', manifest && `ControllerRevision ${manifest.revision}, SHA-256 ${manifest.sha256}`],
    ['made anew', pod && `${pod.name}, UID ${pod.uid}, ${utc(pod.createdAt)}`],
    ['pin', pin && `a patch for ${pin.kind} ${pin.name} is in status.restart.pin; people apply it`],
  ]);
}

function replacementRows(replacement: NonNullable<Status['replacement']>): [string, string][] {
  const { name, uid, nodeName = 'not known', readyAt, quietUntil, images: ran } = replacement;
  return present([
    ['replacement', `${name}, UID ${uid}, node ${nodeName}`],
    ['ready', readyAt && utc(readyAt)],
    ['quiet until', quietUntil && utc(quietUntil)],
    ...ran.map(({ container, imageID, proof }): [string, string] => [proof, `${container}: ${imageID}`]),
  ]);
}

function present(rows: readonly [string, string | undefined][]): [string, string][] {
  return rows.flatMap(([name, text]): [string, string][] => (text === undefined ? [] : [[name, text]]));
}

function decisions({ spec, status }: DriftIncident): ShowSection {
  const seen = status?.decisions ?? [];
  const { decision } = spec;
  const isSeen = seen.some(
    ({ action, by, reason }) =>
      action === decision?.action && by === decision.by && reason === decision.reason,
  );
  const rows = seen.map(({ action, by, reason, at, outcome }): [string, string] => [
    action,
    `${by}, ${utc(at)}: ${reason}. ${outcome}`,
  ]);
  if (decision && !isSeen)
    rows.push([decision.action, `${decision.by}: ${decision.reason}. Not seen by the operator yet`]);
  return { title: 'Decisions', rows };
}
