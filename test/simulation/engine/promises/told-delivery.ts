// Promise 13: each news is told until it is taken or all tries are made, once, the most urgent first, by who leads.
import { severityRank } from '../../../../src/api/severity.ts';
import type { Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';
import { endOf, isClockSet, isSent, isSettled, MAX_TRIES, nameOf, type Item } from './notices.ts';

/** Within this time the same is told once. */
const REPEAT_MS = 600_000;
/** Longest wait that a server can ask for. */
const MAX_ASKED_MS = 60_000;
/** Nothing is waited for longer than that wait and one try; where each try was taken, than a try. */
const IDLE_MS = { afterFailures: MAX_ASKED_MS + 6_000, else: 6_000 };
/** What begins nothing anew begins within this time, in milliseconds: two trips that take long. */
const AT_ONCE_MS = 1_000;
/** After these comes the next step, or the record of this one, at once. */
const STEPS = new Set(['DriftLabelled', 'DriftIsolated', 'DriftEvidenceKept', 'DriftEvicting']);

interface EventBody {
  regarding: { kind: string; namespace?: string; name: string };
  reason: string;
  note: string;
  eventTime: string;
}

/**
 * Events of an incident which that life wrote, and which no notice tells though it went on for long enough; and notices
 * that it did not try to the end. What it did not get to write as an Event is not judged: a process may die, or be cut
 * off, between the two. Nor is what another one tells of: Events on a policy or a pod are no news.
 */
export function untold(stage: Stage, items: readonly Item[]): string[] {
  return stage.listener.processes.flatMap((process) => {
    const mine = items.filter((item) => isOf(item, process));
    const posts = stage.listener.told.filter((told) => isOf(told, process));
    const failed = posts.some(({ heard }) => heard === undefined || heard.status >= 300);
    const stood = process.stood.reduce((sum, { forMs }) => sum + forMs, 0);
    const idleMs = (failed ? IDLE_MS.afterFailures : IDLE_MS.else) + stood;
    const idleSince = endOf(stage, process) - idleMs;
    if (posts.some(({ sentAt }) => sentAt > idleSince)) return [];
    const news = stage.log.events.filter(
      (event) => isOf(event, process) && event.status < 300 && event.servedAt <= idleSince && isNews(event),
    );
    const exact = !isClockSet(stage.history, process.replica);
    return [
      ...news
        .filter((event) => !mine.some((item) => tells(item, event, exact)))
        .map(({ body }) => `${(body as EventBody).reason} was not told: ${(body as EventBody).note}`),
      ...mine
        .filter((item) => !isSettled(item))
        .map((item) => `${nameOf(item)} was given up after ${item.tries.length} tries`),
    ];
  });
}

function isOf(
  one: { replica: string; life: number },
  { replica, life }: { replica: string; life: number },
): boolean {
  return one.replica === replica && one.life === life;
}

function isNews({ body }: Served): boolean {
  return (body as EventBody).regarding.kind === 'DriftIncident';
}

// Of what is the same within ten minutes only the first is told.
function tells({ incident, reason, notice, wallMade }: Item, { body }: Served, exact: boolean): boolean {
  const event = body as EventBody;
  const { namespace, name } = event.regarding;
  const at = Date.parse(event.eventTime);
  const inTime = wallMade <= at && at - wallMade < REPEAT_MS;
  const isCut = notice.output.endsWith('…') || event.note.endsWith('…');
  return (
    incident === `${namespace}/${name}` &&
    reason === event.reason &&
    (isCut || notice.output.endsWith(event.note)) &&
    (inTime || !exact)
  );
}

/** What was told again though it was taken, tried more often than is promised, or sooner than the server asked. */
export function again(stage: Stage, items: readonly Item[]): string[] {
  const tooOften = items
    .filter((item) => item.tries.length > MAX_TRIES || sentAgain(item))
    .map((item) => `${nameOf(item)} was sent ${item.tries.length} times`);
  const hasty = items.filter(isHasty).map((item) => `${nameOf(item)} was tried sooner than the server asked`);
  const same = Map.groupBy(items, ({ replica, life, id }) => JSON.stringify([replica, life, id]));
  const twice = [...same.values()].flatMap((all) =>
    all.slice(1).flatMap((item, index) => {
      const before = all[index];
      if (!before || isClockSet(stage.history, item.replica)) return [];
      const isGivenUp =
        isSettled(before) && !isSent(before) && (before.tries.at(-1)?.sentAt ?? 0) <= item.madeAt;
      return isGivenUp || item.wallMade - before.wallMade >= REPEAT_MS
        ? []
        : [`${nameOf(item)} was told before at ${before.notice.time}`];
    }),
  );
  return [...tooOften, ...hasty, ...twice, ...otherwiseNamed(stage, items)];
}

function sentAgain({ tries }: Item): boolean {
  const taken = tries.findIndex(({ heard }) => heard !== undefined && heard.status < 300);
  return taken !== -1 && taken < tries.length - 1;
}

function isHasty({ tries }: Item): boolean {
  return tries.slice(1).some(({ sentAt }, index) => {
    const { heard } = tries[index] ?? tries[0];
    const askedMs = Math.min(heard?.retryAfterMs ?? 0, MAX_ASKED_MS);
    // No wait ends later than two minutes after the first try.
    return heard && sentAt < heard.at + askedMs && sentAt - tries[0].sentAt < 115_000;
  });
}

// A receiver knows by its id what it was told before, by whomever.
function otherwiseNamed({ log }: Stage, items: readonly Item[]): string[] {
  const opened = log.writes.filter(({ of, verb }) => of === 'driftincidents' && verb === 'create');
  const isOnce = (key: string) =>
    opened.filter(({ namespace, name }) => `${namespace}/${name}` === key).length <= 1;
  const known = items.filter(({ incident, notice }) => {
    return incident !== undefined && isOnce(incident) && !notice.output.endsWith('…');
  });
  const contents = Map.groupBy(known, ({ incident, reason, notice: { output } }) =>
    JSON.stringify([incident, reason, output]),
  );
  const [ids, all] = [new Set(known.map(({ id }) => id)), [...contents.values()]];
  const several = all.filter((same) => new Set(same.map(({ id }) => id)).size > 1);
  return [
    ...several.flatMap(([item]) => (item ? [`${nameOf(item)} has several ids`] : [])),
    ...(several.length === 0 && ids.size < all.length ? ['two notices that differ have one id'] : []),
  ];
}

/** What was sent while something waited that is more urgent, or as urgent and older. */
export function outOfTurn({ history }: Stage, items: readonly Item[]): string[] {
  const exact = items.filter(({ replica }) => !isClockSet(history, replica));
  return [...Map.groupBy(exact, ({ replica, life }) => `${replica} ${life}`).values()].flatMap((mine) =>
    mine.flatMap((item) => {
      const waited = mine.find((other) => item.tries.some(({ wall }) => comesFirst(other, item, wall)));
      return waited ? [`${nameOf(item)} was sent while ${nameOf(waited)} waited`] : [];
    }),
  );
}

function comesFirst(other: Item, item: Item, at: number): boolean {
  const ranks = [other, item].map(({ notice }) => severityRank(notice.priority));
  const [mine = 0, theirs = 0] = ranks;
  const isFirst = mine > theirs || (mine === theirs && other.wallMade < item.wallMade);
  return isFirst && other.wallMade < at && at < (other.tries.at(-1)?.wall ?? 0);
}

/**
 * Steps that were told and after which the response stood still, where nothing but the server that is told has troubles:
 * whoever tells does not wait for it.
 */
export function heldUp({ history, log }: Stage, items: readonly Item[]): string[] {
  if (history.faults.length > 0) return [];
  return items
    .filter(({ reason }) => STEPS.has(reason))
    .filter(({ replica, life, madeAt }) => {
      const next = log.served.find((entry) => isOf(entry, { replica, life }) && entry.sentAt >= madeAt);
      return next !== undefined && next.sentAt > madeAt + AT_ONCE_MS;
    })
    .map((item) => `nothing was sent for a second after ${nameOf(item)}`);
}
