// From a history that broke a promise to the shortest one that still does.
import type { Fault, History } from './history.ts';
import { play } from './play.ts';
import type { Promised } from './promises/promised.ts';

/** Histories that are tried at most. */
const MAX_TRIES = 300;
const SHORT_MS = 1_000;

/** Takes away and simplifies one thing after the other for as long as the same promise is broken. */
export async function shrink(history: History, promise: Promised): Promise<History> {
  let best = history;
  let tries = 0;
  for (let next = await firstBroken(best); next; next = await firstBroken(best)) best = next;
  return best;

  async function firstBroken(from: History): Promise<History | undefined> {
    for (const candidate of simpler(from)) {
      if (++tries > MAX_TRIES) return undefined;
      if (await breaks(candidate, promise)) return candidate;
    }
    return undefined;
  }
}

async function breaks(history: History, promise: Promised): Promise<boolean> {
  const { violations } = await play(history);
  return violations.some((violation) => violation.promise === promise);
}

/** Histories with one thing less, the greatest relief first. */
function* simpler(history: History): Generator<History, void, void> {
  const { faults, replicas, seed, actAfter } = history;
  if (faults.length > 2) {
    const half = faults.length >> 1;
    yield { ...history, faults: faults.slice(half) };
    yield { ...history, faults: faults.slice(0, half) };
  }
  for (const index of faults.keys()) yield { ...history, faults: faults.toSpliced(index, 1) };
  if (replicas === 3) {
    yield { ...history, replicas: 1, faults: faults.map((fault) => ({ ...fault, replica: 'r1' })) };
  }
  if (seed !== 0) yield { ...history, seed: 0 };
  if (actAfter === undefined && seed === 0) {
    for (let write = 0; write <= 12; write++) yield { ...history, actAfter: write };
  }
  for (const [index, fault] of faults.entries()) {
    for (const shorter of shortened(fault)) yield { ...history, faults: faults.with(index, shorter) };
  }
}

function shortened(fault: Fault): Fault[] {
  const shorter: Fault[] = [];
  if ('awayMs' in fault && fault.awayMs > SHORT_MS) shorter.push({ ...fault, awayMs: SHORT_MS });
  if ('forMs' in fault && fault.forMs > SHORT_MS) {
    shorter.push({ ...fault, forMs: SHORT_MS }, { ...fault, forMs: Math.ceil(fault.forMs / 2000) * 1000 });
  }
  return shorter.filter((candidate) => JSON.stringify(candidate) !== JSON.stringify(fault));
}
