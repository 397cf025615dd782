// Every point at which a scenario can lose a process: before and after each write of its run without faults.
import type { History } from './history.ts';
import { play } from './play.ts';

/** How long a replica that died is away, in milliseconds. */
const AWAY_MS = 3_000;

/** One history for each write of each replica and each of the two moments. */
export async function crashPoints(base: Omit<History, 'faults'>): Promise<History[]> {
  const { writes } = await play({ ...base, faults: [] });
  return Object.entries(writes).flatMap(([replica, count]) =>
    Array.from({ length: count }, (_, n) => n + 1).flatMap((write) =>
      (['before', 'after'] as const).map((moment) => ({
        ...base,
        faults: [{ kind: 'Crash' as const, replica, write, moment, awayMs: AWAY_MS }],
      })),
    ),
  );
}
