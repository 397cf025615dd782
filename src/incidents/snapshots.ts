// What this process knows of evidence that it has begun to read, or has found where it was stored, and of what it told
// people of it. In memory only: a process that dies reads, asks and tells again.
import type { BegunSnapshot } from '../respond/capture.ts';

/** By UID of the incident. */
export class Snapshots {
  readonly #begun = new Map<string, BegunSnapshot>();
  readonly #queued = new Set<string>();
  readonly #kept = new Map<string, { sha256: string; at: number }>();
  readonly #told = new Map<string, string>();

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

  /** The store said that it has the bundle with that manifest. @param at by `Clock.elapsed`. */
  noteKept(incidentUid: string, sha256: string, at: number): void {
    this.#kept.set(incidentUid, { sha256, at });
  }

  /** When it last said so of that very bundle, by `Clock.elapsed`. */
  keptAt(incidentUid: string, sha256: string): number | undefined {
    const kept = this.#kept.get(incidentUid);
    return kept?.sha256 === sha256 ? kept.at : undefined;
  }

  /** People were told what the incident waits for. */
  noteTold(incidentUid: string, note: string): void {
    this.#told.set(incidentUid, note);
  }

  /** What they were told last. */
  told(incidentUid: string): string | undefined {
    return this.#told.get(incidentUid);
  }

  /** It is stored: what is captured next is captured anew. */
  stored(incidentUid: string): void {
    this.#begun.delete(incidentUid);
    this.#queued.delete(incidentUid);
    this.#kept.delete(incidentUid);
  }

  /** There is nobody to store it for. */
  forget(incidentUid: string): void {
    this.stored(incidentUid);
    this.#told.delete(incidentUid);
  }
}
