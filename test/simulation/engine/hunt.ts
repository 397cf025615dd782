// Hunts for mutants: each in a process of its own, through random histories until a promise is broken.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { drawsFor } from './draws.ts';
import { historyFor } from './generate.ts';
import type { History } from './history.ts';
import type { Mutant } from './mutants/mutant.ts';
import { play } from './play.ts';
import type { Promised } from './promises/promised.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { moments, sweep } from './sweeps.ts';

/** How a hunt ended. */
export interface Hunted {
  mutant: string;
  /** Histories that were played, the last one broke the promise. */
  histories: number;
  /** Absent: it was not found. */
  found?: { promise: Promised; message: string; history: History };
}

/** Seeds with which single faults and moments are tried. */
const SEEDS = 6;

/** Plays histories in this process until one breaks a promise: random ones and ones with a single fault in turn. */
export async function hunt({ name, prey }: Mutant, from: number, limit: number): Promise<Hunted> {
  const scenarios = SCENARIOS.filter((each) => prey?.includes(each.name) ?? each.name !== 'storm');
  const single = singleFaults(scenarios, from);
  for (let n = 0; n < limit; n++) {
    const history = (n % 2 === 1 ? single.pop() : undefined) ?? historyFor(from + n, scenarios);
    const [first] = (await play(history)).violations;
    if (first) return { mutant: name, histories: n + 1, found: { ...first, history } };
  }
  return { mutant: name, histories: limit };
}

/** Every history with a single fault or a chosen moment, in an order that is drawn. */
function singleFaults(scenarios: readonly Scenario[], seed: number): History[] {
  const draws = drawsFor(seed, 'hunt');
  const seeds = Array.from({ length: SEEDS }, (_, n) => seed + n);
  const all = scenarios.flatMap((scenario) =>
    seeds.flatMap((each) => [...sweep(scenario, each), ...moments(scenario, each)]),
  );
  return all
    .map((history) => ({ history, rank: draws() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ history }) => history);
}

/** The same in a process that loads the mutant. Rejects if its text is not there exactly once. */
export async function huntMutant({ name }: Mutant, from: number, limit: number): Promise<Hunted> {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const args = [
    '--import',
    file('mutation-hooks.ts'),
    file('hunt-worker.ts'),
    name,
    String(from),
    String(limit),
  ];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, DIE_MUTANT: name },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = Buffer.concat(await Array.fromAsync(child.stdout as AsyncIterable<Buffer>)).toString();
  if (output === '') throw new Error(`the hunt for mutant ${name} ended without a result`);
  return JSON.parse(output) as Hunted;
}

/** A line of the table of mutants. */
export function describeHunt({ mutant, histories, found }: Hunted, { about }: Mutant): string {
  const result = found ? `found by history ${histories}: ${found.promise}` : `NOT FOUND in ${histories}`;
  return `${mutant.padEnd(28)} ${result.padEnd(40)} ${about}`;
}
