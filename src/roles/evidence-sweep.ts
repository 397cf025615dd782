// Has evidence deleted that is older than it is to be kept, all through a leader's term.
import { isFinal } from '../api/incident.ts';
import type { EvidenceStore, IncidentRef, SweepReport } from '../evidence/store.ts';
import type { Caches } from '../incidents/caches.ts';
import { messageOf } from '../evidence/error-message.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';

/** What it needs. */
export interface EvidenceSweepParts {
  evidence: Pick<EvidenceStore, 'sweep'>;
  caches: { incidents: Pick<Caches['incidents'], 'byIndex'> };
  clock: Clock;
  log: Logger;
  metrics: Pick<Metrics, 'evidenceDeleted'>;
}

/** Milliseconds between two sweeps. */
export const SWEEP_EVERY_MS = 60 * 60_000;

/** See the file's first line. Runs until the signal fires; ends at once if the store keeps everything. */
export async function sweepEvidence(parts: EvidenceSweepParts, signal: AbortSignal): Promise<void> {
  const { evidence, caches, clock, log, metrics } = parts;
  if (!evidence.sweep) return;
  const inUse = ({ namespace, uid }: IncidentRef) =>
    caches.incidents
      .byIndex('namespace', namespace)
      .some((incident) => incident.metadata.uid === uid && !isFinal(incident));
  while (!signal.aborted) {
    try {
      const report = await evidence.sweep(inUse, signal);
      metrics.evidenceDeleted(report.bundles.length);
      tell(log, report);
    } catch (error) {
      if (!signal.aborted)
        log.warn(
          { err: error },
          `old evidence could not be deleted; tried again in an hour: ${messageOf(error)}`,
        );
    }
    await sleep(clock, SWEEP_EVERY_MS, signal);
  }
}

function tell(log: Logger, { bundles, attempts, kept }: SweepReport): void {
  for (const location of bundles)
    log.info({ location }, `evidence at ${location} is older than --evidence-retention and was deleted`);
  for (const location of attempts)
    log.info({ location }, `what an unfinished capture left at ${location} was deleted`);
  for (const { place, why } of kept)
    log.warn({ location: place }, `evidence at ${place} was not deleted, whatever its age: ${why}`);
}
