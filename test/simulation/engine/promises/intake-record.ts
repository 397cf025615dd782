// What the record of when alerts came was at any time, what clocks said, and when a receiver was kept from it.
import { INTAKE_CONFIGMAP } from '../../../../src/api/names.ts';
import type { INTAKE_KEYS } from '../../../../src/decide/silence.ts';
import type { Process } from '../process.ts';
import { entriesOf, isWrite, type Served } from '../server-log.ts';
import type { Asked, Sidekick } from '../sidekick.ts';
import type { Stage } from '../stage.ts';

/** From one moment to another, in milliseconds after the start. */
export interface Span {
  from: number;
  to: number;
}

type Key = (typeof INTAKE_KEYS)[keyof typeof INTAKE_KEYS];

/** A time further ahead was written by a clock that is wrong, and is not believed: docs/silence.md. */
export const AHEAD_MS = 60_000;
/** A call for the record is given up after this time. */
const CALL_MS = 5_000;

/** Writes of the record that stand, in order. */
export function recordWrites({ log }: Stage): Served[] {
  return log.writes.filter(({ of, name }) => of === 'configmaps' && name === INTAKE_CONFIGMAP);
}

/** A time of the record, in milliseconds since the epoch; NaN: there is none. */
export function timeIn(record: Served['after'], key: Key): number {
  return Date.parse(entriesOf(record)[key] ?? '');
}

/** Writes that come before a request for a test event. */
export function canariesIn(stage: Stage): Served[] {
  const key = 'lastCanarySentTimestamp';
  return recordWrites(stage).filter(({ before, after }) => entriesOf(before)[key] !== entriesOf(after)[key]);
}

/** The write that each request for a test event has of its own, if it has one. */
export function writesOfAsks(stage: Stage, { asked }: Sidekick): Map<Asked, Served | undefined> {
  const used = new Set<Served>();
  const canaries = canariesIn(stage);
  const found = new Map<Asked, Served | undefined>();
  for (const ask of asked) {
    const own = canaries.findLast((write) => isOf(write, ask) && write.servedAt <= ask.at);
    found.set(ask, own && used.has(own) ? undefined : own);
    if (own) used.add(own);
  }
  return found;
}

/** Whether both are of the same process. */
export function isOf(
  a: { replica: string; life: number },
  b: { replica: string; life: number } | undefined,
): boolean {
  return a.replica === b?.replica && a.life === b.life;
}

/** What the wall clock of a replica said, in milliseconds since the epoch; of all that it was set to since, the lowest. */
export function lowestWall({ clock, history }: Stage, replica: string, at: number, until = at): number {
  const jumps = history.faults
    .filter((fault) => fault.kind === 'ClockJump')
    .filter((fault) => fault.replica === replica && fault.at <= until);
  let skew = 0;
  const skews = [0, ...jumps.toSorted((a, b) => a.at - b.at).map(({ byMs }) => (skew += byMs))];
  const before = jumps.filter((jump) => jump.at < at).length;
  return clock.now() - clock.elapsed() + at + Math.min(...skews.slice(before));
}

/** Whether the clock of any process was set: what times are compared with then is off by what a process tolerates. */
export function clocksWereSet({ history }: Stage): boolean {
  return history.faults.some(({ kind }) => kind === 'ClockJump');
}

/** When a replica was away, stood still, or got no good answer about the record. */
export function troublesOf(stage: Stage, { processes }: Sidekick, replica: string): Span[] {
  const own = processes.filter((process) => process.replica === replica);
  const { served, refused } = stage.log;
  return [
    ...stage.history.faults
      .filter((fault) => fault.kind === 'Outage' || fault.kind === 'Partition')
      .filter((fault) => fault.replica === replica)
      .filter((fault) => fault.kind === 'Partition' || ['all', 'configmaps'].includes(fault.of))
      .map(({ at, forMs }) => ({ from: at, to: at + forMs + CALL_MS })),
    ...own.flatMap(({ stood }) => stood.map(({ at, forMs }) => ({ from: at, to: at + forMs }))),
    ...[undefined, ...own].map((process, index) => ({
      from: process === undefined ? -Infinity : (process.diedAt ?? Infinity),
      to: own[index]?.bornAt ?? Infinity,
    })),
    // Whose request it was is not known.
    ...refused
      .filter(({ path }) => path.includes(INTAKE_CONFIGMAP))
      .map(({ at }) => ({ from: at, to: at + CALL_MS })),
    ...served
      .filter((entry) => entry.replica === replica && entry.name === INTAKE_CONFIGMAP && !isAnswered(entry))
      .map(({ sentAt, servedAt }) => ({ from: sentAt, to: Math.max(servedAt, sentAt + CALL_MS) })),
  ].filter(({ from, to }) => from < to);
}

function isAnswered({ sentAt, receivedAt, status }: Served): boolean {
  return receivedAt !== undefined && receivedAt - sentAt <= CALL_MS && status < 500;
}

/**
 * The first stretch of that length without any trouble.
 * @returns its end; undefined if there is none between the two times
 */
export function quietEnd(
  troubles: readonly Span[],
  { from, to }: Span,
  lengthMs: number,
): number | undefined {
  let start = from;
  for (const trouble of troubles.toSorted((a, b) => a.from - b.from))
    if (trouble.from < start + lengthMs && trouble.to > start) start = trouble.to;
  return start + lengthMs <= to ? start + lengthMs : undefined;
}

/** The process that was that replica then. */
export function processAt({ processes }: Sidekick, replica: string, at: number): Process | undefined {
  return processes.find(
    (process) => process.replica === replica && process.bornAt <= at && at < (process.diedAt ?? Infinity),
  );
}

/** The record as that process knew it then: by the last answer that it had. */
export function knownRecord({ log }: Stage, process: Process, at: number): Served | undefined {
  return log.served.findLast(
    (entry) =>
      entry.name === INTAKE_CONFIGMAP &&
      isOf(entry, process) &&
      (entry.receivedAt ?? Infinity) <= at &&
      (!isWrite(entry) || entry.status < 300),
  );
}
