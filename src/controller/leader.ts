// Election of one leader among replicas by a Lease, after client-go's leaderelection: whether a Lease has expired is
// judged by how long it was seen unchanged, never by the times in it, so that clocks need not agree. Two differences: no
// process ends because it lost, and an empty or deleted Lease is waited for as if somebody still led by it.
import type { KubeClient } from '../kube/client.ts';
import { sleep, type Clock, type Random } from '../kube/clock.ts';
import { isAlreadyExists, isTestFailure } from '../kube/errors.ts';
import type { Leadership } from '../kube/fence.ts';
import type { Log } from '../kube/log.ts';
import { classify } from './errors.ts';
import { ObservedLease } from './leader-lease.ts';
import type { LeaseRecord } from './leader-record.ts';
import { Term, type Moment } from './leader-term.ts';

/** Who leads, as far as this replica has seen. */
export interface LeaderState {
  /** Identity in the Lease. */
  holder: string | undefined;
  /** This replica leads. */
  isLeader: boolean;
}

/** What an elector works with. Times are in milliseconds. */
export interface LeaderElectorOptions {
  /** Not a fenced one: it is what leadership is won with. */
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Log & { info(fields: object, message: string): void };
  lease: { namespace: string; name: string };
  /** Name of this replica, e.g. its pod. A random ending tells it from a former life of that name. */
  identity: string;
  /** How long others must see the Lease unchanged before they take it. Default 10,000. */
  leaseMs?: number;
  /** How long after the beginning of its last renewal a leader sends requests. Default 7,000; less than `leaseMs`. */
  renewDeadlineMs?: number;
  /** Between two renewals; others look at the Lease three times as often. Default 2,000. */
  retryMs?: number;
  /** Told of each change. Must not throw. */
  onChange?: (state: LeaderState) => void;
}

/**
 * What a leader does until the signal fires: its leadership was lost, or the operator stops. Then it ends what is in
 * hand. `term` lasts until then, and its requests belong behind a fence of it (see `fencedClient`): a later leadership
 * of the same process has another one.
 */
export type Lead = (signal: AbortSignal, term: Leadership) => Promise<void>;

// Kill -9 right after a renewal costs a look to see that, and the lease: less than 12 s also where the API is slow. The
// 3 s from the deadline to the end of the lease are for what is still in the network, and for uneven clocks.
const LEASE_MS = 10_000;
const RENEW_DEADLINE_MS = 7_000;
const RETRY_MS = 2_000;
/** Failures in a row that are worth a warning; fewer are everyday life. */
const WARN_AFTER = 3;

type Attempt = { kind: 'Claimed'; since: Moment } | { kind: 'Held' } | { kind: 'Failed' };

/** See the file's first line. Its leadership is that of the present term; when there is none, nothing remains of it. */
export class LeaderElector implements Leadership {
  /** As it is in the Lease. */
  readonly identity: string;
  readonly #options: LeaderElectorOptions;
  readonly #lease: ObservedLease;
  readonly #deadlineMs: number;
  readonly #retryMs: number;
  #term: Term | undefined;
  #told: LeaderState = { holder: undefined, isLeader: false };
  #failures = 0;
  #running = false;

  constructor(options: LeaderElectorOptions) {
    const { leaseMs = LEASE_MS, renewDeadlineMs = RENEW_DEADLINE_MS, retryMs = RETRY_MS } = options;
    if (!(retryMs > 0 && retryMs < renewDeadlineMs && renewDeadlineMs < leaseMs))
      throw new RangeError(`0 < retryMs < renewDeadlineMs < leaseMs does not hold for these of the election`);
    this.#options = options;
    this.#deadlineMs = renewDeadlineMs;
    this.#retryMs = retryMs;
    this.identity = `${options.identity}_${hex32(options.random)}${hex32(options.random)}`;
    this.#lease = new ObservedLease({ ...options, identity: this.identity, leaseMs });
  }

  /** Identity of the leader as last seen in the Lease. */
  get holder(): string | undefined {
    return this.#lease.untilExpiryMs > 0 ? this.#lease.holder : undefined;
  }

  get isLeader(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    return this.#term?.remainingMs() ?? 0;
  }

  /**
   * Stands by and leads in turn until the signal fires, and what was led has ended and the Lease is given back. Rejects
   * with what `lead` rejects with; trouble with the Lease is logged and tried again.
   */
  async run(stop: AbortSignal, lead: Lead): Promise<void> {
    if (this.#running) throw new Error('this elector is running already');
    this.#running = true;
    try {
      while (!stop.aborted) {
        this.#term = await this.#standBy(stop);
        if (this.#term) await this.#serve(this.#term, stop, lead);
        await sleep(this.#options.clock, this.#untilNextLook(), stop);
      }
    } finally {
      this.#running = false;
    }
  }

  /** Resolves when the Lease is ours, or without a term at the stop. */
  async #standBy(stop: AbortSignal): Promise<Term | undefined> {
    const { clock } = this.#options;
    while (!stop.aborted) {
      const attempt = await this.#attempt(this.#deadlineMs / 2, stop);
      if (attempt.kind === 'Claimed') {
        const term = new Term(clock, this.#deadlineMs, attempt.since);
        if (term.remainingMs() > 0) return term;
      }
      await sleep(clock, this.#untilNextLook(), stop);
    }
    return undefined;
  }

  async #serve(term: Term, stop: AbortSignal, lead: Lead): Promise<void> {
    this.#tell();
    const ended = new AbortController();
    const renewing = this.#keep(term, ended.signal);
    try {
      if (stop.aborted) return;
      this.#options.log.info({ identity: this.identity }, 'this replica leads');
      await lead(AbortSignal.any([stop, term.signal]), term);
    } finally {
      ended.abort();
      await renewing;
      // Before the Lease is given back: from there on somebody else may lead.
      term.end();
      this.#term = undefined;
      await this.#release();
      this.#tell();
    }
  }

  /** Renews until `ended` fires; ends the term if that does not succeed in time. */
  async #keep(term: Term, ended: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let wait = this.#untilRenewal(term); ;) {
      await sleep(clock, Math.min(wait, term.remainingMs()), ended);
      if (ended.aborted) return;
      if (term.remainingMs() === 0) return this.#lose(term, 'its Lease was not renewed in time');
      const attempt = await this.#attempt(Math.min(this.#deadlineMs / 2, term.remainingMs()), ended);
      if (attempt.kind === 'Held') return this.#lose(term, 'the Lease is held by another replica');
      // A term that was over when its renewal came back has ended: nothing that it began goes on.
      if (attempt.kind === 'Claimed' && term.remainingMs() > 0) term.renew(attempt.since);
      wait = attempt.kind === 'Claimed' ? this.#untilRenewal(term) : this.#jittered(this.#retryMs / 4);
    }
  }

  #lose(term: Term, why: string): void {
    const { identity, holder } = this;
    term.end();
    this.#options.log.warn({ identity, holder }, `this replica leads no longer: ${why}`);
    this.#tell();
  }

  async #release(): Promise<void> {
    const { log } = this.#options;
    try {
      const record = await this.#lease.look({ timeoutMs: this.#retryMs });
      if (record.holder !== this.identity) return;
      await this.#lease.release(record, { timeoutMs: this.#retryMs });
      log.info({ identity: this.identity }, 'the Lease is given back');
    } catch (err) {
      log.warn({ err }, `the Lease could not be given back; another replica leads when it has expired`);
    }
  }

  /** Looks at the Lease, and writes ourselves into it if that is allowed. Never rejects. */
  async #attempt(timeoutMs: number, over: AbortSignal): Promise<Attempt> {
    try {
      const record = await this.#lease.look({ timeoutMs, signal: over });
      const mayClaim = this.#mayClaim(record);
      // Not given up at a stop: a Lease that is taken without our knowing would be given back by nobody.
      const since = mayClaim ? await this.#lease.hold(record, { timeoutMs }) : undefined;
      this.#failures = 0;
      return since ? { kind: 'Claimed', since } : { kind: 'Held' };
    } catch (error) {
      if (!over.aborted) this.#complain(error);
      return { kind: 'Failed' };
    } finally {
      this.#tell();
    }
  }

  #mayClaim({ holder, released }: LeaseRecord): boolean {
    // Only this process writes its identity, and each write is on top of what was read: nobody led in between.
    if (holder === this.identity) return true;
    if (holder === '' && (released || this.isLeader)) return true;
    return this.#lease.untilExpiryMs <= 0;
  }

  #untilNextLook(): number {
    const look = this.#jittered(this.#retryMs / 3);
    const expiry = this.#lease.untilExpiryMs;
    return expiry > 0 ? Math.min(look, expiry) : look;
  }

  #untilRenewal(term: Term): number {
    return Math.max(0, this.#jittered(this.#retryMs) - term.ageMs);
  }

  /** Up to a fifth less, so that replicas do not stay in step. */
  #jittered(ms: number): number {
    return ms * (1 - this.#options.random() / 5);
  }

  #complain(err: unknown): void {
    const { log } = this.#options;
    // Somebody else was first: the next look shows who.
    if (isTestFailure(err) || isAlreadyExists(err)) return log.debug({ err }, 'the Lease changed meanwhile');
    this.#failures += 1;
    const message = `the Lease cannot be read or written, and is tried again: ${classify(err).message}`;
    if (this.#failures === WARN_AFTER) log.warn({ err }, message);
    else log.debug({ err }, message);
  }

  #tell(): void {
    const { holder, isLeader } = this;
    if (holder === this.#told.holder && isLeader === this.#told.isLeader) return;
    this.#told = { holder, isLeader };
    this.#options.onChange?.(this.#told);
  }
}

function hex32(random: Random): string {
  return Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
