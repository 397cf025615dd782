// Promise 14: when alerts came is noted and stays so, test events are asked for once, and a silent route is told of.
import { ARRIVALS, INTAKE_KEYS } from '../../../../src/decide/silence.ts';
import type { Judge } from '../promises.ts';
import { entriesOf, type Served } from '../server-log.ts';
import type { Sidekick } from '../sidekick.ts';
import type { SentAlert } from '../stage-parts.ts';
import type { Stage } from '../stage.ts';
import {
  AHEAD_MS,
  canariesIn,
  isOf,
  lowestWall,
  quietEnd,
  recordWrites,
  timeIn,
  troublesOf,
  writesOfAsks,
} from './intake-record.ts';
import { routeTold } from './silent-route.ts';

/** An alert is noted at most once a minute, and a note that failed is tried again a minute later. */
const NOTED_WITHIN_MS = 120_000;
/** Who sent an alert has its answer by then, or gave up: it came that long before at most. */
const ANSWERED_WITHIN_MS = 5_000;
/** What is written is asked for at once; where the answer is lost, once the next look has shown that it stands. */
const ASKED_WITHIN_MS = 60_000;
/** Times are written in whole milliseconds. */
const WHOLE_MS = 1;

/** See PROMISES. */
export const noticed: Judge = ({ stage }) => {
  const { sidekick } = stage;
  if (!sidekick) return [];
  return [
    ...recordWrites(stage).flatMap((write) => putBack(stage, write)),
    ...stage.alerts.flatMap((alert) => unnoted(stage, sidekick, alert)),
    ...askedTooOften(stage, sidekick),
    ...unasked(stage, sidekick),
    ...answeredByNothing(stage, sidekick),
    ...routeTold(stage, sidekick),
  ];
};

// What lies further ahead than clocks may differ was written by a wrong one, and is replaced. It may have been decided by
// any clock that the sender had so far.
function putBack(stage: Stage, { before, after, replica, sentAt }: Served): string[] {
  return ARRIVALS.flatMap((arrival) => {
    const key = INTAKE_KEYS[arrival === 'Alert' ? 'alert' : 'test'];
    const [was, is] = [timeIn(before, key), timeIn(after, key)];
    const isAhead = was > lowestWall(stage, replica, 0, sentAt) + sentAt + AHEAD_MS;
    return Number.isNaN(was) || is >= was || isAhead
      ? []
      : [`${replica} put ${key} back from ${was} to ${is}`];
  });
}

function unnoted(stage: Stage, sidekick: Sidekick, { rule, answers }: SentAlert): string[] {
  return answers.flatMap(({ replica, life, at, answer: { status } }) => {
    const process = sidekick.processes.find((one) => isOf(one, { replica, life }));
    if (status < 200 || status >= 300 || !process) return [];
    const to = Math.min(process.diedAt ?? Infinity, stage.clock.elapsed());
    const end = quietEnd(troublesOf(stage, sidekick, replica), { from: at, to }, NOTED_WITHIN_MS);
    if (end === undefined) return [];
    const came = at - ANSWERED_WITHIN_MS;
    const known = recordWrites(stage).filter(({ servedAt }) => servedAt <= end);
    // Another receiver may have noted a later time before, by a clock that is ahead.
    const first = Math.max(
      0,
      known.findLastIndex(({ servedAt }) => servedAt < came),
    );
    const wall = lowestWall(stage, replica, came, end);
    const isNoted = known.slice(first).some(({ after }) => timeIn(after, INTAKE_KEYS.alert) >= wall);
    return isNoted ? [] : [`${replica} took alert ${rule} at ${at} ms, and did not note it until ${end} ms`];
  });
}

function askedTooOften(stage: Stage, sidekick: Sidekick): string[] {
  const { intervalMs = Infinity } = sidekick;
  const tooSoon = canariesIn(stage).filter(({ before, after }) => {
    const [last, next] = [timeIn(before, INTAKE_KEYS.sent), timeIn(after, INTAKE_KEYS.sent)];
    const isAhead = last > next + AHEAD_MS - WHOLE_MS;
    return next - last < intervalMs - WHOLE_MS && !isAhead;
  });
  const writes = writesOfAsks(stage, sidekick);
  const bare = sidekick.asked.filter((ask) => !writes.get(ask));
  // By a clock that nobody sets, each process keeps to the interval whatever the record says.
  const hasty = [...writes.values()].filter((write, index, all) => {
    const last = all.slice(0, index).findLast((other) => other && write && isOf(other, write));
    return write && last && write.sentAt - last.servedAt < intervalMs;
  });
  return [
    ...tooSoon.map(
      ({ replica, servedAt }) => `${replica} wrote at ${servedAt} ms that it asks, within the interval`,
    ),
    ...bare.map(({ replica, at }) => `${replica} asked for a test event at ${at} ms, and did not write it`),
    ...hasty.map((write) => `${write?.replica} asked twice within the interval, at ${write?.sentAt} ms`),
  ];
}

function unasked(stage: Stage, sidekick: Sidekick): string[] {
  const asked = new Set(writesOfAsks(stage, sidekick).values());
  const canaries = canariesIn(stage);
  return canaries.flatMap((write, index) => {
    const { replica, servedAt } = write;
    const process = sidekick.processes.find((one) => isOf(one, write));
    const next = canaries[index + 1]?.servedAt ?? Infinity;
    const to = Math.min(process?.diedAt ?? Infinity, stage.clock.elapsed(), next);
    const end = quietEnd(troublesOf(stage, sidekick, replica), { from: servedAt, to }, ASKED_WITHIN_MS);
    return asked.has(write) || end === undefined
      ? []
      : [`${replica} wrote at ${servedAt} ms that it asks for a test event, and had not by ${end} ms`];
  });
}

// Each test event answers one request at most; an alert answers none.
function answeredByNothing(stage: Stage, { posted }: Sidekick): string[] {
  const { answered } = INTAKE_KEYS;
  const writes = recordWrites(stage).filter(
    ({ before, after }) => entriesOf(before)[answered] !== entriesOf(after)[answered],
  );
  return writes.flatMap((write) => {
    const { replica, sentAt, servedAt } = write;
    const own = writes.filter((other) => isOf(other, write) && other.servedAt <= servedAt);
    const came = posted.filter((event) => isOf(event, write) && event.at <= sentAt);
    return own.length <= came.length
      ? []
      : [`${replica} wrote at ${servedAt} ms that a test event came, and none did`];
  });
}
