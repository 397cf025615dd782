// What this process is about to do but the caches do not show yet: without it two workers that decide at the same
// moment would both find room under a limit, or both count the same replacement as theirs.

/** Held in memory only: after a restart the cluster itself shows what was done. */
export class Reservations {
  readonly #takenOut = new Set<string>();
  readonly #evicting = new Set<string>();
  readonly #claims = new Map<string, string>();

  /** The incident is about to take its pod out of its workload. */
  take(incidentUid: string): void {
    this.#takenOut.add(incidentUid);
  }

  /** Whether {@link take} was called and the incident is not over. */
  holds(incidentUid: string): boolean {
    return this.#takenOut.has(incidentUid);
  }

  /** The API server is about to be asked to evict the pod of the incident. */
  evict(incidentUid: string): void {
    this.#evicting.add(incidentUid);
  }

  /** Whether {@link evict} was called and the pod may have gone by it. */
  evicts(incidentUid: string): boolean {
    return this.#evicting.has(incidentUid);
  }

  /** The pod is there and does not go. */
  stays(incidentUid: string): void {
    this.#evicting.delete(incidentUid);
  }

  /** The pod counts as the replacement of that incident, and no other one does any more. */
  claim(podUid: string, incidentUid: string): void {
    if (this.#claims.get(podUid) === incidentUid) return;
    for (const [other, by] of this.#claims) if (by === incidentUid) this.#claims.delete(other);
    this.#claims.set(podUid, incidentUid);
  }

  /** Whether the pod is free or that incident's already. */
  mayClaim(podUid: string, incidentUid: string): boolean {
    return (this.#claims.get(podUid) ?? incidentUid) === incidentUid;
  }

  /** The incident is over and its record tells the rest. */
  forget(incidentUid: string): void {
    this.#takenOut.delete(incidentUid);
    this.#evicting.delete(incidentUid);
  }

  /** The pod is gone: its name can be reused, its UID never. */
  podGone(podUid: string): void {
    this.#claims.delete(podUid);
  }
}
