// When a quarantine is over that its policies let expire, and what becomes of it then.
import { findCondition, INCIDENT_CONDITIONS } from '../api/conditions.ts';
import type { DriftIncident } from '../api/incident.ts';
import { recordedDuration } from './duration.ts';
import { effectiveActions, responseOf } from './merge.ts';
import type { Standing } from './standing.ts';

/** What an incident asks for when its time is over. */
export interface Expiry {
  /** When the quarantine expires, in milliseconds since the epoch; undefined: the pod is not isolated. */
  at: number | undefined;
  /** Whether the pod is evicted then. */
  evicts: boolean;
  /** For people: what happens then, or why no more than this. */
  message: string;
}

/**
 * The expiry of a quarantine, by the wall clock. The pod is evicted only where a policy in Enforce that no exception caps
 * still wants it isolated, and its evidence is complete.
 */
export function expiryOf(incident: DriftIncident, standing: Standing, now: number): Expiry {
  const { contributions, settings } = responseOf(incident);
  const { ttl, onExpiry } = settings.isolation;
  const since = quarantinedSince(incident, now);
  const at = since === undefined ? undefined : since + recordedDuration(ttl);
  const kept = `the pod has been in quarantine for longer than ${ttl}`;
  const stays = (why: string): Expiry => ({ at, evicts: false, message: `${kept}${why}: ${DECIDE}` });
  if (onExpiry === 'Notify') return stays('');
  const uncapped = contributions.filter(({ cap }) => cap === undefined);
  const isConfirmed = incident.status?.confirmation?.state === 'Confirmed';
  if (!effectiveActions(uncapped, standing, isConfirmed).enforce.includes('Isolate'))
    return stays(', and no policy in Enforce wants it evicted any more');
  if (!hasCompleteEvidence(incident)) return stays(', and its evidence is not complete');
  return { at, evicts: true, message: `${kept}, and its evidence is complete` };
}

/** Whether an expiry may come to evict the pod: then what stops an eviction is read live. */
export function mayEvictOnExpiry(incident: DriftIncident): boolean {
  return responseOf(incident).settings.isolation.onExpiry === 'Evict';
}

const DECIDE = 'release the incident, or delete the pod';

// A pod is isolated after its incident was created, by the API server's clock, and before now: a time outside was written
// by a clock that was wrong, and must neither end the quarantine at once nor keep it for ever.
function quarantinedSince({ metadata, status }: DriftIncident, now: number): number | undefined {
  const { isolation } = status ?? {};
  if (isolation === undefined || isolation.form === 'LabelOnly') return undefined;
  const created = Date.parse(metadata.creationTimestamp);
  const at = Date.parse(isolation.at);
  return at >= created && at <= now ? at : created;
}

function hasCompleteEvidence({ status }: DriftIncident): boolean {
  return findCondition(status?.conditions, INCIDENT_CONDITIONS.EvidenceComplete)?.status === 'True';
}
