// The record of one incident while it is worked on: changes gather in memory and are written as one patch.
import { findCondition } from '../api/conditions.ts';
import type { DriftIncident } from '../api/incident.ts';
import { FINALIZER } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import { changedParts, statusPatch } from './status.ts';

/** See the file's first line. `current` is what the next decision is made from. */
export class IncidentRecord {
  readonly #client: KubeClient;
  #stored: DriftIncident;
  current: DriftIncident;

  constructor(client: KubeClient, incident: DriftIncident) {
    this.#client = client;
    this.#stored = incident;
    this.current = incident;
  }

  /** `namespace/name`, for messages. */
  get key(): string {
    return `${this.current.metadata.namespace}/${this.current.metadata.name}`;
  }

  /** Whether the reason of a condition differs from what is stored: something begins. */
  begins(type: string, reason: string): boolean {
    return findCondition(this.#stored.status?.conditions, type)?.reason !== reason;
  }

  /** Writes what changed since the last write, if anything did. @throws KubeError, NotFound if the incident is gone. */
  async write(): Promise<void> {
    const patch = statusPatch(this.#stored, this.current);
    if (patch.length === 0) return;
    const at = { ...this.#path(), subresource: 'status' };
    // Reports of receivers and decisions of people come back with the answer and count from here on.
    this.#stored = await this.#client.jsonPatch<DriftIncident>(DRIFT_INCIDENTS, at, patch);
    this.current = this.#stored;
  }

  /** Reads what others wrote meanwhile; what is not written yet stays. */
  async refresh(): Promise<void> {
    this.#adopt(await this.#client.get<DriftIncident>(DRIFT_INCIDENTS, this.#path()));
  }

  /** Puts our finalizer on, unless it is there or the incident is being deleted, when none may be added. */
  async addFinalizer(): Promise<void> {
    const { finalizers = [], deletionTimestamp } = this.#stored.metadata;
    if (finalizers.includes(FINALIZER) || deletionTimestamp !== undefined) return;
    await this.#setFinalizers([...finalizers, FINALIZER]);
  }

  /** Takes our finalizer off. */
  async removeFinalizer(): Promise<void> {
    const { finalizers = [] } = this.#stored.metadata;
    if (!finalizers.includes(FINALIZER)) return;
    try {
      await this.#setFinalizers(finalizers.filter((other) => other !== FINALIZER));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  // The list is tested as read, so that nobody else's finalizer is lost.
  async #setFinalizers(wanted: readonly string[]): Promise<void> {
    const { finalizers, uid } = this.#stored.metadata;
    const incident = await this.#client.jsonPatch<DriftIncident>(DRIFT_INCIDENTS, this.#path(), [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/finalizers', value: finalizers ?? null },
      { op: 'add', path: '/metadata/finalizers', value: wanted },
    ]);
    this.#adopt(incident);
  }

  #adopt(incident: DriftIncident): void {
    const pending = changedParts(this.#stored, this.current);
    this.#stored = incident;
    this.current = { ...incident, status: { ...incident.status, ...pending } };
  }

  #path(): { namespace: string; name: string } {
    const { namespace = '', name } = this.#stored.metadata;
    return { namespace, name };
  }
}
