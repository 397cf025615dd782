// A reporter, an API server that holds one incident, and time that stands still.
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { Match } from '../../../src/decide/match.ts';
import { Reporter } from '../../../src/incidents/report.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { aContribution, aDetection, anIncident, someSettings } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { reportApi, type ReportApi } from './support.ts';

/** What a policy that isolates says. */
export const MATCH: Match = { contributions: [aContribution()], settings: someSettings() };

/** A reporter before an API server that holds one incident. */
export interface Stage {
  clock: VirtualClock;
  api: ReportApi;
  reporter: Reporter;
  /** IDs of repeats that were handed back. */
  late: string[];
  /** Adds a detection with that rule and severity. */
  add: (change?: Parameters<typeof aDetection>[0], match?: Match) => Promise<boolean>;
}

/** Makes one. */
export function stage(incident: DriftIncident = anIncident()): Stage {
  const clock = new VirtualClock();
  const api = reportApi(incident);
  const late: string[] = [];
  const reporter = new Reporter({
    client: api.client,
    clock,
    log: silentLogger,
    receiver: 'r1',
    late: ({ summary }) => late.push(summary.id),
  });
  const add: Stage['add'] = (change, match = MATCH) => reporter.add(incident, aDetection(change), match);
  return { clock, api, reporter, late, add };
}

/** The counts of the reports that were sent. */
export function counts({ sent }: ReportApi): number[] {
  return sent.map(({ report }) => report.count);
}
