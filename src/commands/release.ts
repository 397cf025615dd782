// `die-operator release INCIDENT`: the pod of an incident is put back as it was. Shows first what is touched, then asks.
import type { Command } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { decisionCommand } from './answer/command.ts';

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return decisionCommand('Release', clock);
}
