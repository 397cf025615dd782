// Promise 13: what people are told is true, and told once, by who may tell it, until it is taken.
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { heldBy } from './leads.ts';
import { isClockSet, itemsOf, nameOf, type Item } from './notices.ts';
import { again, heldUp, outOfTurn, untold } from './told-delivery.ts';
import { untrue } from './told-truth.ts';

const UNIDENTIFIED = 'AlertsUnidentified';
/** Alerts whose pod could not be told are told of this often at most. */
const EVERY_MS = 60_000;

/** See PROMISES. */
export const told: Judge = ({ stage }) => {
  const items = itemsOf(stage);
  return [
    ...untrue(stage, items),
    ...again(stage, items),
    ...outOfTurn(stage, items),
    ...untold(stage, items),
    ...heldUp(stage, items),
    ...byOthers(stage, items),
    ...unidentified(stage, items),
  ];
};

// Where a clock is set nobody knows when it was told.
function byOthers(stage: Stage, items: readonly Item[]): string[] {
  if (stage.history.replicas === 1) return [];
  return items
    .filter(({ reason, replica }) => reason !== UNIDENTIFIED && !isClockSet(stage.history, replica))
    .filter(({ replica, madeAt }) => !heldBy(stage, { replica, sentAt: madeAt }))
    .map((item) => `${nameOf(item)} (${item.madeAt} ms) was told without the Lease`);
}

// What was counted is said within a minute, or lost with the process.
function unidentified({ history, logged }: Stage, items: readonly Item[]): string[] {
  const summaries = items.filter(({ reason }) => reason === UNIDENTIFIED);
  const byReplica = Map.groupBy(summaries, ({ replica }) => replica);
  return [...byReplica].flatMap(([replica, mine]) => {
    const said = mine.reduce((sum, { notice }) => sum + Number(notice.output_fields['die.count']), 0);
    const seen = logged.filter(
      (line) => line.replica === replica && (line.fields as { outcome?: string }).outcome === 'Unidentified',
    );
    const isSoon = (item: Item, index: number) =>
      mine[index - 1]?.life === item.life && item.madeAt - (mine[index - 1]?.madeAt ?? 0) < EVERY_MS;
    const isFlood = !isClockSet(history, replica) && mine.some(isSoon);
    return [
      ...(said > seen.length ? [`${replica} told of ${said} such alerts, and had ${seen.length}`] : []),
      ...(isFlood ? [`${replica} told of such alerts twice within a minute`] : []),
    ];
  });
}
