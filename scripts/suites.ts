// What a run of a test suite comes to, as data and as lines for people.

/** A test that did not run, and why. */
export interface Skipped {
  name: string;
  reason: string;
}

/** Counts of one suite. */
export interface SuiteResult {
  suite: string;
  passed: number;
  /** Tests that failed, plus files and background errors that no test accounts for. */
  failed: number;
  skipped: Skipped[];
  /** Wall time in milliseconds. */
  tookMs: number;
}

/** A test as far as it is counted; `state` is that of vitest. */
export interface TestRun {
  name: string;
  state: 'passed' | 'failed' | 'skipped' | 'pending';
  /** Why it was skipped, if the test said so. */
  note?: string | undefined;
}

/** Counts a suite. `otherErrors` are failures outside tests: a file that does not load, an unhandled rejection. */
export function countTests(
  tests: readonly TestRun[],
  otherErrors: number,
): Omit<SuiteResult, 'suite' | 'tookMs'> {
  const inState = (state: TestRun['state']) => tests.filter((test) => test.state === state);
  const skipped = inState('skipped').map(({ name, note }) => ({ name, reason: note ?? 'no reason given' }));
  // A test that never finished has failed; a suite in which nothing ran proves nothing.
  const unfinished = inState('pending').length;
  const nothingRan = tests.length === skipped.length ? 1 : 0;
  const failed = inState('failed').length + unfinished + otherErrors;
  return { passed: inState('passed').length, failed: failed > 0 ? failed : nothingRan, skipped };
}

/** The counts of a suite that needs what is not there: nothing of it ran, and that is told. */
export function skippedSuite(suite: string, reason: string): SuiteResult {
  return { suite, passed: 0, failed: 0, skipped: [{ name: 'all', reason }], tookMs: 0 };
}

/** The lines for one suite: its counts and time, then each skipped test with its reason. */
export function describeSuite(result: SuiteResult): string[] {
  const seconds = (result.tookMs / 1000).toFixed(1);
  const counts = `${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped`;
  return [
    `${result.suite.padEnd(11)} ${counts} (${seconds} s)`,
    ...result.skipped.map(({ name, reason }) => `  skipped: ${name}: ${reason}`),
  ];
}

/**
 * Sums the suites up. With `strict` (continuous integration) a skipped test is a failure: there everything that the
 * tests need has to be present.
 */
export function sumUp(results: readonly SuiteResult[], strict: boolean): { line: string; ok: boolean } {
  const sum = (count: (result: SuiteResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const failed = sum((result) => result.failed) + (strict ? sum((result) => result.skipped.length) : 0);
  return {
    line: `${sum((result) => result.passed)} passed, ${failed} failed`,
    ok: failed === 0 && results.length > 0,
  };
}
