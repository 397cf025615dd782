// `die-operator verify-images`: whether what runs, or stands in manifests, is what was approved. Reads only.
import { clearInterval, setInterval } from 'node:timers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { visible } from '../report/visible.ts';
import { REGISTRY_SETTINGS } from '../settings/registry.ts';
import { durationFrom } from './options/duration.ts';
import { terminalWidth, withClient } from './answer/connect.ts';
import { verifyCluster } from './verify-images/from-cluster.ts';
import { verifyFiles } from './verify-images/from-files.ts';
import { problemLines, reportJson, reportText } from './verify-images/print.ts';
import { openRegistries, type Registries } from './verify-images/registries.ts';
import { exitCode, type Report } from './verify-images/report.ts';

const EXIT_CODES = `
Exit codes:
  0  nothing is Unapproved and nothing differs; other verdicts are printed
  1  an image is Unapproved, or a pod differs from its template; with --strict also what is not Approved
  2  it is not known: the API server, a file or a registry was not read; wrong usage

What each verdict means, and the JSON: docs/images.md`;

const DEFAULT_NAMESPACE = 'default';
const AN_HOUR_MS = 3_600_000;
const [SHORTEST_MS, LONGEST_MS] = [1_000, 600_000];
const MAX_ERROR = 4096;

/** What the command line gives. */
export interface VerifyOptions {
  namespace?: string;
  allNamespaces?: true;
  selector?: string;
  filename?: string[];
  registry: string[];
  registryCredentialsFile?: string;
  timeout: number;
  strict?: true;
  all?: true;
  kubeconfig?: string;
  context?: string;
  output: 'text' | 'json';
}

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return new Command('verify-images')
    .option(
      '-n, --namespace <name>',
      `namespace to look in; with --filename that of objects which name none (default: ${DEFAULT_NAMESPACE})`,
    )
    .option('-A, --all-namespaces', 'look in the whole cluster')
    .option('-l, --selector <labels>', 'only pods with these labels, as kubectl takes them')
    .option(
      '-f, --filename <path>',
      'manifests to look at instead of a cluster: a file, a folder, or - for standard input; repeatable',
      append,
    )
    .option('--registry <host>', 'registry that may be asked, as images name it; repeatable', host, [])
    .option('--registry-credentials-file <file>', 'credentials for these registries (.dockerconfigjson)')
    .addOption(
      new Option('--timeout <duration>', 'how long registries may take, from 1s to 10m')
        .argParser(durationFrom(SHORTEST_MS, LONGEST_MS, 'give a duration from 1s to 10m'))
        .default(60_000, '1m'),
    )
    .option(
      '--strict',
      'fail also for what is not Approved, or where a list, label or template could not be read',
    )
    .option('--all', 'show each pod; else pods of one workload with the same result are one row')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .addOption(
      new Option('-o, --output <form>', 'form of the output').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (options: VerifyOptions, self: Command) => {
      for (const [isSo, message] of MISUSES) if (isSo(options)) self.error(`error: ${message}`);
      process.exitCode = await run(options, clock);
    });
}

/** @returns the exit code. */
async function run(options: VerifyOptions, clock: Clock): Promise<number> {
  const registries = openRegistries(options, clock);
  // Neither the clock's timers nor idle connections keep the process alive while registries are asked.
  const awake = setInterval(() => {}, AN_HOUR_MS);
  try {
    const report = await reportOf(options, clock, registries);
    const shape = { isAll: options.all === true, width: terminalWidth() };
    process.stdout.write(options.output === 'json' ? reportJson(report) : reportText(report, shape));
    if (options.output === 'text') process.stderr.write(problemLines(report));
    return exitCode(report, options.strict === true);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`die-operator: ${visible(message, MAX_ERROR)}\n`);
    return 2;
  } finally {
    clearInterval(awake);
    await registries.close();
  }
}

function reportOf(options: VerifyOptions, clock: Clock, registries: Registries): Promise<Report> {
  const { filename, namespace = DEFAULT_NAMESPACE, selector, allNamespaces } = options;
  if (filename) return verifyFiles({ paths: filename, namespace }, registries);
  const request = { namespace: allNamespaces ? undefined : namespace, selector };
  return withClient(options, { verb: 'verify-images', clock }, (client) =>
    verifyCluster({ client, clock, registries }, request),
  );
}

// Options that contradict each other, and what to do about it.
const MISUSES: readonly [(options: VerifyOptions) => boolean, string][] = [
  [
    ({ namespace, allNamespaces }) => namespace !== undefined && allNamespaces === true,
    '--all-namespaces looks in all: leave --namespace out',
  ],
  [
    ({ filename, kubeconfig, context }) => filename !== undefined && (kubeconfig ?? context) !== undefined,
    'with --filename no cluster is asked: leave --kubeconfig and --context out',
  ],
  [
    ({ filename, allNamespaces, selector }) =>
      filename !== undefined && (allNamespaces === true || selector !== undefined),
    'with --filename all that stands in the files is looked at: leave --all-namespaces and --selector out',
  ],
  [
    ({ registry, registryCredentialsFile }) => registry.length === 0 && registryCredentialsFile !== undefined,
    '--registry-credentials-file is for registries that are asked: name them with --registry',
  ],
];

function append(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function host(text: string, before: string[]): string[] {
  const all = [...before, text];
  const parsed = REGISTRY_SETTINGS.registry.safeParse(all);
  if (parsed.success) return all;
  throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? 'it is no host');
}
