// The options of the verbs that decide about an incident: they differ in what is decided, and in nothing else.
import { Command, InvalidArgumentError, Option } from 'commander';
import { durationFrom } from '../options/duration.ts';
import type { Clock } from '../../kube/clock.ts';
import { answer } from './answer.ts';
import { terminalWidth, withClient } from './connect.ts';
import type { DecisionAction } from './sense.ts';
import { askPerson } from './terminal.ts';

/** What the command line gives. */
interface AnswerOptions {
  namespace: string;
  kubeconfig?: string;
  context?: string;
  reason: string;
  expires?: number;
  yes?: true;
  wait: number;
  output: 'text' | 'json';
}

const EXIT_CODES = `
Exit codes:
  0  done: the decision is written, whether or not the operator has seen it within --wait
  1  refused or failed: nothing was written, or the approval does not count
  2  wrong usage`;

const AN_HOUR_MS = 3_600_000;
const [SHORTEST_MS, LONGEST_MS] = [60_000, 168 * AN_HOUR_MS];
const LONGEST_WAIT_MS = 600_000;
/** Characters that an incident has room for. */
const MAX_REASON = 1024;

/** The command of one verb. */
export function decisionCommand(action: DecisionAction, clock: Clock): Command {
  const verb = action.toLowerCase();
  const command = new Command(verb)
    .argument('<incident>', 'name of the DriftIncident')
    .option('-n, --namespace <name>', 'namespace of the incident', 'default')
    .requiredOption('--reason <text>', 'why, for those who read the incident later', reason)
    .option('-y, --yes', 'do not ask; what would be asked is shown all the same')
    .addOption(
      new Option(
        '--wait <duration>',
        'how long to wait until the operator has seen it, up to 10m; 0s: not at all',
      )
        .argParser(durationFrom(0, LONGEST_WAIT_MS, 'give a duration from 0s to 10m'))
        .default(30_000, '30s'),
    )
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (name: string, options: AnswerOptions) => {
      process.exitCode = await run(action, name, options, clock);
    });
  if (action !== 'Approve') return command;
  return command.addOption(
    new Option(
      '--expires <duration>',
      'when the approval ends, from 1m to 168h: what was not begun by then is denied',
    )
      .argParser(durationFrom(SHORTEST_MS, LONGEST_MS, 'give a duration from 1m to 168h'))
      .default(AN_HOUR_MS, '1h'),
  );
}

function run(action: DecisionAction, name: string, options: AnswerOptions, clock: Clock): Promise<number> {
  const { namespace, reason: why, expires, yes = false, wait, output } = options;
  return withClient(options, { verb: action.toLowerCase(), clock }, (client) =>
    answer(
      {
        client,
        clock,
        ask: askPerson,
        print: (text) => void process.stdout.write(text),
        say: (text) => void process.stderr.write(text),
        width: terminalWidth(),
      },
      { action, namespace, name, reason: why, expiresMs: expires, yes, waitMs: wait, output },
    ),
  );
}

function reason(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Say why, in words.');
  if (text.length > MAX_REASON) throw new InvalidArgumentError(`It has more than ${MAX_REASON} characters.`);
  return text;
}
