// `fuzz`: one target as a test. Every input is generated from a seed, watched, and on failure shrunk and told how to
// play it again.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { budgetOf, replayCommand, type Budget, type TargetName } from './budget.ts';
import { shown } from './show.ts';
import { supervised } from './supervise.ts';
import { watch, type Watchdog } from './watchdog.ts';

/** What is fuzzed. */
export interface Target<T> {
  name: TargetName;
  /** What it promises, as the name of the test. */
  promise: string;
  input: fc.Arbitrary<T>;
  /** Throws if the input did what it must not. `seen` counts what became of it. */
  check: (input: T, seen: (what: string) => void) => unknown;
  /** What of `seen` must have been there: inputs that never get past the first check prove little. */
  reaches: readonly string[];
}

/** Below this, what is reached is a matter of luck. */
const RUNS_FOR_REACH = 1_000;

/** Registers the target as a test; see the file's first line. */
export function fuzz<T>(target: Target<T>): void {
  test(`${target.name}: ${target.promise}`, async () => {
    expect(await run(target), 'what no input reached').toEqual([]);
  });
}

/** Runs the target; what it did not reach. @throws Error that shows the input that failed. */
async function run<T>(target: Target<T>): Promise<string[]> {
  const { name } = target;
  const budget = budgetOf(name);
  const watchdog = watch(`Play it again with: ${replayCommand(name, budget, '')}`);
  const seen = new Map<string, number>();
  const started = performance.now();
  const result = await fc.check(propertyOf(target, watchdog, seen), {
    numRuns: budget.runs,
    seed: budget.seed,
    ...(budget.path !== undefined && { path: budget.path, endOnFailure: true }),
  });
  await watchdog.stop();
  report(name, budget, result.numRuns, { ms: performance.now() - started, seen });
  if (result.failed) throw new Error(describeFailure(name, budget, result), { cause: result.errorInstance });
  return budget.runs < RUNS_FOR_REACH ? [] : target.reaches.filter((what) => !seen.has(what));
}

function propertyOf<T>(
  { name, input, check }: Target<T>,
  watchdog: Watchdog,
  seen: Map<string, number>,
): fc.IAsyncProperty<[T]> {
  const replays = budgetOf(name).path !== undefined;
  const note = (what: string) => void seen.set(what, (seen.get(what) ?? 0) + 1);
  return fc.asyncProperty(input, async (value) => {
    // Before it runs: if it hangs, nothing can be shown afterwards.
    if (replays) process.stdout.write(`${shown(value)}\n`);
    watchdog.begin();
    try {
      await supervised(() => check(value, note));
    } finally {
      watchdog.end();
    }
  });
}

function report(
  name: TargetName,
  { seed }: Budget,
  numRuns: number,
  { ms, seen }: { ms: number; seen: ReadonlyMap<string, number> },
): void {
  const rate = Math.round((numRuns / Math.max(1, ms)) * 1000);
  const became = [...seen].toSorted(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`);
  const time = `${(ms / 1000).toFixed(1)} s, ${rate}/s`;
  process.stdout.write(`fuzz ${name}: ${numRuns} inputs, seed ${seed} (${time}): ${became.join(', ')}\n`);
}

function describeFailure<T>(
  name: TargetName,
  budget: Budget,
  { counterexample, counterexamplePath, errorInstance, numShrinks }: fc.RunDetails<[T]>,
): string {
  const message = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return [
    `${name}: ${message}`,
    `seed ${budget.seed}, input ${counterexamplePath}, shrunk ${numShrinks} times:`,
    shown(counterexample?.[0]),
    `Play it again with: ${replayCommand(name, budget, counterexamplePath ?? '')}`,
  ].join('\n');
}
