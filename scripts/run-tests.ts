// Runs the test suites in order, fastest first, and closes with one summed line. Arguments: suites, or `all`; without any,
// all that need no real node.
import { existsSync, globSync } from 'node:fs';
import { Writable } from 'node:stream';
import { startVitest, type TestCase, type TestModule } from 'vitest/node';
import { missingRequirement } from '../test/e2e/support/requirements.ts';
import { openRealApi, type OpenRealApi, type RealApi } from '../test/support/real-api.ts';
import { countTests, describeSuite, skippedSuite, sumUp, type SuiteResult, type TestRun } from './suites.ts';

/** A suite and what it runs on. */
interface Suite {
  name: string;
  /** Folder of `test/`, if it is not the name. One without a test file is passed over. */
  folder?: string;
  /** A real API server; all suites that take one share it. `all`: no test can do without. */
  realApi?: 'some' | 'all';
  /** On a real node, which takes a build of half an hour: it runs when it is asked for. */
  realNode?: boolean;
}

const SUITES: readonly Suite[] = [
  { name: 'unit' },
  { name: 'kube', realApi: 'some' },
  { name: 'stream' },
  { name: 'store' },
  { name: 'flow' },
  { name: 'flow-real', folder: 'flow', realApi: 'all' },
  { name: 'simulation' },
  { name: 'load' },
  { name: 'fuzz' },
  { name: 'package' },
  { name: 'e2e', realNode: true },
  { name: 'e2e-lifecycle', folder: 'e2e/lifecycle', realNode: true },
];

/** The argument that stands for all suites. */
const ALL = 'all';

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

const folderOf = ({ name, folder = name }: Suite): string => `test/${folder}`;

async function runSuite(suite: Suite, started: number, realApi?: RealApi): Promise<SuiteResult> {
  const report = recorder();
  const folder = folderOf(suite);
  const config = `${folder}/vitest.config.ts`;
  const hasConfig = existsSync(config);
  const given = { ...(hasConfig && { config }), ...(realApi && { provide: { realApi } }) };
  const options = { watch: false, reporters: ['minimal'], ...given };
  const streams = { stdout: report.out, stderr: report.out };
  const vitest = await startVitest(hasConfig ? [] : [`${folder}/`], options, {}, streams);
  const modules = vitest.state.getTestModules();
  const tests = modules.flatMap((module) => [...module.children.allTests()].map(testRun));
  const outside = modules.reduce((total, module) => total + errorsOutsideTests(module), 0);
  const counts = countTests(tests, outside + vitest.state.getUnhandledErrors().length);
  await vitest.close();
  if (counts.failed > 0) process.stdout.write(report.text());
  return { suite: suite.name, ...counts, tookMs: Date.now() - started };
}

/** Why no test of a suite can run, or undefined. */
function obstacle({ realApi: need, realNode }: Suite, api: RealApi | undefined): string | undefined {
  if (realNode) return missingRequirement();
  if (need !== 'all' || api === undefined) return undefined;
  if ('missing' in api) return api.missing;
  return api.access.hasControllers ? undefined : 'KUBEBUILDER_ASSETS holds no kube-controller-manager.';
}

/** Runs them in order. The API server is started before the first that takes one. */
async function runAll(suites: readonly Suite[]): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  let real: OpenRealApi | undefined;
  try {
    for (const suite of suites) {
      const started = Date.now();
      if (suite.realApi) real ??= await openRealApi();
      const api = suite.realApi && real?.api;
      const reason = obstacle(suite, api);
      const result =
        reason === undefined ? await runSuite(suite, started, api) : skippedSuite(suite.name, reason);
      console.log(describeSuite(result).join('\n'));
      results.push(result);
    }
    return results;
  } finally {
    await real?.close();
  }
}

async function main(wanted: readonly string[]): Promise<void> {
  const names = SUITES.map(({ name }) => name);
  const unknown = wanted.filter((name) => !names.includes(name) && name !== ALL);
  if (unknown.length > 0) {
    console.error(
      `No such suite: ${unknown.join(', ')}. There are ${names.join(', ')}; ${ALL} stands for each.`,
    );
    process.exitCode = 2;
    return;
  }
  const isAsked = ({ name, realNode }: Suite) =>
    wanted.length === 0 ? !realNode : wanted.includes(name) || wanted.includes(ALL);
  const asked = SUITES.filter(isAsked);
  const present = asked.filter((suite) => globSync(`${folderOf(suite)}/**/*.test.ts`).length > 0);
  const { line, ok } = sumUp(await runAll(present), process.env['CI'] === 'true');
  console.log(line);
  process.exitCode = ok ? 0 : 1;
}

await main(process.argv.slice(2));
