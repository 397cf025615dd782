// `die-operator hold INCIDENT`: nothing destructive is done until it is resumed. Shows first what is touched, then asks.
import type { Command } from 'commander';
import { systemClock, type Clock } from '../kube/clock.ts';
import { decisionCommand } from './answer/command.ts';

/** See the file's first line. */
export function command(clock: Clock = systemClock): Command {
  return decisionCommand('Hold', clock);
}
