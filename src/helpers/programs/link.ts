// What one canary knows of its way to the other: a state machine without sockets and without a clock.
import type { CanaryReport } from '../canary-report.ts';

/** How often a new connection is tried and the held one is used, in milliseconds. */
export const BEAT_MS = 250;
/** New connections in a row after which they are taken to work. */
const STREAK = 3;
/** No new connection for so long, and so many that failed: they are cut. A node that is merely busy loses one or two. */
const CUT_MS = 3_000;
const CUT_TRIES = 4;
/** A held connection without a beat for so long carries no more. */
const SILENT_MS = 2_000;
/** Looks so far apart mean that this process did not run: what it missed says nothing about the network. */
const STALL_MS = 1_000;

/** What happened; times are milliseconds of `Clock.elapsed`. */
export type LinkEvent =
  /** A new connection was tried, beginning at `startedAt`. */
  | { kind: 'Try'; result: TryResult; startedAt: number }
  /** What was sent on the held connection came back. */
  | { kind: 'Beat' }
  /** The other canary closed the held connection: it ends. A network that cuts closes nothing in order. */
  | { kind: 'Ended' }
  /** Comes every {@link BEAT_MS}. */
  | { kind: 'Look' };

/**
 * `Greeted`: it works. `Failed`: there was no connection. `Reached`: there was one, and the other canary was too busy to
 * greet, or somebody keeps it so: that neither works nor is it cut.
 */
export type TryResult = 'Greeted' | 'Reached' | 'Failed';

/** See the file's first line. */
export interface Link {
  readonly report: CanaryReport;
  /** New connections that worked in a row. */
  readonly streak: number;
  /** Those that failed of the ones that were begun in the present quiet. */
  readonly failures: number;
  /** Since when there was no new connection, as far as this process was there to see. */
  readonly quietSince: number;
  readonly lastSuccess: number;
  readonly lastBeat: number;
  readonly lastLook: number;
}

/** Before anything has happened. */
export function newLink(now: number): Link {
  const never = -Infinity;
  const times = { quietSince: now, lastSuccess: never, lastBeat: never, lastLook: now };
  return { report: { state: 'Listening' }, streak: 0, failures: 0, ...times };
}

/** The link after an event. `report` is another object exactly when there is something new to tell. */
export function nextLink(link: Link, event: LinkEvent, now: number): Link {
  if (event.kind === 'Ended') {
    const { report, ...fresh } = newLink(now);
    return { ...fresh, report: link.report.state === 'Listening' ? link.report : report };
  }
  const heard = hear(link, event, now);
  return { ...heard, report: judge(heard, now) };
}

/** Whether the held connection is no use any more, though new ones work. */
export function needsNewHold(link: Link, now: number): boolean {
  return link.report.state !== 'Connected' && link.streak >= STREAK && !carries(link, now);
}

function hear(link: Link, event: Exclude<LinkEvent, { kind: 'Ended' }>, now: number): Link {
  switch (event.kind) {
    case 'Beat':
      return { ...link, lastBeat: now };
    case 'Look':
      return { ...(now - link.lastLook > STALL_MS ? noQuiet(link, now) : link), lastLook: now };
    case 'Try':
      return tried(link, event, now);
  }
}

function tried(link: Link, { result, startedAt }: LinkEvent & { kind: 'Try' }, now: number): Link {
  switch (result) {
    case 'Greeted':
      return { ...noQuiet(link, now), streak: link.streak + 1, lastSuccess: now };
    case 'Reached':
      return { ...noQuiet(link, now), streak: 0 };
    case 'Failed':
      return { ...link, streak: 0, failures: link.failures + Number(startedAt >= link.quietSince) };
  }
}

function noQuiet(link: Link, now: number): Link {
  return { ...link, quietSince: now, failures: 0 };
}

function judge(link: Link, now: number): CanaryReport {
  const { report, streak } = link;
  if (report.state !== 'Connected')
    return streak >= STREAK && carries(link, now) ? { state: 'Connected' } : ongoing(link, now);
  return isCut(link, now) ? cut(link, now) : report;
}

function isCut({ quietSince, failures }: Link, now: number): boolean {
  return now - quietSince >= CUT_MS && failures >= CUT_TRIES;
}

// While it is cut, that is told again when the connection that was held gets cut later than the new ones, or carries again.
function ongoing(link: Link, now: number): CanaryReport {
  const { report } = link;
  if (report.state !== 'Cut' || !isCut(link, now)) return report;
  const next = cut(link, now);
  return next.established === report.established ? report : next;
}

function cut(link: Link, now: number): CanaryReport & { state: 'Cut' } {
  const lastSuccessAgoMs = Math.round(now - link.lastSuccess);
  return { state: 'Cut', lastSuccessAgoMs, established: carries(link, now) ? 'Carries' : 'Cut' };
}

function carries({ lastBeat }: Link, now: number): boolean {
  return now - lastBeat < SILENT_MS;
}
