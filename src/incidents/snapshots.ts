// Evidence that this process has begun to read and not stored yet. In memory only: a process that dies reads it again.
import type { BegunSnapshot } from '../respond/capture.ts';

/** By UID of the incident. */
export class Snapshots {
  readonly #begun = new Map<string, BegunSnapshot>();
  readonly #queued = new Set<string>();

  /** Begins a snapshot unless there is one: the first shows the pod as it was before it was changed. */
  begin(incidentUid: string, begin: () => BegunSnapshot): void {
    if (!this.#begun.has(incidentUid)) this.#begun.set(incidentUid, begin());
  }

  get(incidentUid: string): BegunSnapshot | undefined {
    return this.#begun.get(incidentUid);
  }

  /** The capture is written ahead, and the next run does it. */
  queue(incidentUid: string): void {
    this.#queued.add(incidentUid);
  }

  /** Whether {@link queue} was called; once. */
  takeQueued(incidentUid: string): boolean {
    return this.#queued.delete(incidentUid);
  }

  /** It is stored, or there is nobody to store it for. */
  forget(incidentUid: string): void {
    this.#begun.delete(incidentUid);
    this.#queued.delete(incidentUid);
  }
}
