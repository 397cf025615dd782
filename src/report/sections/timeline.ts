// What happened when: every time that the incident and the evidence tell, in order.
import type { DriftIncident } from '../../api/incident.ts';
import type { DetectionSummary } from '../../api/detection.ts';
import type { Source } from '../input.ts';
import type { Section, Text } from '../model.ts';
import { grouped, lasting, utc } from '../visible.ts';

interface Moment {
  time: string;
  what: Text;
}

const MAX_MOMENTS = 300;

/** See the file's first line. */
export function timeline({ incident, evidence }: Source): Section {
  const moments = [
    ...detectionsOf(incident).flatMap(seen),
    ...opened(incident),
    ...stepsOf(incident),
    ...network(incident),
    ...ends(incident),
    ...(incident.status?.conditions ?? []).map(({ lastTransitionTime, type, status, reason }) => ({
      time: lastTransitionTime,
      what: ['Condition', { strong: type }, 'became', `${status}/${reason}`],
    })),
    ...(evidence.state === 'Read'
      ? [
          { time: evidence.manifest.startedAt, what: 'Capture of the evidence began' },
          { time: evidence.manifest.finishedAt, what: 'Capture of the evidence ended' },
        ]
      : []),
  ]
    .filter(({ time }) => !Number.isNaN(Date.parse(time)))
    .toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time));
  const shown = moments.slice(0, MAX_MOMENTS);
  const left = moments.length - shown.length;
  return {
    id: 'timeline',
    title: 'Timeline',
    blocks: [
      {
        kind: 'Paragraph',
        text: 'Times are UTC. Detectors, nodes and the API server each have a clock of their own, and Kubernetes keeps many times in whole seconds: what lies less than a second apart may have happened in another order.',
      },
      {
        kind: 'Table',
        columns: [
          { name: 'Time', as: 'Time' },
          { name: 'Since the detection', as: 'Number' },
          { name: 'Since the one before', as: 'Number' },
          { name: 'What' },
        ],
        rows: shown.map(({ time, what }, index) => [
          utc(time),
          since(incident.spec.trigger.detection.time, time),
          since(shown[index - 1]?.time, time),
          what,
        ]),
      },
      ...(left > 0
        ? [{ kind: 'Paragraph', text: `${grouped(left)} later moments are left out.` } as const]
        : []),
    ],
  };
}

/** Each detection that is told of, once, in the order of the incident. */
export function detectionsOf({ spec, status }: DriftIncident): DetectionSummary[] {
  const all = [
    spec.trigger.detection,
    ...Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections),
  ];
  return [...new Map(all.map((detection) => [detection.id, detection])).values()];
}

function seen({ source, rule, severity, time, receivedAt }: DetectionSummary): Moment[] {
  return [
    { time, what: [source, 'saw', { strong: rule }, `(${severity})`] },
    { time: receivedAt, what: ['The alert of', { strong: rule }, 'was received'] },
  ];
}

function opened({ metadata, spec, status }: DriftIncident): Moment[] {
  const { decision } = spec;
  const released = decision && status?.steps?.find(({ name }) => name === 'Release')?.startedAt;
  return [
    { time: metadata.creationTimestamp, what: 'The incident was opened' },
    ...(decision && released !== undefined
      ? [
          {
            time: released,
            what: ['The decision', { strong: decision.action }, 'of', decision.by, 'was taken up'],
          },
        ]
      : []),
    ...Object.entries(status?.reports ?? {}).flatMap(([receiver, { count, lastSeen }]) =>
      count > 1
        ? [
            {
              time: lastSeen,
              what: ['Last of', grouped(count), 'detections that receiver', receiver, 'counted'],
            },
          ]
        : [],
    ),
  ];
}

function stepsOf({ status }: DriftIncident): Moment[] {
  return (status?.steps ?? []).flatMap(({ name, state, reason, startedAt, finishedAt }) => {
    const step = ['Step', { strong: name }];
    const took =
      startedAt !== undefined && finishedAt !== undefined ? `after ${since(startedAt, finishedAt)}` : '';
    return [
      ...(startedAt === undefined ? [] : [{ time: startedAt, what: [...step, 'began'] }]),
      ...(finishedAt === undefined
        ? []
        : [{ time: finishedAt, what: [...step, `ended: ${state}/${reason}`, took] }]),
    ];
  });
}

function network({ status }: DriftIncident): Moment[] {
  const { at, cut, enforcement } = status?.isolation ?? {};
  return [
    ...(at === undefined
      ? []
      : [{ time: at, what: 'The pod was taken out of its workload and its network' }]),
    ...(cut?.at === undefined
      ? []
      : [{ time: cut.at, what: 'The firewall in the network of the pod was in place' }]),
    ...(enforcement === undefined
      ? []
      : [
          {
            time: enforcement.testedAt,
            what: ['Test of node', { code: enforcement.node }, `ended: ${enforcement.verdict}`],
          },
        ]),
  ];
}

function ends({ status }: DriftIncident): Moment[] {
  const { requestedAt, goneAt } = status?.eviction ?? {};
  return [
    ...(requestedAt === undefined
      ? []
      : [{ time: requestedAt, what: 'The API server accepted the eviction' }]),
    ...(goneAt === undefined ? [] : [{ time: goneAt, what: 'The pod was gone' }]),
  ];
}

function since(from: string | undefined, to: string): string {
  if (from === undefined) return '';
  const ms = Date.parse(to) - Date.parse(from);
  return Number.isNaN(ms) ? '' : lasting(ms);
}
