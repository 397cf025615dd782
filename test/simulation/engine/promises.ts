// All promises, each judged by what the API server saw and how the cluster is at the end.
import type { Violation } from './play.ts';
import { countsOnce, oneIncident } from './promises/alerts.ts';
import { approved } from './promises/approvals.ts';
import { proven } from './promises/canaries.ts';
import { denyPolicy } from './promises/deny-policy.ts';
import { evidenceFirst, lastCopy, onceOnly, withinLimits } from './promises/destructive.ts';
import { confirmed, evidenceKept } from './promises/evidence.ts';
import { contained, graceOnce, pastBudget } from './promises/pod-ends.ts';
import { leads } from './promises/leads.ts';
import { ends, trueRecord } from './promises/endings.ts';
import { firewall } from './promises/firewalls.ts';
import { listed } from './promises/lists.ts';
import { finalizer, released } from './promises/marks.ts';
import { noticed } from './promises/noticed.ts';
import { spared } from './promises/spared.ts';
import type { Promised } from './promises/promised.ts';
import { entered, spentWithin } from './promises/spending.ts';
import { restarted } from './promises/restarts.ts';
import { asked, stopped } from './promises/stops.ts';
import { told } from './promises/told.ts';
import { isolationFirst, onlyTargets } from './promises/targets.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** What a judge looks at. */
export interface Case {
  stage: Stage;
  scenario: Scenario;
  /** Whether all came to rest in time. */
  settled: boolean;
}

/** Says what was broken, in a sentence for each case. */
export type Judge = (found: Case) => string[];

const JUDGES: Readonly<Record<Promised, Judge>> = {
  OnlyTargets: onlyTargets,
  OneIncident: oneIncident,
  OnceOnly: onceOnly,
  EvidenceFirst: evidenceFirst,
  EvidenceKept: evidenceKept,
  Confirmed: confirmed,
  PastBudget: pastBudget,
  GraceOnce: graceOnce,
  Contained: contained,
  WithinLimits: withinLimits,
  Entered: entered,
  SpentWithin: spentWithin,
  LastCopy: lastCopy,
  Approved: approved,
  Spared: spared,
  Stopped: stopped,
  Leads: leads,
  Asked: asked,
  IsolationFirst: isolationFirst,
  DenyPolicy: denyPolicy,
  Proven: proven,
  Released: released,
  Finalizer: finalizer,
  Ends: ends,
  TrueRecord: trueRecord,
  CountsOnce: countsOnce,
  Listed: listed,
  Firewall: firewall,
  Restarted: restarted,
  Told: told,
  Noticed: noticed,
};

/** Judges a history that was played. */
export function judge(stage: Stage, scenario: Scenario, settled: boolean): Violation[] {
  const found: Case = { stage, scenario, settled };
  return Object.entries(JUDGES).flatMap(([promise, of]) =>
    of(found).map((message) => ({ promise: promise as Promised, message })),
  );
}
