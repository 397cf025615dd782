// `die-operator uninstall`: lists what die-operator left in a cluster besides what config/ installs, and clears it.
import { createInterface } from 'node:readline/promises';
import { clearInterval, setInterval } from 'node:timers';
import { Command, Option } from 'commander';
import { RESPONDER_LEASE, SYSTEM_NAMESPACE } from '../api/names.ts';
import { visible } from '../explain/visible.ts';
import type { KubeClient } from '../kube/client.ts';
import { systemClock, systemRandom, type Clock } from '../kube/clock.ts';
import { loadConnection } from '../kube/connection.ts';
import { createKubeClient } from '../kube/http-client.ts';
import { createUndiciTransport } from '../kube/undici-transport.ts';
import { silentLogger } from '../observe/log.ts';
import { SettingsSchema } from '../settings.ts';
import { version } from '../version.ts';
import { clear, type Act } from './uninstall/clear.ts';
import { whoAmI } from './uninstall/decide-release.ts';
import { leaderNow } from './uninstall/leader.ts';
import { actLine, asJson, isLeft, remainsText } from './uninstall/print.ts';
import { readFound } from './uninstall/read.ts';
import { remainsOf } from './uninstall/remains.ts';

const EXIT_CODES = `
Exit codes:
  0  nothing is left, apart from what is in the namespace of die-operator and goes with it
  1  something is left
  2  wrong usage, something could not be read, or nothing was cleared: a responder leads, or nobody confirmed it

In which order to remove die-operator: docs/uninstall.md`;

const AN_HOUR_MS = 3_600_000;

/** What the command line gives. */
interface UninstallOptions {
  check?: true;
  clear?: true;
  yes?: true;
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  leaseName: string;
  protectedNamespaces: string[];
  output: 'text' | 'json';
}

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return new Command('uninstall')
    .option('--check', 'list what is left, and change nothing (default)')
    .option('--clear', 'release what is quarantined and remove what is left')
    .option('-y, --yes', 'with --clear: do not ask')
    .option('-n, --namespace <name>', 'only this namespace (default: the whole cluster)')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .option('--lease-name <name>', 'Lease of the responders, if it is another one', RESPONDER_LEASE)
    .option(
      '--protected-namespaces <list>',
      'namespaces that the operator was told to protect, comma-separated',
      (text: string) => text.split(',').filter((part) => part !== ''),
      SettingsSchema.shape.protectedNamespaces.parse(undefined),
    )
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (options: UninstallOptions, self: Command) => {
      if (options.check && options.clear) self.error('error: give --check or --clear, not both');
      if (options.yes && !options.clear) self.error('error: --yes is for --clear');
      process.exitCode = await run(options, clock);
    });
}

/** @returns the exit code. */
async function run(options: UninstallOptions, clock: Clock): Promise<number> {
  // Neither the clock's timers nor idle connections keep the process alive while it waits.
  const awake = setInterval(() => {}, AN_HOUR_MS);
  try {
    const connection = await loadConnection(options);
    const transport = createUndiciTransport(connection);
    const userAgent = `die-operator-uninstall/${version()}`;
    const client = createKubeClient({ transport, clock, random: systemRandom, userAgent });
    try {
      const { server } = connection;
      return await (options.clear ? clearAll : check)({ client, clock, options, server });
    } finally {
      await transport.close();
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  } finally {
    clearInterval(awake);
  }
}

interface Context {
  client: KubeClient;
  clock: Clock;
  options: UninstallOptions;
  /** Address of the API server: the current context may be another one than is thought. */
  server: string;
}

async function check(context: Context): Promise<number> {
  const remains = await readRemains(context);
  process.stdout.write(context.options.output === 'json' ? asJson(remains) : remainsText(remains));
  return isLeft(remains) ? 1 : 0;
}

async function clearAll(context: Context): Promise<number> {
  const { client, clock, options } = context;
  const found = await readFound(client, options);
  const protectedNamespaces = new Set(options.protectedNamespaces);
  const before = remainsOf(found, protectedNamespaces);
  const acts: Act[] = [];
  if (before.some(({ by }) => by === 'Clear')) {
    if (options.output === 'text') process.stdout.write(remainsText(before));
    const refusal = await refuse(context);
    if (refusal !== undefined) {
      say(`${refusal}. Nothing was changed`);
      return 2;
    }
    const stopping = new AbortController().signal;
    const restore = { client, clock, stopping, log: silentLogger, by: await whoAmI(client) };
    for await (const act of clear(restore, found, protectedNamespaces)) {
      acts.push(act);
      // With JSON the document comes at the end, and whoever watches still sees how far it is.
      (options.output === 'json' ? process.stderr : process.stdout).write(actLine(act));
    }
  }
  const after = await readRemains(context);
  process.stdout.write(options.output === 'json' ? asJson(after, acts) : remainsText(after));
  return isLeft(after) ? 1 : 0;
}

/** Why nothing may be cleared now. */
async function refuse({ client, clock, options, server }: Context): Promise<string | undefined> {
  say(`this is the cluster at ${server}`);
  if (!options.yes && !(await confirmed())) return 'this was not confirmed: answer yes, or give --yes';
  const leader = await leaderNow({ client, clock }, options.leaseName, (seconds) =>
    say(`looking for up to ${seconds} s whether a responder still leads`),
  );
  if (leader === undefined) return undefined;
  return `responder ${leader} leads, and would undo this: kubectl scale deployment responder -n ${SYSTEM_NAMESPACE} --replicas=0, then run this again`;
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (
      (await terminal.question('Clear what can be cleared? Only yes is taken as one: ')).trim() === 'yes'
    );
  } finally {
    terminal.close();
  }
}

async function readRemains({ client, options }: Context): Promise<ReturnType<typeof remainsOf>> {
  return remainsOf(await readFound(client, options), new Set(options.protectedNamespaces));
}

function say(message: string): void {
  process.stderr.write(`die-operator: ${visible(message)}\n`);
}
