// Capture: evidence of the pod before it goes. The snapshot of API objects begins beside the isolation patch, because
// that patch changes what it would show; it never holds the patch up.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { capture } from '../evidence/capture.ts';
import type { CollectContext } from '../evidence/collector.ts';
import { apiSnapshot, readSnapshot, type Snapshot } from '../evidence/collectors/api-snapshot.ts';
import { podLogs } from '../evidence/collectors/logs.ts';
import type { BundleSummary } from '../evidence/store.ts';
import { deadline } from '../kube/clock.ts';
import type { RespondContext } from './context.ts';

/** The pod as it was read before it was changed, and what was read beside the change. */
export interface BegunSnapshot {
  pod: KubeObject;
  snapshot: Promise<Snapshot>;
}

// Reading a dozen small objects; more than this is an API server that does not answer.
const SNAPSHOT_DEADLINE_MS = 15_000;

/** Starts to read what the API server knows. Resolves in the background and never rejects. */
export function beginSnapshot(
  context: RespondContext,
  incident: DriftIncident,
  pod: KubeObject,
): BegunSnapshot {
  const limit = deadline(context.clock, SNAPSHOT_DEADLINE_MS);
  const snapshot = readSnapshot(collectContext(context, incident, pod, limit.signal)).finally(limit.done);
  return { pod, snapshot };
}

/**
 * Captures everything within `deadlineMs`; an incident whose evidence is there already is not captured again.
 * @throws EvidenceStoreError if anything could not be stored, or the reason of `stopping` when that fired.
 */
export async function captureEvidence(
  context: RespondContext,
  incident: DriftIncident,
  {
    pod,
    begun,
    deadlineMs,
  }: { pod: KubeObject | undefined; begun: BegunSnapshot | undefined; deadlineMs: number },
): Promise<BundleSummary> {
  const limit = deadline(context.clock, deadlineMs, context.stopping);
  try {
    const collectors = [apiSnapshot(begun?.snapshot), podLogs];
    return await capture(
      collectors,
      collectContext(context, incident, begun?.pod ?? pod, limit.signal),
      context.evidence,
    );
  } finally {
    limit.done();
  }
}

function collectContext(
  { client, clock }: RespondContext,
  incident: DriftIncident,
  pod: KubeObject | undefined,
  signal: AbortSignal,
): CollectContext {
  const { namespace = '', name, uid } = incident.metadata;
  return {
    client,
    clock,
    signal,
    target: incident.spec.target,
    incident: { namespace, name, uid },
    ...(pod && { pod }),
  };
}
