// What this process is about to do but the caches do not show yet: without it two workers that decide at the same
// moment would both find room under a limit, or both count the same replacement as theirs.

/** Held in memory only: after a restart the cluster itself shows what was done. */
export class Reservations {
  readonly #takenOut = new Set<string>();
  readonly #claims = new Map<string, string>();

  /** The incident is about to take its pod out of its workload. */
  take(incidentUid: string): void {
    this.#takenOut.add(incidentUid);
  }

  /** Whether {@link take} was called and the incident is not over. */
  holds(incidentUid: string): boolean {
    return this.#takenOut.has(incidentUid);
  }

  /** The pod counts as the replacement of that incident. */
  claim(podUid: string, incidentUid: string): void {
    this.#claims.set(podUid, incidentUid);
  }

  /** Whether the pod is free or that incident's already. */
  mayClaim(podUid: string, incidentUid: string): boolean {
    return (this.#claims.get(podUid) ?? incidentUid) === incidentUid;
  }

  /** The incident is over and its record tells the rest. */
  forget(incidentUid: string): void {
    this.#takenOut.delete(incidentUid);
  }

  /** The pod is gone: its name can be reused, its UID never. */
  podGone(podUid: string): void {
    this.#claims.delete(podUid);
  }
}
