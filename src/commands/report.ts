// `die-operator report INCIDENT`: one incident and its evidence as a page for people. Reads only.
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import type { ReportModel } from '../report/model.ts';
import { renderHtml } from '../report/render-html.ts';
import { renderMarkdown } from '../report/render-markdown.ts';
import { reportOf } from '../report/report.ts';
import { visible } from '../report/visible.ts';
import { version } from '../version.ts';
import { readEvidence } from './report/evidence.ts';
import { readIncident } from './report/incident.ts';
import { readIdentities, readKeys } from './report/keys.ts';

interface ReportOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  filename?: string;
  evidence?: string;
  identity: string[];
  key: string[];
  format: keyof typeof RENDERERS;
  output: string;
}

const RENDERERS = { html: renderHtml, markdown: renderMarkdown } as const;
const STDOUT = '-';
/** Longest error that is printed, in characters. */
const MAX_ERROR = 2000;

/** See the file's first line. Exit code 0: made; 1: it could not be; 2: wrong usage. */
export function command(clock: Clock = systemClock): Command {
  return new Command('report')
    .argument('[incident]', 'name of the DriftIncident; with --filename only where the file holds several')
    .option('-n, --namespace <name>', 'namespace of the incident (default: default)')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .option('-f, --filename <file>', 'file with the incident, instead of a cluster; - is standard input')
    .option('--evidence <directory>', 'directory of its evidence (default: where the incident says)')
    .option('--identity <file>', 'private key of age that opens encrypted evidence; repeatable', append, [])
    .option('--key <file>', 'public key (PEM) of who signs evidence; repeatable', append, [])
    .addOption(
      new Option('--format <format>', 'form of the page').choices(Object.keys(RENDERERS)).default('html'),
    )
    .option('-o, --output <file>', 'where to write it; - is standard output', STDOUT)
    .action(async (name: string | undefined, options: ReportOptions, self: Command) => {
      for (const [isSo, message] of MISUSES) if (isSo(options, name)) self.error(`error: ${message}`);
      await run(name, options, clock).catch(asVisible);
    });
}

async function run(name: string | undefined, options: ReportOptions, clock: Clock): Promise<void> {
  const { evidence: directory, format, output } = options;
  const [identities, keys] = [await readIdentities(options.identity), await readKeys(options.key)];
  const incident = await readIncident({
    ...options,
    name,
    namespace: options.namespace,
    filename: options.filename,
  });
  const evidence = await readEvidence({ incident, directory, identities, keys });
  const model: ReportModel = reportOf(incident, evidence, { madeAt: clock.now(), version: version() });
  const text = RENDERERS[format](model);
  if (output === STDOUT) process.stdout.write(text);
  // It may tell what the evidence tells: for its maker's eyes, until they decide otherwise.
  else await writeFile(output, text, { mode: 0o600 });
  if (evidence.state === 'Absent') note(`the report is without evidence: ${evidence.why}`);
  else if (evidence.differences.length > 0)
    note('the evidence is not whole and unchanged: the report says how it differs');
}

function note(text: string): void {
  process.stderr.write(`die-operator: ${visible(text, MAX_ERROR)}\n`);
}

// Messages quote names out of files and answers.
function asVisible(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new Error(visible(message, MAX_ERROR), { cause: error });
}

const MISUSES: readonly [(options: ReportOptions, name: string | undefined) => boolean, string][] = [
  [
    ({ filename }, name) => filename === undefined && name === undefined,
    'name the incident, or give a file that holds it with --filename',
  ],
  [
    ({ filename, kubeconfig, context }) => filename !== undefined && (kubeconfig ?? context) !== undefined,
    'with --filename no cluster is asked: leave --kubeconfig and --context out',
  ],
];

function append(text: string, before: string[]): string[] {
  return [...before, text];
}
