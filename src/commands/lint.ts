// `die-operator lint FILES`: says what is wrong with policies before anybody applies them, without a cluster.
import { Command, Option } from 'commander';
import { systemClock } from '../kube/clock.ts';
import { FINDING_SEVERITIES } from '../lint/codes.ts';
import type { Finding } from '../lint/finding.ts';
import { lintPolicies } from '../lint/lint.ts';
import { asJson, asText, problemLine, type Report } from './lint/print.ts';
import { readManifests } from './manifests/read.ts';

const FAIL_ON = ['error', 'warning', 'info'] as const;
const EXIT_CODES = `
Exit codes:
  0  nothing at or above --fail-on was found
  1  something was
  2  a file could not be read, or wrong usage

What each code means and how to cure it: docs/lint.md`;

interface LintOptions {
  output: 'text' | 'json';
  failOn: (typeof FAIL_ON)[number];
}

/** See the file's first line. */
export function command(): Command {
  return new Command('lint')
    .argument('<files...>', 'manifests in YAML or JSON: files, folders, or - for standard input')
    .addOption(
      new Option('-o, --output <form>', 'form of the output').choices(['text', 'json']).default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'least severity that makes the exit code 1')
        .choices(FAIL_ON)
        .default('error'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (files: string[], options: LintOptions) => {
      process.exitCode = await lint(files, options);
    });
}

/** @returns the exit code. */
async function lint(files: readonly string[], { output, failOn }: LintOptions): Promise<number> {
  const { manifests, problems } = await readManifests(files);
  const report: Report = { ...lintPolicies(manifests, systemClock.now()), problems };
  process.stdout.write(output === 'json' ? asJson(report) : asText(report));
  if (output === 'text') for (const problem of problems) process.stderr.write(problemLine(problem));
  if (problems.length > 0) return 2;
  return report.findings.some((finding) => isAtLeast(finding, failOn)) ? 1 : 0;
}

function isAtLeast({ severity }: Finding, least: LintOptions['failOn']): boolean {
  return FINDING_SEVERITIES.indexOf(severity) <= FAIL_ON.indexOf(least);
}
