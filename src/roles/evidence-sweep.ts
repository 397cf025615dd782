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
  /**
   * Asks the API server for its time; answers by how many milliseconds its clock is ahead of ours, negative if behind. Absent:
   * nobody checks the clock.
   */
  serverSkew?: ((signal: AbortSignal) => Promise<number>) | undefined;
}

/** Milliseconds between two sweeps. */
export const SWEEP_EVERY_MS = 60 * 60_000;

/**
 * How far the two clocks may be apart where something is deleted, in milliseconds: much less than evidence is kept, and more
 * than an answer takes. What a clock that is far ahead takes for old is not.
 */
const MAX_SKEW_MS = 5 * 60_000;

/** See the file's first line. Runs until the signal fires; ends at once if the store keeps everything. */
export async function sweepEvidence(parts: EvidenceSweepParts, signal: AbortSignal): Promise<void> {
  const { evidence, caches, clock, log, metrics } = parts;
  if (!evidence.sweep) return;
  const inUse = ({ namespace, uid }: IncidentRef) =>
    caches.incidents
      .byIndex('namespace', namespace)
      .some((incident) => incident.metadata.uid === uid && !isFinal(incident));
  const isClockRight = clockCheck(parts, signal);
  while (!signal.aborted) {
    try {
      if (await isClockRight()) {
        const report = await evidence.sweep(inUse, signal);
        metrics.evidenceDeleted(report.bundles.length);
        tell(log, report);
      }
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

/** Whether this clock may say what is old. Why not is told once, and told when that is over. */
function clockCheck({ serverSkew, log }: EvidenceSweepParts, signal: AbortSignal): () => Promise<boolean> {
  let before: 'Right' | 'Wrong' | 'Unknown' = 'Right';
  const turns = (now: typeof before) => {
    const isNews = now !== before;
    before = now;
    return isNews;
  };
  return async () => {
    if (!serverSkew) return true;
    try {
      const skew = await serverSkew(signal);
      const seconds = Math.round(Math.abs(skew) / 1000);
      const isRight = Math.abs(skew) <= MAX_SKEW_MS;
      if (turns(isRight ? 'Right' : 'Wrong'))
        log[isRight ? 'info' : 'warn']({ skewSeconds: seconds }, clockText(skew));
      return isRight;
    } catch (error) {
      if (!signal.aborted && turns('Unknown'))
        log.warn(
          { err: error },
          `no old evidence is deleted until the API server tells its time, to compare this clock with: ${messageOf(error)}`,
        );
      return false;
    }
  };
}

function clockText(skew: number): string {
  if (Math.abs(skew) <= MAX_SKEW_MS)
    return 'this clock agrees with that of the API server: old evidence is deleted again';
  const side = skew > 0 ? 'behind' : 'ahead of';
  const seconds = Math.round(Math.abs(skew) / 1000);
  return `this clock is ${seconds} s ${side} that of the API server: no old evidence is deleted until they agree. Synchronize the clock of this node`;
}

function tell(log: Logger, { bundles, attempts, kept }: SweepReport): void {
  for (const location of bundles)
    log.info({ location }, `evidence at ${location} is older than --evidence-retention and was deleted`);
  for (const location of attempts)
    log.info({ location }, `what an unfinished capture left at ${location} was deleted`);
  for (const { place, why } of kept)
    log.warn({ location: place }, `evidence at ${place} was not deleted, whatever its age: ${why}`);
}
