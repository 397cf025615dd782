// The store of evidence in a story, and what goes wrong with it: it is down, full, slow, or says nothing at all.
import type { DriftIncident } from '../../../src/api/incident.ts';
import { EvidenceStoreError } from '../../../src/evidence/store.ts';
import { createMemoryStore, type MemoryStore, type StoreOperation } from '../../support/memory-store.ts';
import type { SimClock } from './clock.ts';

/** How a store can be. */
export type StoreState = 'Fine' | 'Down' | 'Full' | 'Slow' | 'Silent';

/** What a slow store takes for each operation, in milliseconds: more than what was read live may be old. */
const SLOW_MS = 4_000;
/** Who is silent for so long has not answered. */
const SILENT_MS = 60_000;

/** See the file's first line. */
export class StoreTrouble {
  readonly #clock: SimClock;
  now: StoreState = 'Fine';
  readonly evidence: MemoryStore;
  /** When the evidence of an incident was first complete on the disk, by the incident's UID. */
  readonly sealed = new Map<string, number>();
  /** When somebody last took the evidence of an incident away, by the incident's UID. */
  readonly lost = new Map<string, number>();

  constructor(clock: SimClock) {
    this.#clock = clock;
    this.evidence = createMemoryStore({
      clock,
      before: async ({ name, incident }) => {
        await this.#before(name);
        if (name === 'seal' && !this.sealed.has(incident.uid)) this.sealed.set(incident.uid, clock.elapsed());
      },
    });
  }

  async #before(operation: StoreOperation['name']): Promise<void> {
    switch (this.now) {
      case 'Fine':
        return;
      case 'Slow':
        return this.#clock.sleep(SLOW_MS);
      case 'Down':
        throw new EvidenceStoreError('Failed', 'memory', 'the store does not answer; look at it');
      case 'Full':
        if (operation === 'open' || operation === 'holds') return;
        throw new EvidenceStoreError('NoSpace', 'memory', 'the store is full; make room');
      case 'Silent':
        await this.#clock.sleep(SILENT_MS);
        throw new EvidenceStoreError('Failed', 'memory', 'the store did not answer; look at it');
    }
  }

  /** Somebody takes away all that was kept of these incidents until now. */
  lose(incidents: readonly DriftIncident[]): void {
    for (const { metadata } of incidents) {
      this.evidence.lose(metadata.uid);
      this.lost.set(metadata.uid, this.#clock.elapsed());
    }
  }
}
