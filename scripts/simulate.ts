// npm run simulate:faults: plays histories of faults, and tells which promise was broken by which.
//   --seeds N --seed S      N random histories from seed S on (default 500 from 1)
//   --exhaustive            a crash before and after every write of every scenario
//   --sweep                 every single fault at every place, and people at every write
//   --scenario NAME         only that scenario
//   --replicas 1|3          for --exhaustive (default both)
//   --replay FILE|JSON      one history, with all that the API server saw
//   --mutant NAME|all       plants a bug and hunts for it, through at most N histories (default 2000)
//   --list                  scenarios and mutants
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { playAll, type Verdict } from '../test/simulation/engine/batches.ts';
import { crashPoints } from '../test/simulation/engine/crash-points.ts';
import { historyFor } from '../test/simulation/engine/generate.ts';
import { parseHistory, type History } from '../test/simulation/engine/history.ts';
import { describeHunt, huntMutant } from '../test/simulation/engine/hunt.ts';
import { mutantNamed, MUTANTS } from '../test/simulation/engine/mutants.ts';
import { play } from '../test/simulation/engine/play.ts';
import { scenarioNamed, SCENARIOS } from '../test/simulation/engine/scenarios.ts';
import { shrink } from '../test/simulation/engine/shrink.ts';
import { moments, sweep } from '../test/simulation/engine/sweeps.ts';
import { Tally } from '../test/simulation/engine/tally.ts';

const SEEDS = 500;
const HUNT_LIMIT = 2000;
const PROGRESS_EVERY = 200;
/** Shrinking takes many histories: of what broke, so many are shrunk. */
const MAX_SHRUNK = 10;

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    exhaustive: { type: 'boolean', default: false },
    sweep: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    replicas: { type: 'string' },
    replay: { type: 'string' },
    mutant: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

const scenarios = options.scenario === undefined ? SCENARIOS : [scenarioNamed(options.scenario)];

async function main(): Promise<void> {
  if (options.list) return list();
  if (options.replay !== undefined) return replay(options.replay);
  if (options.mutant !== undefined) return hunt(options.mutant);
  if (options.exhaustive) return run(exhaustive());
  return run(options.sweep ? sweeps() : random());
}

function list(): void {
  for (const { name, about } of SCENARIOS) console.log(`${name.padEnd(28)} ${about}`);
  console.log();
  for (const { name, about } of MUTANTS) console.log(`${name.padEnd(28)} ${about}`);
}

async function replay(given: string): Promise<void> {
  const played = await play(parseHistory(existsSync(given) ? readFileSync(given, 'utf8') : given));
  console.log(played.lines().join('\n'));
  console.log(`trace ${played.trace}`);
  tell(played);
}

async function hunt(name: string): Promise<void> {
  for (const mutant of name === 'all' ? MUTANTS : [mutantNamed(name)]) {
    const hunted = await huntMutant(mutant, Number(options.seed), Number(options.seeds ?? HUNT_LIMIT));
    console.log(describeHunt(hunted, mutant));
    if (!hunted.found) process.exitCode = 1;
  }
}

async function* random(): AsyncGenerator<History, void, void> {
  const first = Number(options.seed);
  const end = first + Number(options.seeds ?? SEEDS);
  for (let seed = first; seed < end; seed++) yield historyFor(seed, scenarios);
}

async function* sweeps(): AsyncGenerator<History, void, void> {
  const seed = Number(options.seed);
  for (const scenario of scenarios) yield* [...sweep(scenario, seed), ...moments(scenario, seed)];
}

async function* exhaustive(): AsyncGenerator<History, void, void> {
  const sizes = ([1, 3] as const).filter((size) => [undefined, String(size)].includes(options.replicas));
  for (const { name } of scenarios) {
    for (const replicas of sizes) {
      yield* await crashPoints({ scenario: name, seed: Number(options.seed), replicas });
    }
  }
}

async function run(histories: AsyncGenerator<History, void, void>): Promise<void> {
  const tally = new Tally();
  const started = Date.now();
  const perSecond = () => ((tally.total * 1000) / (Date.now() - started)).toFixed(1);
  for await (const played of playAll(histories)) {
    tally.add(played);
    if (played.violations.length > 0) await explain(played, tally.broken <= MAX_SHRUNK);
    if (tally.total % PROGRESS_EVERY === 0) console.log(`${tally.total} histories, ${perSecond()} a second`);
  }
  console.log(tally.lines().join('\n'));
  console.log(`${perSecond()} histories a second`);
}

async function explain(played: Verdict, shrinks: boolean): Promise<void> {
  console.log(`seed ${played.history.seed}: ${JSON.stringify(played.history)}`);
  tell(played);
  const [first] = played.violations;
  if (!first || !shrinks) return;
  const shortest = await shrink(played.history, first.promise);
  console.log(`  shortest: --replay '${JSON.stringify(shortest)}'`);
}

function tell({ violations }: Verdict): void {
  for (const { promise, message } of violations) console.log(`  ${promise}: ${message}`);
  if (violations.length > 0) process.exitCode = 1;
}

await main();
