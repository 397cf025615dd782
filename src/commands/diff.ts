// `die-operator diff POD`: how the files of a running pod differ from its images. Starts a capture pod on its node.
import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import { systemClock, systemRandom, type Clock } from '../kube/clock.ts';
import { loadConnection } from '../kube/connection.ts';
import { createKubeClient } from '../kube/http-client.ts';
import { createUndiciTransport } from '../kube/undici-transport.ts';
import { silentLogger } from '../observe/log.ts';
import { visible } from '../report/visible.ts';
import { nodeCollector } from '../respond/node-capture.ts';
import { version } from '../version.ts';
import { durationFrom } from './options/duration.ts';
import { comparePod, type DiffContext, type PodDiff } from './diff/compare.ts';
import { diffJson, diffText } from './diff/print.ts';
import { checkRights } from './diff/rights.ts';

const EXIT_CODES = `
Exit codes:
  0  no drift
  1  drift was found, also where not everything could be compared
  2  it is not known: not everything could be compared, nothing could, or wrong usage

Paths that the pod is known to write are named with --expected-writes; programs are drift wherever they lie.`;

const MAX_ERROR = 4096;
const AN_HOUR_MS = 3_600_000;
const [SHORTEST_MS, LONGEST_MS] = [10_000, 540_000];

/** What the command line gives. */
export interface DiffOptions {
  namespace: string;
  container?: string;
  kubeconfig?: string;
  context?: string;
  expectedWrites: string[];
  timeout: number;
  output: 'text' | 'json';
  all?: true;
}

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return new Command('diff')
    .argument('<pod>', 'name of the pod')
    .option('-n, --namespace <name>', 'namespace of the pod', 'default')
    .option('-c, --container <name>', 'only this container (default: all, and the volumes of the pod)')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl, then the account of the pod)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .option(
      '--expected-writes <pattern>',
      'paths that are known to be written, as /var/cache/*; * is any characters; repeatable',
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .option('--all', 'show also what is no drift, as directories, modes and expected writes')
    .addOption(
      new Option('--timeout <duration>', 'how long it may take, from 10s to 9m')
        .argParser(durationFrom(SHORTEST_MS, LONGEST_MS, 'give a duration from 10s to 9m'))
        .default(120_000, '2m'),
    )
    .addOption(
      new Option('-o, --output <form>', 'form of the output').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (name: string, options: DiffOptions) => {
      process.exitCode = await run(name, options, clock);
    });
}

/** @returns the exit code. */
async function run(name: string, options: DiffOptions, clock: Clock): Promise<number> {
  const stopped = new AbortController();
  // The capture pod is removed, then it ends.
  const stop = () => stopped.abort(new Error('it was stopped: nothing is known'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // Neither the clock's timers nor idle connections keep the process alive while it waits.
  const awake = setInterval(() => {}, AN_HOUR_MS);
  try {
    const transport = createUndiciTransport(await loadConnection(options));
    const userAgent = `die-operator-diff/${version()}`;
    const client = createKubeClient({ transport, clock, random: systemRandom, userAgent });
    try {
      const collectorOf = (request: Parameters<typeof nodeCollector>[0]) =>
        nodeCollector(request, { log: silentLogger });
      return await diff(
        { client, clock, stopping: stopped.signal, collectorOf, newId: randomUUID },
        name,
        options,
      );
    } finally {
      await transport.close();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`die-operator: ${visible(message, MAX_ERROR)}\n`);
    return 2;
  } finally {
    clearInterval(awake);
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** Compares and prints. @returns the exit code. @throws Error that says why nothing could be compared. */
export async function diff(
  context: DiffContext,
  name: string,
  options: Pick<DiffOptions, 'namespace' | 'container' | 'expectedWrites' | 'timeout' | 'output' | 'all'>,
): Promise<number> {
  const { namespace, container, expectedWrites, output } = options;
  await checkRights(context, namespace);
  const request = { name, namespace, container, expectedWrites, withinMs: options.timeout };
  const found = await comparePod(context, request);
  const print = output === 'json' ? diffJson : diffText;
  process.stdout.write(print(found, options.all === true));
  return exitCode(found);
}

function exitCode({ counts, complete }: PodDiff): number {
  if (counts.danger + counts.otherDrift > 0) return 1;
  return complete ? 0 : 2;
}
