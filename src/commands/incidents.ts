// `die-operator incidents`: what drifted and where each response stands, those that need a person first. Reads only.
import { Command, Option } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { terminalWidth, withClient } from './answer/connect.ts';
import { listJson, listText, type Listing } from './incidents/print.ts';
import { readAll } from './incidents/read.ts';
import { rowsOf } from './incidents/rows.ts';

interface IncidentsOptions {
  namespace?: string;
  allNamespaces?: true;
  open?: true;
  kubeconfig?: string;
  context?: string;
  output: 'text' | 'wide' | 'json';
}

const EXIT_CODES = `
Exit codes:
  0  listed
  1  failed: they could not be read, or one of them could not
  2  wrong usage`;

const DEFAULT_NAMESPACE = 'default';

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return new Command('incidents')
    .option('-n, --namespace <name>', `namespace to look in (default: ${DEFAULT_NAMESPACE})`)
    .option('-A, --all-namespaces', 'look in the whole cluster')
    .option('--open', 'only those that are not over')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .addOption(
      new Option('-o, --output <format>', 'how to print it; wide: every column, and whole sentences')
        .choices(['text', 'wide', 'json'])
        .default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (options: IncidentsOptions, self: Command) => {
      if (options.namespace !== undefined && options.allNamespaces)
        self.error('error: --all-namespaces looks in all: leave --namespace out');
      process.exitCode = await run(options, clock);
    });
}

async function run(options: IncidentsOptions, clock: Clock): Promise<number> {
  const namespace = options.allNamespaces ? undefined : (options.namespace ?? DEFAULT_NAMESPACE);
  const onlyOpen = options.open ?? false;
  const { incidents, unreadable } = await withClient(options, { verb: 'incidents', clock }, (client) =>
    readAll(client, namespace, onlyOpen),
  );
  const listing: Listing = { rows: rowsOf(incidents), unreadable, namespace, onlyOpen, now: clock.now() };
  const shape = { wide: options.output === 'wide', width: terminalWidth() };
  process.stdout.write(options.output === 'json' ? listJson(listing) : listText(listing, shape));
  return unreadable.length > 0 ? 1 : 0;
}
