// Incidents as rows of a table, those that need a person first.
import { FINAL_PHASES, isFinal, type DriftIncident } from '../../api/incident.ts';
import { severityRank, type Severity } from '../../api/severity.ts';
import { severityOf } from '../../report/sections/overview.ts';
import { isHeld } from '../../decide/decided.ts';
import { standingOf, type Standing } from '../answer/waits.ts';

/** One incident, as programs read it, too. */
export interface Row extends Standing {
  namespace: string;
  name: string;
  pod: string;
  podUid: string;
  /** `Kind/name`; null: a bare pod. */
  workload: string | null;
  node: string | null;
  severity: Severity;
  /** When it was opened. */
  openedAt: string;
  /** The last decision of a person; null: none. */
  decision: { action: string; by: string } | null;
}

/** The rows in the order of who needs a person first, then the most severe, then the oldest. */
export function rowsOf(incidents: readonly DriftIncident[]): Row[] {
  return incidents
    .map((incident) => ({ incident, row: rowOf(incident) }))
    .toSorted(
      (a, b) =>
        rankOf(a.incident, a.row) - rankOf(b.incident, b.row) ||
        severityRank(b.row.severity) - severityRank(a.row.severity) ||
        Date.parse(a.row.openedAt) - Date.parse(b.row.openedAt) ||
        (a.row.name < b.row.name ? -1 : 1),
    )
    .map(({ row }) => row);
}

/** One row. */
export function rowOf(incident: DriftIncident): Row {
  const { metadata, spec } = incident;
  const { target, decision } = spec;
  const { workload, nodeName } = target;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    pod: target.name,
    podUid: target.uid,
    workload: workload ? `${workload.kind}/${workload.name}` : null,
    node: nodeName ?? null,
    severity: severityOf(incident),
    openedAt: metadata.creationTimestamp,
    ...standingOf(incident),
    decision: decision ? { action: decision.action, by: decision.by } : null,
  };
}

const RANKS: readonly ((incident: DriftIncident, row: Row) => boolean)[] = [
  (incident, { needsPerson }) => needsPerson && !isFinal(incident) && !isHeld(incident),
  (incident) => isHeld(incident) && !isFinal(incident),
  (incident, { needsPerson }) => needsPerson && isFinal(incident),
  (_, { phase }) => phase === 'Responding' || phase === 'Verifying',
  (_, { phase }) => phase === 'Quarantined',
  (_, { phase }) => !(FINAL_PHASES as readonly string[]).includes(phase),
];

function rankOf(incident: DriftIncident, row: Row): number {
  const rank = RANKS.findIndex((isSo) => isSo(incident, row));
  return rank < 0 ? RANKS.length : rank;
}
