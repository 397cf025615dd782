// Fuzzes everything that comes from outside for as long as it is told to: `npm run fuzz -- --runs N --seed S`.
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';
import { TARGETS } from '../test/fuzz/support/budget.ts';

const USAGE = `npm run fuzz -- [--runs N] [--seed S] [--target NAME] [--path P]
  --runs N       inputs over all targets (default 1,000,000)
  --seed S       where the inputs come from (default: another one each time; it is printed)
  --target NAME  one of ${TARGETS.join(', ')}; then all runs are its own
  --path P       one input again, as a failure names it; needs --target and --seed`;

const DEFAULT_RUNS = 1_000_000;
const LARGEST_SEED = 2 ** 31;

interface Asked {
  runs: number;
  seed: number;
  target?: string | undefined;
  path?: string | undefined;
}

/** @throws Error that says what is wrong. */
function read(args: string[]): Asked {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { runs: text, seed: text, target: text, path: text } });
  const {
    runs = String(DEFAULT_RUNS),
    seed = String(Math.floor(Math.random() * LARGEST_SEED)),
    target,
    path,
  } = values;
  for (const [name, value] of Object.entries({ runs, seed })) {
    if (!/^\d{1,10}$/.test(value)) throw new Error(`--${name} must be a whole number, not ${value}`);
  }
  if (target !== undefined && !TARGETS.includes(target)) throw new Error(`there is no target ${target}`);
  if (path !== undefined && (target === undefined || values.seed === undefined))
    throw new Error('--path needs --target and --seed: it counts the inputs of one target from one seed');
  return { runs: Number(runs), seed: Number(seed), target, path };
}

async function fuzz({ runs, seed, target, path }: Asked): Promise<void> {
  console.log(`seed ${seed}, ${runs.toLocaleString('en')} inputs`);
  process.env['DIE_FUZZ_RUNS'] = String(runs);
  process.env['DIE_FUZZ_SEED'] = String(seed);
  process.env['DIE_FUZZ_TARGET'] = target ?? '';
  process.env['DIE_FUZZ_PATH'] = path ?? '';
  const vitest = await startVitest([], {
    config: 'test/fuzz/vitest.config.ts',
    watch: false,
    ...(target !== undefined && { testNamePattern: `^${target}:` }),
  });
  await vitest.close();
}

try {
  await fuzz(read(process.argv.slice(2)));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
