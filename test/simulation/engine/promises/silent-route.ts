// Promise 14: a route that is cut is said to be silent, and one that works is not.
import { INTAKE_KEYS } from '../../../../src/decide/silence.ts';
import type { Process } from '../process.ts';
import { entriesOf, type Served } from '../server-log.ts';
import { ASK_TIMEOUT_MS, type Asked, type Sidekick } from '../sidekick.ts';
import type { Stage } from '../stage.ts';
import {
  AHEAD_MS,
  canariesIn,
  clocksWereSet,
  knownRecord,
  processAt,
  quietEnd,
  troublesOf,
  writesOfAsks,
  type Span,
} from './intake-record.ts';

const SILENT = 'test events that Falcosidekick was asked for did not arrive';
const AGAIN = 'test events of Falcosidekick arrive again';

/** A test event that takes longer is missed, and so many in a row are a silent route: docs/silence.md. */
const ANSWER_WITHIN_MS = 60_000;
const MISSED_IS_SILENT = 2;
/** From one look to the next, at most: 45 s, and the time that one takes that asks. */
const LOOK_MS = 45_000 + ASK_TIMEOUT_MS;
/** From the arrival of a test event to the record: others were noted up to 10 s before, or the write was refused once. */
const NOTE_MS = 25_000;
/** From the request for a test event to its arrival, with what may be slow in between. */
const TRIP_MS = 5_000;

/** What a process said of the route. */
interface Word {
  process: Process;
  at: number;
  isSilent: boolean;
  /** How many it counts as missed. */
  missed: number;
}

/** Where the judgement of what is said of the route is found. */
export function routeTold(stage: Stage, sidekick: Sidekick): string[] {
  const { intervalMs } = sidekick;
  if (intervalMs === undefined) return [];
  const words = wordsOf(stage, sidekick);
  // A time of a clock that is up to that much ahead is believed, once for each test event.
  const aheadMs = clocksWereSet(stage) ? AHEAD_MS : 0;
  const silentMs = MISSED_IS_SILENT * (intervalMs + LOOK_MS + aheadMs) + ANSWER_WITHIN_MS + LOOK_MS + aheadMs;
  const againMs = intervalMs + LOOK_MS + aheadMs + TRIP_MS + NOTE_MS + LOOK_MS;
  const troubles = replicasOf(sidekick).flatMap((replica) => troublesOf(stage, sidekick, replica));
  const lastWord = (process: Process, by: number) =>
    words.findLast((word) => word.process === process && word.at <= by)?.isSilent ?? false;
  return [
    ...spells(stage, sidekick).flatMap(({ isOpen, from, to }) => {
      const end = quietEnd(troubles, { from: Math.max(0, from), to }, isOpen ? againMs : silentMs);
      if (end === undefined) return [];
      const alive = sidekick.processes.filter(
        ({ bornAt, diedAt = Infinity }) => bornAt < end && diedAt > end,
      );
      const still = alive.filter((process) => lastWord(process, end));
      if (!isOpen)
        return still.length > 0
          ? []
          : [`nobody says by ${end} ms that the route, cut at ${from} ms, is silent`];
      return still.map(
        ({ replica }) =>
          `${replica} says at ${end} ms that the route is silent, which works since ${from} ms`,
      );
    }),
    ...words.filter(({ isSilent }) => isSilent).flatMap((word) => falseAlarm(stage, sidekick, word)),
  ];
}

function wordsOf({ logged }: Stage, sidekick: Sidekick): Word[] {
  return logged.flatMap(({ replica, at, fields, message }) => {
    const isSilent = message.includes(SILENT);
    const process = processAt(sidekick, replica, at);
    const { missed = 0 } = fields as { missed?: number };
    return process && (isSilent || message === AGAIN) ? [{ process, at, isSilent, missed }] : [];
  });
}

function replicasOf({ processes }: Sidekick): string[] {
  return [...new Set(processes.map(({ replica }) => replica))];
}

/** Times in which test events arrive as they should, and in which none does. One that is slow is neither. */
function spells({ clock }: Stage, { states }: Sidekick): (Span & { isOpen: boolean })[] {
  const found: (Span & { isOpen: boolean })[] = [];
  for (const [index, { at, state }] of states.entries()) {
    const to = states[index + 1]?.at ?? clock.elapsed();
    const isOpen = state === 'Works';
    const last = found.at(-1);
    if (last && last.to === at && last.isOpen === isOpen) last.to = to;
    else if (state !== 'Slow') found.push({ from: at, to, isOpen });
  }
  return found;
}

// A test event may be missed when something kept Falcosidekick, the one that asked or the one that took it from its part.
// An alarm needs two in a row: it is false if one of them should have come.
function falseAlarm(stage: Stage, sidekick: Sidekick, { process, at, missed }: Word): string[] {
  const known = knownRecord(stage, process, at)?.after;
  const canaries = canariesIn(stage);
  const sent = (map: Served['after']) => entriesOf(map)[INTAKE_KEYS.sent];
  const last = canaries.findLastIndex(({ after }) => sent(after) === sent(known));
  const isLastCounted = missed > Number(entriesOf(known)[INTAKE_KEYS.missed] ?? 0);
  const end = last + (isLastCounted ? 1 : 0);
  const counted = canaries.slice(Math.max(0, end - MISSED_IS_SILENT), end);
  const asks = writesOfAsks(stage, sidekick);
  const askOf = (write: Served) => [...asks].find(([, own]) => own === write)?.[0];
  const wrongly = counted.filter((write) => !isExcused(stage, sidekick, write, askOf(write)));
  return [
    ...(counted.length < MISSED_IS_SILENT
      ? [`${process.replica} said at ${at} ms that the route is silent, after ${counted.length} requests`]
      : []),
    ...wrongly.map(
      ({ servedAt }) =>
        `${process.replica} said at ${at} ms that the route is silent, and counts the test event of ${servedAt} ms, which came or should have come`,
    ),
  ];
}

function isExcused(stage: Stage, sidekick: Sidekick, write: Served, ask: Asked | undefined): boolean {
  const until = write.servedAt + ANSWER_WITHIN_MS;
  const isOpen = spells(stage, sidekick).some(
    ({ isOpen: open, from, to }) => open && from <= write.servedAt && until <= to,
  );
  if (!isOpen) return true;
  if (!ask) {
    // That the answer to this very write is lost is no excuse: it stands, and can be looked at.
    const hindered = troublesOf(stage, sidekick, write.replica).some(
      ({ from, to }) => from !== write.sentAt && from < until && to > write.sentAt,
    );
    return hindered;
  }
  const { posted } = ask;
  // No receiver was ready, or it was asked for late by one that stood still.
  if (!posted || posted.at > until - NOTE_MS) return !posted || hasTrouble(stage, sidekick, write, until);
  const taker = processAt(sidekick, posted.replica, posted.at);
  const lived = { from: posted.at, to: Math.min(until, taker?.diedAt ?? Infinity) };
  return quietEnd(troublesOf(stage, sidekick, posted.replica), lived, NOTE_MS) === undefined;
}

function hasTrouble(stage: Stage, sidekick: Sidekick, { replica, sentAt }: Served, until: number): boolean {
  return troublesOf(stage, sidekick, replica).some(({ from, to }) => from < until && to > sentAt);
}
