// `die-operator explain POD`: what the policies make of a pod, from a cluster or from files. Reads only.
import { Command, InvalidArgumentError, Option } from 'commander';
import { SOURCES } from '../api/detection.ts';
import { parseSeverity, SEVERITIES, type Severity } from '../api/severity.ts';
import { explain } from '../explain/explain.ts';
import type { Subject } from '../explain/subject.ts';
import { explanationText } from '../explain/text.ts';
import { visible, visibleJson } from '../explain/visible.ts';
import { systemClock, type Clock } from '../kube/clock.ts';
import { SettingsSchema } from '../settings.ts';
import { fromCluster } from './explain/from-cluster.ts';
import { fromFiles } from './explain/from-files.ts';
import { questionOf } from './explain/question.ts';

/** What the command line gives. */
export interface ExplainOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  filename?: string[];
  severity?: Severity;
  rule?: string;
  tag?: string[];
  source: (typeof SOURCES)[number];
  container?: string;
  alert?: string;
  protectedNamespaces: string[];
  output: 'text' | 'json';
}

/** See the file's first line. Exit code 0: explained; 1: it could not be; 2: wrong usage. */
export function command(clock: Clock = systemClock): Command {
  return new Command('explain')
    .argument('<pod>', 'name of the pod; with --filename also of a Deployment or the like')
    .option(
      '-n, --namespace <name>',
      'namespace of the pod (default: default; with --filename the only one that has it)',
    )
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .option(
      '-f, --filename <path>',
      'file or folder to read instead of a cluster; - is standard input; repeatable',
      append,
    )
    .option('--severity <severity>', `severity of the alert, with --rule: ${SEVERITIES.join(', ')}`, severity)
    .option('--rule <name>', 'rule of the alert, with --severity')
    .option('--tag <tag>', 'tag of the rule; repeatable', append)
    .addOption(new Option('--source <name>', 'detector').choices(SOURCES).default(SOURCES[0]))
    .option('--container <name>', 'container that the alert is about (default: the only one)')
    .option('--alert <file>', 'alert as Falcosidekick sends it; - is standard input')
    .option(
      '--protected-namespaces <list>',
      'namespaces that the operator is told to protect, comma-separated',
      (text: string) => text.split(',').filter((part) => part !== ''),
      SettingsSchema.shape.protectedNamespaces.parse(undefined),
    )
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    )
    .action(async (pod: string, options: ExplainOptions, self: Command) => {
      for (const [isSo, message] of MISUSES) if (isSo(options)) self.error(`error: ${message}`);
      await run(pod, options, clock);
    });
}

async function run(pod: string, options: ExplainOptions, clock: Clock): Promise<void> {
  const subject = await subjectOf(pod, options, clock).catch(asVisible);
  const question = await questionOf(options, subject).catch(asVisible);
  const explanation = explain(subject, question);
  const print = options.output === 'json' ? visibleJson : explanationText;
  process.stdout.write(print(explanation));
}

function subjectOf(pod: string, options: ExplainOptions, clock: Clock): Promise<Subject> {
  const { filename, namespace, kubeconfig, context } = options;
  const protectedNamespaces = new Set(options.protectedNamespaces);
  const common = { name: pod, namespace, at: clock.now(), protectedNamespaces };
  return filename
    ? fromFiles({ ...common, paths: filename })
    : fromCluster({ ...common, kubeconfig, context });
}

// The messages quote names out of files and answers.
function asVisible(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new Error(visible(message), { cause: error });
}

// Options that contradict each other, and what to do about it.
const MISUSES: readonly [(options: ExplainOptions) => boolean, string][] = [
  [
    ({ alert, severity: told, rule, tag }) => alert !== undefined && (told ?? rule ?? tag) !== undefined,
    '--alert tells severity, rule and tags itself: leave --severity, --rule and --tag out',
  ],
  [
    ({ severity: told, rule }) => (told === undefined) !== (rule === undefined),
    '--severity and --rule tell of one alert: give both or neither',
  ],
  [
    ({ tag, rule }) => tag !== undefined && rule === undefined,
    '--tag is a tag of a rule: give --rule and --severity, too',
  ],
  [
    ({ filename, kubeconfig, context }) => filename !== undefined && (kubeconfig ?? context) !== undefined,
    'with --filename no cluster is asked: leave --kubeconfig and --context out',
  ],
  [
    ({ alert, filename }) => alert === '-' && filename?.includes('-') === true,
    'standard input can be read once: for --alert or for --filename',
  ],
];

function append(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function severity(text: string): Severity {
  const parsed = parseSeverity(text);
  if (parsed) return parsed;
  throw new InvalidArgumentError(`It must be one of ${SEVERITIES.join(', ')}.`);
}
