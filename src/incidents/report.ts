// Counts what comes in for incidents that are open already, and writes it seldom: at once when it is worse or new,
// else after 1 s, 10 s and then each minute. A storm of one alert costs three writes in its first minute.
import { isDeepStrictEqual } from 'node:util';
import {
  isFinal,
  MAX_REPORTED_DETECTIONS,
  type Contribution,
  type DriftIncident,
  type Report,
  type ResponseSettings,
} from '../api/incident.ts';
import type { Detection } from '../api/detection.ts';
import { plus } from '../api/meta.ts';
import { maxSeverity, severityRank } from '../api/severity.ts';
import { keptContributions, responseOf, settingsOf } from '../decide/merge.ts';
import type { Match } from '../decide/match.ts';
import type { Cancel, Clock } from '../kube/clock.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import { isInvalid, isNotFound, isTestFailure } from '../kube/errors.ts';
import { add, pointer, remove, test } from '../kube/json-patch.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';

/** Delays of the first, second and every further quiet write, in milliseconds. */
const DELAYS_MS = [1_000, 10_000, 60_000] as const;

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

  /** The incident is over, or gone: what comes next opens another. */
  forget(incident: DriftIncident): void {
    this.#ended.add(incident.metadata.uid);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
    const podUid = incident.spec.target.uid;
    const tally = this.#tallies.get(podUid);
    if (tally?.incident.metadata.uid !== incident.metadata.uid) return;
    tally.timer?.();
    this.#tallies.delete(podUid);
  }

  /** Writes what is pending, for a clean stop. */
  async flush(): Promise<void> {
    const pending = [...this.#tallies.values()].filter((tally) => tally.timer);
    await Promise.allSettled(pending.map((tally) => inOrder(tally, () => this.#write(tally, tally.report))));
  }

  async #add(tally: Tally, detection: Detection, match: Match): Promise<boolean> {
    const next = counted(tally.report, tally.incident, detection, match);
    if (isUrgent(tally.written, next, tally.incident) && !(await this.#write(tally, next))) return false;
    tally.report = next;
    if (!isDeepStrictEqual(tally.written, next)) this.#schedule(tally);
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
    tally.writes += 1;
    tally.written = report;
    tally.timer?.();
    tally.timer = undefined;
    return true;
  }

  async #send(
    incident: DriftIncident,
    report: Report,
    ...more: JsonPatchOp[]
  ): Promise<DriftIncident | undefined> {
    const { client, receiver } = this.#options;
    const { namespace = '', name, uid } = incident.metadata;
    try {
      return await client.jsonPatch<DriftIncident>(
        DRIFT_INCIDENTS,
        { namespace, name, subresource: 'status' },
        [test('/metadata/uid', uid), ...more, add(pointer('status', 'reports', receiver), report)],
      );
    } catch (error) {
      if (isNotFound(error) || isTestFailure(error)) return undefined;
      if (!isInvalid(error) || more.length > 0) throw error;
      return this.#sendInPlaceOfOldest(incident, report);
    }
  }

  // Receivers come and go under new names, and the record has room for a number of them: the one that was silent for
  // the longest time makes room, and what it knew beyond the count stays.
  async #sendInPlaceOfOldest(
    { metadata }: DriftIncident,
    report: Report,
  ): Promise<DriftIncident | undefined> {
    const { namespace = '', name } = metadata;
    const fresh = await this.#options.client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });
    const others = Object.entries(fresh.status?.reports ?? {}).filter(
      ([key]) => key !== this.#options.receiver,
    );
    const [oldest] = others.toSorted(([, a], [, b]) => a.lastSeen.localeCompare(b.lastSeen));
    if (!oldest) throw new Error(`incident ${namespace}/${name} refuses the report of a single receiver`);
    const [key, theirs] = oldest;
    return this.#send(fresh, absorbed(report, theirs), remove(pointer('status', 'reports', key)));
  }
}

function inOrder<T>(tally: Tally, work: () => Promise<T>): Promise<T> {
  const run = tally.last.then(work);
  tally.last = run.catch(() => {});
  return run;
}

function emptyReport({ spec }: DriftIncident, { summary }: Detection): Report {
  return {
    count: 0,
    firstSeen: summary.receivedAt,
    lastSeen: summary.receivedAt,
    highestSeverity: spec.trigger.severity,
    detections: [],
  };
}

// What is worth a write at once: it is worse than what is written, or says something new.
function isUrgent(written: Report | undefined, next: Report, { spec }: DriftIncident): boolean {
  return (
    next.detections.length > (written?.detections.length ?? 0) ||
    severityRank(next.highestSeverity) > severityRank(written?.highestSeverity ?? spec.trigger.severity) ||
    !isDeepStrictEqual(next.policies, written?.policies)
  );
}

function absorbed(report: Report, theirs: Report): Report {
  const policies = keptContributions([...(report.policies ?? []), ...(theirs.policies ?? [])]);
  const asked = [report, theirs].flatMap(({ policies: contributions = [], response }) =>
    response ? [{ contributions, settings: response }] : [],
  );
  return {
    ...report,
    count: plus(report.count, theirs.count),
    highestSeverity: maxSeverity(report.highestSeverity, theirs.highestSeverity),
    ...(policies.length > 0 && { policies }),
    ...(asked.length > 0 && { response: settingsOf(asked) }),
  };
}

function counted(report: Report, incident: DriftIncident, detection: Detection, match: Match): Report {
  const { summary } = detection;
  const known = [incident.spec.trigger.detection, ...report.detections].some((d) => d.rule === summary.rule);
  const full = report.detections.length >= MAX_REPORTED_DETECTIONS;
  return {
    ...report,
    ...escalation(report, incident, match),
    count: plus(report.count, 1),
    lastSeen: summary.receivedAt,
    highestSeverity: maxSeverity(report.highestSeverity, summary.severity),
    detections: known || full ? report.detections : [...report.detections, summary],
  };
}

// What this detection asks for beyond all that the incident is told to do already.
function escalation(
  report: Report,
  incident: DriftIncident,
  match: Match,
): { policies?: Contribution[]; response?: ResponseSettings } {
  const told = [...responseOf(incident).contributions, ...(report.policies ?? [])];
  const fresh = match.contributions.filter((next) => !told.some((other) => covers(other, next)));
  if (fresh.length === 0) return {};
  const { policies = [], response } = report;
  return {
    policies: keptContributions([...policies, ...fresh]),
    response: settingsOf([
      ...(response ? [{ contributions: policies, settings: response }] : []),
      { contributions: match.contributions, settings: match.settings },
    ]),
  };
}

function covers(told: Contribution, next: Contribution): boolean {
  return (
    told.uid === next.uid &&
    told.mode === next.mode &&
    told.confirmed === next.confirmed &&
    // A policy is obeyed as long as the rungs that were met are still there: those of another name are not the same.
    next.rungs.every((rung) => told.rungs.includes(rung)) &&
    next.actions.every((action) => told.actions.includes(action)) &&
    (next.cap === undefined || isDeepStrictEqual(next.cap, told.cap))
  );
}
