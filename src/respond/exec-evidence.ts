// What commands in the pod print, as evidence that is not to be trusted: whoever controls a container controls its programs.
import type { BundleWriter } from '../evidence/bundle.ts';
import type { CollectContext, Collector } from '../evidence/collector.ts';
import { readTargetPod } from '../evidence/collectors/target-pod.ts';
import { pathSegment } from '../evidence/path.ts';
import { timestamp } from '../kube/clock.ts';
import type { ExecOutcome, PodExec } from '../kube/pod-exec.ts';

/** A command that a policy asks for. */
export interface ExecCommand {
  container: string;
  /** Program and arguments; no shell. */
  command: readonly string[];
}

/** Name in the manifest. */
export const EXEC_COLLECTOR = 'exec';
/** Commands of one pod. */
export const MAX_COMMANDS = 4;
/** Commands that are named among those that are not run, and characters of each. */
const MAX_NAMED = 16;
const MAX_NAME = 200;
const WITHIN_MS = 10_000;
/** Of each stream. */
const MAX_BYTES = 1024 * 1024;

/**
 * Runs the first {@link MAX_COMMANDS} commands one after the other, and names the others. They come last of all: they change
 * what else is evidence.
 * @param podExec undefined: this process cannot.
 */
export function execCollector(commands: readonly ExecCommand[], podExec: PodExec | undefined): Collector {
  return {
    name: EXEC_COLLECTOR,
    collect: async (context, bundle) => {
      if (!podExec) return bundle.failed(EXEC_COLLECTOR, 'this process cannot run commands in pods');
      const problem = (message: string) => bundle.problem(EXEC_COLLECTOR, message);
      notRun(commands.slice(MAX_COMMANDS)).forEach(problem);
      for (const [index, one] of commands.slice(0, MAX_COMMANDS).entries()) {
        const other = await otherPod(context);
        if (other !== undefined) return bundle.failed(EXEC_COLLECTOR, `no command is run: ${other}`);
        const { namespace, name: pod } = context.target;
        const limits = { withinMs: WITHIN_MS, maxBytes: MAX_BYTES, signal: context.signal };
        const outcome = await podExec.run({ namespace, pod, ...one }, limits);
        await keep({
          context,
          bundle,
          one,
          outcome,
          prefix: `exec/${index + 1}-${pathSegment(one.container)}`,
        });
        if (outcome.problem !== undefined) problem(`${wordsOf(one)}: ${outcome.problem}`);
        // A command is sent to a name. Who had it when it ran is known only if it is still the same one.
        const later = await otherPod(context);
        if (later !== undefined) problem(`SUSPECT: ${wordsOf(one)} may have run in another pod: ${later}`);
      }
    },
  };
}

function notRun(commands: readonly ExecCommand[]): string[] {
  const why = `in one pod at most ${MAX_COMMANDS} are, those that come first by container and command`;
  const named = commands.slice(0, MAX_NAMED).map((one) => {
    const words = wordsOf(one);
    return `${words.length > MAX_NAME ? `${words.slice(0, MAX_NAME)}...` : words} is not run: ${why}`;
  });
  const left = commands.length - named.length;
  return left > 0 ? [...named, `${left} more commands are not run: ${why}`] : named;
}

interface Keeping {
  context: CollectContext;
  bundle: BundleWriter;
  one: ExecCommand;
  outcome: ExecOutcome;
  prefix: string;
}

async function keep({ context, bundle, one, outcome, prefix }: Keeping): Promise<void> {
  const { exitCode } = outcome;
  const code = exitCode === undefined ? 'it did not end by itself' : `exit code ${exitCode}`;
  for (const stream of ['stdout', 'stderr'] as const) {
    const { bytes, truncated } = outcome[stream];
    await bundle.add({
      path: `${prefix}.${stream}`,
      content: bytes,
      collector: EXEC_COLLECTOR,
      contentType: 'application/octet-stream',
      source: `${stream} of ${wordsOf(one)}; ${code}`,
      truncated,
      collectedAt: timestamp(context.clock),
      trust: 'low',
    });
  }
}

async function otherPod(context: CollectContext): Promise<string | undefined> {
  const now = await readTargetPod(context);
  return 'problem' in now ? now.problem : undefined;
}

function wordsOf({ container, command }: ExecCommand): string {
  return `the command ${JSON.stringify(command)} in container ${container}`;
}
