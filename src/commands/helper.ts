// `die-operator helper PROGRAM`: what helper pods run. It is for the operator to start, not for people.
import { Command, Option } from 'commander';
import { CANARY_PORT } from '../helpers/canary-report.ts';
import { runCanary } from '../helpers/programs/canary.ts';
import { systemClock } from '../kube/clock.ts';
import { asAddress, asPort } from './helper/arguments.ts';
import { captureCommand } from './helper/capture.ts';
import { checkpointCommand } from './helper/checkpoint.ts';
import { netnsCommands } from './helper/netns.ts';

interface CanaryFlags {
  pair: string;
  peer?: string;
  port: number;
}

/** See the file's first line. */
export function command(): Command {
  const pair = () => new Option('--pair <id>', 'names the pair that this one is of').makeOptionMandatory();
  const port = () => new Option('--port <number>', 'where to listen').default(CANARY_PORT).argParser(asPort);
  const helper = new Command('helper');
  for (const program of netnsCommands()) helper.addCommand(program);
  return helper
    .addCommand(captureCommand())
    .addCommand(checkpointCommand())
    .addCommand(
      new Command('canary-peer')
        .description('waits for the other canary of its pair, then calls it back')
        .exitOverride()
        .addOption(pair())
        .addOption(port())
        .action(canary),
    )
    .addCommand(
      new Command('canary-subject')
        .description('calls the other canary of its pair')
        .exitOverride()
        .addOption(pair())
        .addOption(port())
        .requiredOption('--peer <address>', 'where the other one is', asAddress)
        .action(canary),
    );
}

async function canary(flags: CanaryFlags): Promise<void> {
  const stopped = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopped.abort());
  const say = (report: object) => process.stdout.write(`${JSON.stringify(report)}\n`);
  await runCanary({ ...flags, clock: systemClock, say }, stopped.signal);
}
