// Runs the test suites in order, fastest first, and closes with one summed line. Arguments: suites; without any, all.
import { existsSync, globSync } from 'node:fs';
import { Writable } from 'node:stream';
import { startVitest, type TestCase, type TestModule } from 'vitest/node';
import { countTests, describeSuite, sumUp, type SuiteResult, type TestRun } from './suites.ts';

/** Folders of `test/`. Those without a test file are passed over. */
const SUITES = ['unit', 'kube', 'flow', 'simulation', 'package'];

function testRun(test: TestCase): TestRun {
  const result = test.result();
  return { name: test.fullName, state: result.state, ...('note' in result && { note: result.note }) };
}

/** Errors of a file that are not those of a test in it, e.g. an import that failed. */
function errorsOutsideTests(module: TestModule): number {
  const suites = [...module.children.allSuites()];
  return module.errors().length + suites.reduce((total, suite) => total + suite.errors().length, 0);
}

/** Keeps what vitest prints, which is worth reading only when something failed. */
function recorder(): { out: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { out, text: () => Buffer.concat(chunks).toString() };
}

async function runSuite(suite: string): Promise<SuiteResult> {
  const started = Date.now();
  const report = recorder();
  const config = `test/${suite}/vitest.config.ts`;
  const hasConfig = existsSync(config);
  const options = { watch: false, reporters: ['minimal'], ...(hasConfig && { config }) };
  const streams = { stdout: report.out, stderr: report.out };
  const vitest = await startVitest(hasConfig ? [] : [`test/${suite}/`], options, {}, streams);
  const modules = vitest.state.getTestModules();
  const tests = modules.flatMap((module) => [...module.children.allTests()].map(testRun));
  const outside = modules.reduce((total, module) => total + errorsOutsideTests(module), 0);
  const counts = countTests(tests, outside + vitest.state.getUnhandledErrors().length);
  await vitest.close();
  if (counts.failed > 0) process.stdout.write(report.text());
  return { suite, ...counts, tookMs: Date.now() - started };
}

async function main(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((suite) => !SUITES.includes(suite));
  if (unknown.length > 0) {
    console.error(`No such suite: ${unknown.join(', ')}. There are ${SUITES.join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  const results: SuiteResult[] = [];
  for (const suite of wanted.length > 0 ? wanted : SUITES) {
    if (globSync(`test/${suite}/**/*.test.ts`).length === 0) continue;
    const result = await runSuite(suite);
    console.log(describeSuite(result).join('\n'));
    results.push(result);
  }
  const { line, ok } = sumUp(results, process.env['CI'] === 'true');
  console.log(line);
  process.exitCode = ok ? 0 : 1;
}

await main(process.argv.slice(2));
