// How many inputs each target gets, and from which seed.

/**
 * Parts of the whole by target. Those that are cheap get many, those that run a whole cluster for each input few: of a
 * long run each then takes its share of the time.
 */
const SHARES = {
  webhook: 246,
  falco: 170,
  defender: 30,
  stream: 60,
  alerts: 8,
  policies: 110,
  matching: 60,
  plan: 90,
  incidents: 3,
  client: 80,
  watch: 60,
  cache: 8,
  texts: 90,
  journal: 15,
  evidence: 5,
} as const;

/** Name of a target; `--target` of `npm run fuzz` takes it. */
export type TargetName = keyof typeof SHARES;

/** Names of all targets. */
export const TARGETS: readonly string[] = Object.keys(SHARES);

/** Inputs of one run of the suite in continuous integration, over all targets. */
const DEFAULT_RUNS = 20_000;
/** A fixed one: what continuous integration finds is found again, and by everybody. */
const DEFAULT_SEED = 1;

/** What one target is to do. */
export interface Budget {
  runs: number;
  seed: number;
  /** Replays one input, as fast-check names it: the number of the run, then the steps of shrinking. */
  path: string | undefined;
}

/** The budget of a target, from the environment: its share, or all if it is the only one. @throws Error for what is no number. */
export function budgetOf(name: TargetName): Budget {
  const path = process.env['DIE_FUZZ_PATH'] || undefined;
  const seed = count('DIE_FUZZ_SEED', DEFAULT_SEED);
  if (path !== undefined) return { runs: 1, seed, path };
  const total = count('DIE_FUZZ_RUNS', DEFAULT_RUNS);
  const all = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
  const share = process.env['DIE_FUZZ_TARGET'] === name ? 1 : SHARES[name] / all;
  return { runs: Math.ceil(total * share), seed, path };
}

/** The command that plays one input again and shows it. */
export function replayCommand(name: TargetName, { seed }: Budget, path: string): string {
  return `npm run fuzz -- --target ${name} --seed ${seed} --path ${path}`;
}

function count(variable: string, otherwise: number): number {
  const text = process.env[variable];
  if (text === undefined || text === '') return otherwise;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${variable} must be a whole number, not ${text}`);
  return Number(text);
}
