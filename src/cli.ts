// The one entry: a table of verbs, each loaded only when it is called.
import { Command, CommanderError } from 'commander';
import { version } from './version.ts';

/** A file in commands/ exports this. */
export interface CommandModule {
  /** Builds the command with its options and action. */
  command(): Command;
}

interface Verb {
  name: string;
  summary: string;
  load: () => Promise<CommandModule>;
  /** Not for people. */
  hidden?: true;
}

const VERBS: readonly Verb[] = [
  { name: 'run', summary: 'run the operator against a cluster', load: () => import('./commands/run.ts') },
  {
    name: 'demo',
    summary: 'show one whole response on a cluster inside this process',
    load: () => import('./commands/demo.ts'),
  },
  {
    name: 'incidents',
    summary: 'list what drifted, and what each response waits for',
    load: () => import('./commands/incidents.ts'),
  },
  {
    name: 'show',
    summary: 'show one incident: what was detected, what was done, what is waited for',
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'approve',
    summary: 'approve what an incident is going to do',
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'deny',
    summary: 'deny the eviction of the pod of an incident',
    load: () => import('./commands/deny.ts'),
  },
  {
    name: 'hold',
    summary: 'hold an incident: nothing destructive is done',
    load: () => import('./commands/hold.ts'),
  },
  {
    name: 'resume',
    summary: 'let an incident go on that was held',
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'release',
    summary: 'put the pod of an incident back as it was',
    load: () => import('./commands/release.ts'),
  },
  {
    name: 'evidence',
    summary: 'list captured evidence, copy it out of its store, check that it is whole',
    load: () => import('./commands/evidence.ts'),
  },
  {
    name: 'report',
    summary: 'make a page of an incident and its evidence',
    load: () => import('./commands/report.ts'),
  },
  {
    name: 'diff',
    summary: 'compare the files of a running pod with its images',
    load: () => import('./commands/diff.ts'),
  },
  {
    name: 'verify-images',
    summary: 'compare what pods run with what was approved: images and configuration',
    load: () => import('./commands/verify-images.ts'),
  },
  {
    name: 'lint',
    summary: 'find what is wrong with policies, without a cluster',
    load: () => import('./commands/lint.ts'),
  },
  {
    name: 'explain',
    summary: 'say what the policies make of a pod, and why',
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'breaker',
    summary: 'show or close the circuit breaker, which stops evictions in a storm',
    load: () => import('./commands/breaker.ts'),
  },
  {
    name: 'doctor',
    summary: 'find what keeps responses in a cluster from going well',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'uninstall',
    summary: 'list what is left in a cluster, and clear it',
    load: () => import('./commands/uninstall.ts'),
  },
  {
    name: 'helper',
    summary: 'what helper pods run; the operator starts it',
    load: () => import('./commands/helper.ts'),
    hidden: true,
  },
];

/**
 * Runs the verb in `args` (without node and script).
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await build(args.find((arg) => !arg.startsWith('-')));
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`die-operator: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function build(wanted: string | undefined): Promise<Command> {
  const program = new Command('die-operator')
    .description('Answers container drift: detect, isolate, keep the evidence, evict, prove the recovery.')
    .version(version())
    .exitOverride()
    .configureHelp({ showGlobalOptions: false });
  for (const verb of VERBS) {
    const command = verb.name === wanted ? (await load(verb)).command() : new Command(verb.name);
    const hidden = verb.hidden ?? false;
    program.addCommand(command.description(verb.summary).exitOverride(), { hidden });
  }
  return program;
}

/** The image holds no program that is only for trying things out (scripts/image.ts). */
async function load({ name, load: loadModule }: Verb): Promise<CommandModule> {
  try {
    return await loadModule();
  } catch (cause) {
    if (!(cause instanceof Error && 'url' in cause && String(cause.url).endsWith(`/commands/${name}.js`)))
      throw cause;
    throw new Error(`${name} is not part of the image: run it from the npm package or a checkout`, { cause });
  }
}
