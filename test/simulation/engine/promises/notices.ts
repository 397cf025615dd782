// What was told, as promises look at it: each notice with all of its tries, and the life that made it.
import type { History } from '../history.ts';
import { POST_TIMEOUT_MS, type ToldNotice } from '../listener.ts';
import type { Process } from '../process.ts';
import type { Stage } from '../stage.ts';

/** A notice that a process made, and its tries in order. */
export interface Item {
  replica: string;
  life: number;
  id: string;
  reason: string;
  /** `namespace/name`. */
  incident: string | undefined;
  notice: ToldNotice['notice'];
  /** When it was made by the clock of the process, in milliseconds since the epoch. */
  wallMade: number;
  /** The same in milliseconds after the start; of a process whose clock is set, when it was first sent. */
  madeAt: number;
  tries: [ToldNotice, ...ToldNotice[]];
}

/** Tries of a notice, and the time after which no other is made, as docs/notifications.md has them. */
export const MAX_TRIES = 6;
const LAST_TRY_MS = 115_000;

/** Everything that was told, in the order in which it was first sent. */
export function itemsOf({ listener, history }: Stage): Item[] {
  const made = Map.groupBy(listener.told, ({ replica, life, notice }) =>
    JSON.stringify([replica, life, notice.output_fields['die.id'], notice.time]),
  );
  return [...made.values()].flatMap((tries) => {
    const [first, ...others] = tries;
    if (!first) return [];
    const { replica, life, notice, sentAt, wall } = first;
    const wallMade = Date.parse(notice.time);
    const madeAt = isClockSet(history, replica) ? sentAt : sentAt - (wall - wallMade);
    const fields = notice.output_fields;
    const about = { id: fields['die.id'] ?? '', reason: fields['die.reason'] ?? '' };
    const incident = fields['die.incident'];
    return [{ replica, life, notice, ...about, incident, wallMade, madeAt, tries: [first, ...others] }];
  });
}

/** Whether somebody sets the clock of that replica: what its notices say of time then says nothing of their order. */
export function isClockSet({ faults }: History, replica: string): boolean {
  return faults.some((fault) => fault.kind === 'ClockJump' && fault.replica === replica);
}

/** Whether the process knows that it was taken. */
export function isSent({ tries }: Item): boolean {
  return tries.some(({ heard }) => heard !== undefined && heard.status < 300);
}

/** Whether nothing more is to be expected of it: it was taken or refused, or all tries were made. */
export function isSettled(item: Item): boolean {
  const { tries } = item;
  const [first, last] = [tries[0], tries.at(-1) ?? tries[0]];
  const isRefused = last.heard !== undefined && last.heard.status >= 400 && !mayPass(last.heard.status);
  return (
    isSent(item) ||
    isRefused ||
    tries.length >= MAX_TRIES ||
    last.sentAt + POST_TIMEOUT_MS - first.sentAt >= LAST_TRY_MS
  );
}

function mayPass(status: number): boolean {
  return status === 429 || status >= 500;
}

/** When a life ended, in milliseconds after the start: at its death, or with the history. */
export function endOf({ clock }: Stage, process: Process): number {
  return process.diedAt ?? clock.elapsed();
}

/** For messages. */
export function nameOf({ replica, life, notice, incident }: Item): string {
  return `${notice.rule} of ${incident ?? 'no incident'} by ${replica}.${life} at ${notice.time}`;
}
