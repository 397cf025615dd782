// `die-operator show INCIDENT`: one incident for people, what waits and for whom, and the commands that answer it. Reads only.
import { Command, Option } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { terminalWidth, withClient } from './answer/connect.ts';
import { readOne } from './incidents/read.ts';
import { showJson, showText } from './show/print.ts';

interface ShowOptions {
  namespace: string;
  kubeconfig?: string;
  context?: string;
  output: 'text' | 'json';
}

const EXIT_CODES = `
Exit codes:
  0  shown
  1  failed: it could not be read
  2  wrong usage`;

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return new Command('show')
    .argument('<incident>', 'name of the DriftIncident')
    .option('-n, --namespace <name>', 'namespace of the incident', 'default')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (name: string, options: ShowOptions) => {
      const incident = await withClient(options, { verb: 'show', clock }, (client) =>
        readOne(client, { namespace: options.namespace, name }),
      );
      const text =
        options.output === 'json'
          ? showJson(incident, clock.now())
          : showText(incident, clock.now(), terminalWidth());
      process.stdout.write(text);
    });
}
