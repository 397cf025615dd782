// `die-operator evidence`: lists what was kept of incidents, copies it out of its store, and checks that it is whole.
import { Command } from 'commander';
import { getCommand } from './evidence/get.ts';
import { listCommand } from './evidence/list.ts';
import { verifyCommand } from './evidence/verify.ts';

/** See the file's first line. */
export function command(): Command {
  return new Command('evidence')
    .addCommand(listCommand())
    .addCommand(getCommand())
    .addCommand(verifyCommand());
}
