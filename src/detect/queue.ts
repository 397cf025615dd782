// Detections wait here in memory until they are handled, in order for each pod.
import type { Detection } from '../api/detection.ts';
import { sleep, type Cancel, type Clock, type Random } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { throttle } from '../observe/throttle.ts';
import type { DetectionOutcome } from './outcome.ts';

/** The handler cannot tell yet: look again after that time. */
export interface Retry {
  retryAfterMs: number;
  message: string;
}

/** What the handler is told about the attempt. */
export interface Attempt {
  /** When this detection, or one of the same pod that it waited behind, was first tried: milliseconds of `Clock.elapsed`. */
  firstTriedAt: number;
}

/** Turns a detection into an outcome. A rejection means that it failed for now and is tried again. */
export type Handle = (detection: Detection, attempt: Attempt) => Promise<DetectionOutcome | Retry>;

/** Options of {@link IntakeQueue}. */
export interface IntakeQueueOptions {
  handle: Handle;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Detections that wait or are handled. Default 10,000. */
  capacity?: number;
  /** Detections handled at the same time. Default 8. */
  workers?: number;
}

interface Entry {
  detection: Detection;
  submittedAt: number;
  failures: number;
  resolve: (outcome: DetectionOutcome) => void;
}

/** Detections of one pod. Only the first is worked on. */
interface Lane {
  key: string;
  entries: Entry[];
  firstTriedAt?: number;
}

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
const LOG_EVERY_MS = 10_000;

/**
 * A bounded queue in memory. What it accepted is tried until it has an outcome, for as long as the process lives; a
 * detection that waits for its next try holds up its own pod only and no worker.
 */
export class IntakeQueue {
  readonly #options: Required<IntakeQueueOptions>;
  readonly #logDue: (kind: string) => boolean;
  readonly #lanes = new Map<string, Lane>();
  readonly #timers = new Set<Cancel>();
  readonly #drained = new AbortController();
  /** Lanes whose first entry may be tried now, the longest waiting first. */
  readonly #ready: Lane[] = [];
  #depth = 0;
  #running = 0;
  #phase: 'open' | 'closing' | 'stopped' = 'open';

  constructor(options: IntakeQueueOptions) {
    this.#options = { capacity: 10_000, workers: 8, ...options };
    this.#logDue = throttle(options.clock, LOG_EVERY_MS);
  }

  /** Detections that wait or are handled. */
  get depth(): number {
    return this.#depth;
  }

  /** Why the queue takes nothing now, in words for people. */
  get refusal(): string {
    return this.#phase === 'open' ? 'too many alerts wait' : 'this receiver stops';
  }

  /** @returns its outcome, or undefined when there is no room or the queue stops (see {@link refusal}). */
  add(detection: Detection): Promise<DetectionOutcome> | undefined {
    if (this.#phase !== 'open' || this.#depth >= this.#options.capacity) return undefined;
    return this.#enqueue(detection);
  }

  /** Adds what an earlier process accepted: there is always room for that. */
  restore(detection: Detection): Promise<DetectionOutcome> {
    return this.#enqueue(detection);
  }

  /**
   * Accepts nothing more, goes on for up to `graceMs` milliseconds, then gives up what is left.
   * @returns how many detections were given up.
   */
  async stop(graceMs = 0): Promise<number> {
    if (this.#phase === 'open') this.#phase = 'closing';
    if (this.#depth === 0) this.#drained.abort();
    if (graceMs > 0) await sleep(this.#options.clock, graceMs, this.#drained.signal);
    this.#phase = 'stopped';
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    return this.#depth;
  }

  #enqueue(detection: Detection): Promise<DetectionOutcome> {
    const { promise, resolve } = Promise.withResolvers<DetectionOutcome>();
    const entry = { detection, submittedAt: this.#options.clock.elapsed(), failures: 0, resolve };
    this.#depth++;
    const key = laneKey(detection);
    const lane = this.#lanes.get(key);
    if (lane) lane.entries.push(entry);
    else this.#open({ key, entries: [entry] });
    return promise;
  }

  #open(lane: Lane): void {
    this.#lanes.set(lane.key, lane);
    this.#makeReady(lane);
  }

  #makeReady(lane: Lane): void {
    this.#ready.push(lane);
    this.#startWorkers();
  }

  #startWorkers(): void {
    while (this.#phase !== 'stopped' && this.#running < this.#options.workers) {
      const lane = this.#ready.shift();
      const entry = lane?.entries[0];
      if (!lane || !entry) return;
      void this.#work(lane, entry);
    }
  }

  async #work(lane: Lane, entry: Entry): Promise<void> {
    this.#running++;
    const result = await this.#attempt(lane, entry);
    this.#running--;
    if ('outcome' in result) this.#finish(lane, entry, result);
    else this.#wait(lane, entry, result);
    this.#startWorkers();
  }

  async #attempt(lane: Lane, entry: Entry): Promise<DetectionOutcome | Retry> {
    lane.firstTriedAt ??= this.#options.clock.elapsed();
    // All entries of a lane share the fate of its pod: a thousand alerts of a pod that is not found wait once.
    const firstTriedAt = Math.max(lane.firstTriedAt, entry.submittedAt);
    try {
      return await this.#options.handle(entry.detection, { firstTriedAt });
    } catch (error) {
      return this.#backOff(lane, entry, error);
    }
  }

  #backOff(lane: Lane, entry: Entry, error: unknown): Retry {
    const retryAfterMs = backoffMs(entry.failures++, this.#options.random);
    const message = 'handling a detection failed and is tried again';
    // What the API server did not answer in this time, the kubelet could not tell it either.
    delete lane.firstTriedAt;
    if (this.#logDue('failed')) {
      const { id } = entry.detection.summary;
      this.#options.log.warn({ err: error, detection: id, retryAfterMs, waiting: this.#depth }, message);
    }
    return { retryAfterMs, message };
  }

  #finish(lane: Lane, entry: Entry, outcome: DetectionOutcome): void {
    lane.entries.shift();
    this.#depth--;
    if (lane.entries.length === 0) this.#lanes.delete(lane.key);
    // Behind the others, so that one noisy pod does not hold up the rest.
    else this.#ready.push(lane);
    entry.resolve(outcome);
    if (this.#depth === 0 && this.#phase === 'closing') this.#drained.abort();
  }

  #wait(lane: Lane, entry: Entry, { retryAfterMs, message }: Retry): void {
    if (this.#phase === 'stopped') return;
    this.#options.log.debug({ detection: entry.detection.summary.id, retryAfterMs }, message);
    const cancel = this.#options.clock.after(retryAfterMs, () => {
      this.#timers.delete(cancel);
      this.#makeReady(lane);
    });
    this.#timers.add(cancel);
  }
}

// One event fires several rules, and only some of them tell the pod's UID: the container ID, which nearly all tell,
// brings these together. Short and full IDs meet in the first 12 digits. Without identity there is nothing to order.
function laneKey({ identity, summary }: Detection): string {
  if (identity.containerId) return `container:${identity.containerId.slice(0, 12)}`;
  if (identity.podUid) return `uid:${identity.podUid}`;
  if (identity.namespace && identity.podName) return `name:${identity.namespace}/${identity.podName}`;
  return `detection:${summary.id}`;
}

function backoffMs(failures: number, random: Random): number {
  const most = Math.min(BACKOFF_MAX_MS, 2 * BACKOFF_MIN_MS * 2 ** failures);
  return BACKOFF_MIN_MS + random() * (most - BACKOFF_MIN_MS);
}
