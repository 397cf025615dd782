// Promise 3: what is spent is entered before it is done, stays within its limits, and stops where the breaker is open.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { LEDGER_CONFIGMAP } from '../../../../src/api/names.ts';
import type { Act, Opening } from '../../../../src/api/ledger.ts';
import { recordedDuration } from '../../../../src/decide/duration.ts';
import { readBook } from '../../../../src/decide/ledger.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import type { Judge } from '../promises.ts';
import { entriesOf, type Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';
import { incidentOf } from './destructive.ts';
import { isOrphan, named, original, podWrites, type PodWrite } from './pods.ts';

/** What was decided just before the breaker opened may still be under way. */
const UNDER_WAY_MS = 15_000;
/** Clocks of processes and that of the API server are not read at the same moment. */
const SLACK_MS = 2_000;

/** See PROMISES. */
export const entered: Judge = ({ stage }) => [...overwritten(stage), ...unentered(stage)];

// What cannot be understood may hold what was spent.
function overwritten(stage: Stage): string[] {
  return ledgerWrites(stage)
    .filter(({ verb, before }) => verb === 'patch' && typeof readBook(entriesOf(before), 0) === 'string')
    .map(() => 'the ledger was written over although it could not be understood');
}

function unentered(stage: Stage): string[] {
  return spends(stage).flatMap((write) => {
    const { uid } = write.before.metadata;
    const known = ledgerWrites(stage).some(
      ({ servedAt, after }) =>
        servedAt <= write.sentAt && actsIn(after).some(({ pod, act }) => pod === uid && isOf(write, act)),
    );
    return known ? [] : [`${write.kind} of ${named(write.before)} was sent before it was entered`];
  });
}

/** See PROMISES. */
export const spentWithin: Judge = ({ stage }) => {
  const jumped = stage.history.faults.some(({ kind }) => kind === 'ClockJump');
  const goings = spends(stage).filter(({ kind }) => kind === 'Evict');
  return [
    ...(jumped ? [] : goings.flatMap((write, index) => beyond(stage, write, goings.slice(0, index)))),
    ...spends(stage).flatMap((write) => whileOpen(stage, write)),
  ];
};

function beyond(stage: Stage, write: PodWrite, before: readonly PodWrite[]): string[] {
  const incident = incidentOf(write);
  if (!incident) return [];
  const what = `${named(write.before)} was evicted`;
  const { limits } = responseOf(incident).settings;
  const ofWorkload = before.filter((other) => appOf(stage, other) === appOf(stage, write));
  const within = (all: readonly PodWrite[], ms: number) =>
    all.filter(({ servedAt }) => servedAt > write.sentAt - ms + SLACK_MS).length;
  const window = recordedDuration(limits.perNamespace.window);
  const { cluster } = stage.limits;
  const again = within(ofWorkload, recordedDuration(limits.perWorkload.recurrenceWindow));
  const all: [boolean, string][] = [
    [within(ofWorkload, recordedDuration(limits.cooldown)) > 0, 'while its workload cooled down'],
    [within(before, window) >= limits.perNamespace.evictions, 'beyond what its namespace allows'],
    [within(before, cluster.windowMs) >= cluster.evictions, 'beyond what the cluster allows'],
    [
      again >= limits.perWorkload.recurrences && !wasApproved(incident),
      `after ${again} others of its workload, and nobody approved`,
    ],
  ];
  return all.flatMap(([broken, how]) => (broken ? [`${what} ${how}`] : []));
}

function whileOpen(stage: Stage, write: PodWrite): string[] {
  const stored = ledgerWrites(stage).filter(({ servedAt }) => servedAt <= write.sentAt - UNDER_WAY_MS);
  const last = openingsIn(stored.at(-1)?.after).at(-1);
  const since = ledgerWrites(stage).filter(
    ({ servedAt }) => servedAt > write.sentAt - UNDER_WAY_MS && servedAt <= write.sentAt,
  );
  const closed = since.some(({ after }) => openingsIn(after).at(-1)?.closed !== undefined);
  if (!last || last.closed || closed) return [];
  return [`${write.kind} of ${named(write.before)} although the circuit breaker was open: ${last.message}`];
}

/** Writes that take something away: evictions, deletions, and pods that are taken out of their workloads. */
function spends(stage: Stage): PodWrite[] {
  return podWrites(stage).filter(
    ({ kind, before, after }) =>
      kind === 'Evict' ||
      kind === 'Delete' ||
      (kind === 'Mark' && after !== undefined && isOrphan(after) && !isOrphan(before)),
  );
}

function isOf({ kind }: PodWrite, act: Act['act']): boolean {
  return kind === 'Mark' ? act === 'Orphan' : act !== 'Orphan';
}

function ledgerWrites({ log }: Stage): Served[] {
  return log.writes.filter(({ of, name, after }) => {
    return of === 'configmaps' && (name ?? after?.metadata.name) === LEDGER_CONFIGMAP;
  });
}

function actsIn(map: KubeObject | undefined): Act[] {
  return read<Act>(entriesOf(map)['acts']);
}

function openingsIn(map: KubeObject | undefined): Opening[] {
  return read<Opening>(entriesOf(map)['breaker']);
}

function read<T>(text: string | undefined): T[] {
  return text === undefined ? [] : (JSON.parse(text) as T[]);
}

// Every workload of a scenario has a label of its own.
function appOf(stage: Stage, { before }: PodWrite): string | undefined {
  return (original(stage, before.metadata.uid) ?? before).metadata.labels?.['app'];
}

function wasApproved({ spec }: DriftIncident): boolean {
  return spec.decision?.action === 'Approve';
}
