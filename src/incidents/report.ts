// Counts what comes in for incidents that are open already, and writes it seldom: at once when it is worse or new,
// else after 1 s, 10 s and then each minute. A storm of one alert costs three writes in its first minute.
import { isDeepStrictEqual } from 'node:util';
import { findCondition } from '../api/conditions.ts';
import { isFinal, type DriftIncident, type Report } from '../api/incident.ts';
import type { Detection } from '../api/detection.ts';
import type { Match } from '../decide/match.ts';
import { orAbsent } from '../kube/absent.ts';
import type { Cancel, Clock } from '../kube/clock.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import { isInvalid, isNotFound, isTestFailure } from '../kube/errors.ts';
import { add, pointer, remove, test } from '../kube/json-patch.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Caches } from './caches.ts';
import { absorbed, counted, emptyReport, isUrgent } from './report-counts.ts';

/** Delays of the first, second and every further quiet write, in milliseconds. */
const DELAYS_MS = [1_000, 10_000, 60_000] as const;

/** How often a report is tried on an incident whose phase changes meanwhile, before it is put off. */
const MAX_ATTEMPTS = 5;

/** Incidents that are over are remembered this long in number: the cache may show them as open for a while. */
const MAX_ENDED = 1_000;

interface Tally {
  incident: DriftIncident;
  /** Everything that was counted. */
  report: Report;
  /** As the API server has it; undefined before the first write. */
  written: Report | undefined;
  writes: number;
  timer: Cancel | undefined;
  /** The last repeat that is in memory only. */
  unwritten?: Detection;
  /** Reports of one incident are counted and written one after the other: a late write must not undo a later one. */
  last: Promise<unknown>;
}

/** What {@link Reporter} needs. */
export interface ReporterOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  /** Name of this receiver: its key in `status.reports`. */
  receiver: string;
  /** What the watch shows, so that a report seldom meets another phase than it expects; absent: what was written last. */
  caches?: { incidents: Pick<Caches['incidents'], 'get'> };
  /** Takes a repeat that was counted for an incident which had been released by then: nothing answers it there. */
  late?: (detection: Detection) => void;
}

/** See the file's first line. */
export class Reporter {
  readonly #options: ReporterOptions;
  /** By UID of the pod. */
  readonly #tallies = new Map<string, Tally>();
  /** UIDs of incidents. */
  readonly #ended = new Set<string>();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** The open incident of a pod that this receiver knows of, though the cache may not yet. */
  incidentOf(podUid: string): DriftIncident | undefined {
    return this.#tallies.get(podUid)?.incident;
  }

  /** Whether this receiver has learnt that the incident is over, though the cache may not show it yet. */
  hasEnded(incident: DriftIncident): boolean {
    return this.#ended.has(incident.metadata.uid);
  }

  /** An incident was opened by this receiver: its creation is the report of the first detection. */
  opened(incident: DriftIncident, detection: Detection): void {
    const report = emptyReport(incident, detection);
    this.#remember({ incident, report: { ...report, count: 1 }, written: { ...report, count: 1 } });
  }

  /**
   * Adds a detection to an open incident. Resolves when it is safe: in memory for a repeat, in the API server for
   * one that is worse or new. Resolves to false, and counts nothing, if the incident is over.
   * @throws KubeError; nothing was counted then.
   */
  add(incident: DriftIncident, detection: Detection, match: Match): Promise<boolean> {
    const tally = this.#tallyOf(incident, detection);
    return inOrder(tally, () => this.#add(tally, detection, match));
  }

  /** The incident is over, as it is given, or gone: what comes next opens another. */
  forget(incident: DriftIncident): void {
    this.#ended.add(incident.metadata.uid);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
    const podUid = incident.spec.target.uid;
    const tally = this.#tallies.get(podUid);
    if (tally?.incident.metadata.uid !== incident.metadata.uid) return;
    tally.timer?.();
    this.#tallies.delete(podUid);
    if (tally.unwritten && isAfterRelease(incident, tally.unwritten)) this.#options.late?.(tally.unwritten);
  }

  /** Writes what is pending, for a clean stop. */
  async flush(): Promise<void> {
    const pending = [...this.#tallies.values()].filter((tally) => tally.timer);
    await Promise.allSettled(pending.map((tally) => inOrder(tally, () => this.#write(tally, tally.report))));
  }

  async #add(tally: Tally, detection: Detection, match: Match): Promise<boolean> {
    if (this.#ended.has(tally.incident.metadata.uid)) return false;
    const next = counted(tally.report, tally.incident, detection, match);
    if (isUrgent(tally.written, next, tally.incident) && !(await this.#write(tally, next))) return false;
    tally.report = next;
    if (isDeepStrictEqual(tally.written, next)) return true;
    tally.unwritten = detection;
    this.#schedule(tally);
    return true;
  }

  #tallyOf(incident: DriftIncident, detection: Detection): Tally {
    const known = this.#tallies.get(incident.spec.target.uid);
    if (known?.incident.metadata.uid === incident.metadata.uid) return known;
    known?.timer?.();
    // After a restart of this receiver its own earlier report is what it goes on from.
    const written = incident.status?.reports?.[this.#options.receiver];
    return this.#remember({ incident, report: written ?? emptyReport(incident, detection), written });
  }

  #remember(start: Pick<Tally, 'incident' | 'report' | 'written'>): Tally {
    const tally = { ...start, writes: 0, timer: undefined, last: Promise.resolve() };
    this.#tallies.set(start.incident.spec.target.uid, tally);
    return tally;
  }

  #schedule(tally: Tally): void {
    if (tally.timer) return;
    const delay = DELAYS_MS[Math.min(tally.writes, DELAYS_MS.length - 1)] ?? DELAYS_MS[0];
    tally.timer = this.#options.clock.after(delay, () => {
      tally.timer = undefined;
      void inOrder(tally, () => this.#writeQuietly(tally));
    });
  }

  async #writeQuietly(tally: Tally): Promise<void> {
    try {
      await this.#write(tally, tally.report);
    } catch (error) {
      const { name } = tally.incident.metadata;
      this.#options.log.warn({ err: error, incident: name }, 'report not written, tried again later');
      this.#schedule(tally);
    }
  }

  /** @returns false if the incident is over or gone. @throws KubeError */
  async #write(tally: Tally, report: Report): Promise<boolean> {
    const stored = await this.#send(tally.incident, report);
    if (!stored || isFinal(stored)) {
      this.forget(stored ?? tally.incident);
      return false;
    }
    tally.incident = stored;
    tally.writes += 1;
    tally.written = report;
    delete tally.unwritten;
    tally.timer?.();
    tally.timer = undefined;
    return true;
  }

  /**
   * Writes the report into the incident if it is still open: in one that is over it would stand for an answer.
   * @returns the incident, with the report unless it is over; undefined if it is gone.
   * @throws KubeError
   */
  async #send(
    incident: DriftIncident,
    report: Report,
    ...more: JsonPatchOp[]
  ): Promise<DriftIncident | undefined> {
    let known = this.#shown(incident);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#patch(known, report, more);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        if (isInvalid(error) && !isTestFailure(error) && more.length === 0)
          return this.#sendInPlaceOfOldest(known, report);
        if (!isTestFailure(error)) throw error;
        const fresh = await this.#read(known);
        if (!fresh || isFinal(fresh)) return fresh;
        if (attempt >= MAX_ATTEMPTS) throw error;
        known = fresh;
      }
    }
  }

  #shown(incident: DriftIncident): DriftIncident {
    const { namespace, name, uid } = incident.metadata;
    const shown = this.#options.caches?.incidents.get(namespace, name);
    return shown?.metadata.uid === uid ? shown : incident;
  }

  #patch(
    { metadata, status }: DriftIncident,
    report: Report,
    more: readonly JsonPatchOp[],
  ): Promise<DriftIncident> {
    const { client, receiver } = this.#options;
    const { namespace = '', name, uid } = metadata;
    return client.jsonPatch<DriftIncident>(DRIFT_INCIDENTS, { namespace, name, subresource: 'status' }, [
      test('/metadata/uid', uid),
      test('/status/phase', status?.phase ?? null),
      ...more,
      add(pointer('status', 'reports', receiver), report),
    ]);
  }

  /** As it is now; undefined if it is gone, or another has its name. @throws KubeError */
  async #read({ metadata }: DriftIncident): Promise<DriftIncident | undefined> {
    const { namespace = '', name, uid } = metadata;
    const fresh = await orAbsent(
      this.#options.client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name }),
    );
    return fresh?.metadata.uid === uid ? fresh : undefined;
  }

  // Receivers come and go under new names, and the record has room for a number of them: the one that was silent for
  // the longest time makes room, and what it knew beyond the count stays.
  async #sendInPlaceOfOldest(incident: DriftIncident, report: Report): Promise<DriftIncident | undefined> {
    const fresh = await this.#read(incident);
    if (!fresh) return undefined;
    const others = Object.entries(fresh.status?.reports ?? {}).filter(
      ([key]) => key !== this.#options.receiver,
    );
    const [oldest] = others.toSorted(([, a], [, b]) => a.lastSeen.localeCompare(b.lastSeen));
    const { namespace, name } = fresh.metadata;
    if (!oldest) throw new Error(`incident ${namespace}/${name} refuses the report of a single receiver`);
    const [key, theirs] = oldest;
    return this.#send(fresh, absorbed(report, theirs), remove(pointer('status', 'reports', key)));
  }
}

function isAfterRelease({ status }: DriftIncident, { summary }: Detection): boolean {
  const endedAt = findCondition(status?.conditions, 'Ready')?.lastTransitionTime;
  if (status?.phase !== 'Released' || endedAt === undefined) return false;
  return Date.parse(summary.receivedAt) > Date.parse(endedAt);
}

function inOrder<T>(tally: Tally, work: () => Promise<T>): Promise<T> {
  const run = tally.last.then(work);
  tally.last = run.catch(() => {});
  return run;
}
