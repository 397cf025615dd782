// The Lease of an election as one replica sees it: read, watched for how long it stays as it is, taken and given back.
import type { KubeObject } from '../api/meta.ts';
import type { CallOptions, JsonPatchOp, KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isNotFound } from '../kube/errors.ts';
import { LEASES } from '../kube/resources.ts';
import { cleanText } from '../kube/text.ts';
import { emptyLease, holdPatch, isUnchanged, readRecord, releasePatch } from './leader-record.ts';
import type { LeaseRecord, Writing } from './leader-record.ts';
import { momentOf, type Moment } from './leader-term.ts';

/** Which Lease, and who looks at it. */
export interface ObservedLeaseOptions {
  client: KubeClient;
  clock: Clock;
  lease: { namespace: string; name: string };
  identity: string;
  /** Milliseconds for which it must have been seen unchanged before it may be taken from somebody. */
  leaseMs: number;
}

/** A Lease may demand a longer wait than ours, as of another version of us, but not one for ever. */
const LONGEST_LEASE_MS = 30_000;
/** Longest name of a pod, and the random ending. */
const MAX_HOLDER_BYTES = 253 + 17;

/** See the file's first line. Calls reject with a KubeError. */
export class ObservedLease {
  readonly #options: ObservedLeaseOptions;
  /** As last read, and when (`Clock.elapsed`) it was first seen to be so. */
  #seen: { record: LeaseRecord; since: number } | undefined;
  /** As our last write left it, until anything else is known or tried. */
  #written: LeaseRecord | undefined;
  #writes = 0;

  constructor(options: ObservedLeaseOptions) {
    this.#options = options;
  }

  /** Identity of who holds it, as far as was seen; for people, so without what would harm a log. */
  get holder(): string | undefined {
    return cleanText(this.#seen?.record.holder ?? '', MAX_HOLDER_BYTES) || undefined;
  }

  /** Milliseconds until it may be taken though nobody gave it back. */
  get untilExpiryMs(): number {
    const { clock, leaseMs } = this.#options;
    if (!this.#seen) return leaseMs;
    const { record, since } = this.#seen;
    return since + Math.min(Math.max(leaseMs, record.durationMs), LONGEST_LEASE_MS) - clock.elapsed();
  }

  /**
   * Reads it, unless we wrote it last: a write on top of that is refused if it is not so any more. Where there is none,
   * makes one that nobody holds: it may have been deleted under a leader's hands.
   */
  async look(options: CallOptions): Promise<LeaseRecord> {
    if (this.#written) return this.#written;
    const { client, lease, leaseMs } = this.#options;
    try {
      return this.#observe(await client.get<KubeObject>(LEASES, lease, options));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const at = { namespace: lease.namespace };
      return this.#observe(await client.create<KubeObject>(LEASES, at, emptyLease(lease, leaseMs), options));
    }
  }

  /** Takes or renews it, if it is still as it was read; resolves to the moment before that was sent. */
  async hold(record: LeaseRecord, options: CallOptions): Promise<Moment> {
    const before = momentOf(this.#options.clock);
    await this.#write(holdPatch(record, this.#writing()), options);
    return before;
  }

  /** Gives it back, if it is still as it was read. */
  async release(record: LeaseRecord, options: CallOptions): Promise<void> {
    await this.#write(releasePatch(record, this.#writing()), options);
  }

  async #write(patch: readonly JsonPatchOp[], options: CallOptions): Promise<void> {
    const { client, lease } = this.#options;
    this.#written = undefined;
    this.#written = this.#observe(await client.jsonPatch<KubeObject>(LEASES, lease, patch, options));
  }

  /** Called when the answer is there: what it shows was so before now. */
  #observe(lease: KubeObject): LeaseRecord {
    const record = readRecord(lease);
    const seen = this.#seen;
    const since = seen && isUnchanged(seen.record, record) ? seen.since : this.#options.clock.elapsed();
    this.#seen = { record, since };
    return record;
  }

  #writing(): Writing {
    const { clock, identity, leaseMs } = this.#options;
    return { identity, leaseMs, now: clock.now(), count: this.#writes++ };
  }
}
