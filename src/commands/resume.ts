// `die-operator resume INCIDENT`: takes a hold, or another decision, back. Shows first what is touched, then asks.
import type { Command } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { decisionCommand } from './answer/command.ts';

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return decisionCommand('Resume', clock);
}
