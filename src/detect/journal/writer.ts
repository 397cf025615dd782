// Writes a journal: what arrives while the disk is at work shares the next fsync, and one piece of work follows the other.
import type { Detection } from '../../api/detection.ts';
import type { Cancel, Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import { Backlog } from './backlog.ts';
import { JournalCondition, listed } from './condition.ts';
import { setDamageAside } from './damage.ts';
import type { JournalDisk } from './disk.ts';
import { explainDiskError, isTakenOver, JournalError } from './errors.ts';
import type { Entry } from './ledger.ts';
import type { Owner } from './owner.ts';
import { encodeRecord } from './record.ts';
import { scanJournal, type Scan } from './scan.ts';
import { Segments, type Group } from './segments.ts';

/** What a {@link JournalWriter} needs. */
export interface JournalWriterOptions {
  disk: JournalDisk;
  clock: Clock;
  log: Logger;
  owner: Owner;
  maxBytes: number;
  segmentBytes: number;
}

const FLUSH_MS = 1_000;
const RETRY_MS = 3_000;
/** How long what could not be cleaned up is left alone, in milliseconds. */
const TIDY_AGAIN_MS = 60_000;

/** See the file's first line, and `Journal` for what its members promise. */
export class JournalWriter {
  readonly check: JournalCondition;
  readonly #options: JournalWriterOptions;
  #scan: Scan;
  #segments: Segments;
  readonly #backlog = new Backlog();
  #flush: Cancel | undefined;
  #flushDue = false;
  #retry: Cancel | undefined;
  #recoveryDue = false;
  #tidyAgain: Cancel | undefined;
  #tidyDue = false;
  /** Ends when there is nothing to do; never rejects. */
  #work: Promise<void> | undefined;

  constructor(options: JournalWriterOptions, scan: Scan) {
    const { clock, disk, maxBytes } = options;
    this.#options = options;
    this.#scan = scan;
    this.#segments = new Segments(options, scan);
    const level = () => ({
      bytes: this.bytes + this.#backlog.bytes,
      records: this.records,
      setAside: [...this.#scan.setAside],
      foreign: this.#scan.foreign,
    });
    this.check = new JournalCondition({ clock, location: disk.location, maxBytes, level });
  }

  get pending(): readonly Detection[] {
    return [...this.#scan.ledger.entries].flatMap(({ left }) => left ?? []);
  }

  get bytes(): number {
    return this.#segments.bytes;
  }

  get records(): number {
    return this.#scan.ledger.size;
  }

  get damaged(): number {
    return this.#scan.damaged;
  }

  get torn(): number {
    return this.#scan.torn;
  }

  /** Makes what was scanned safe; resolves when appends are taken or the check says why not. */
  async start(): Promise<void> {
    this.#recoveryDue = true;
    await this.#goOn();
    this.#tellWhatWasFound();
  }

  append(detection: Detection): Promise<void> {
    const refusal = this.check.refusal();
    if (refusal) return Promise.reject(refusal);
    const { id } = detection.summary;
    const known = this.#scan.ledger.get(id);
    if (known) return known.stored.promise;
    try {
      return this.#enqueue(this.#scan.ledger.add(id, encodeRecord({ detection })));
    } catch (error) {
      const message = `detection ${id} cannot be kept in the journal: its form is not the one that is read back`;
      return Promise.reject(new JournalError('Failed', message, { cause: error }));
    }
  }

  settle(id: string): void {
    const { ledger } = this.#scan;
    const entry = ledger.get(id);
    if (!entry) return;
    ledger.remove(entry);
    entry.stored.resolve(undefined);
    this.#backlog.settle(entry);
    if (!this.check.closed) this.#flush ??= this.#options.clock.after(FLUSH_MS, () => this.#flushNow());
  }

  async close(): Promise<void> {
    this.check.closed = new JournalError('Closed', 'the journal is closed: this receiver stops');
    await this.#goOn();
    for (const cancel of [this.#flush, this.#retry, this.#tidyAgain]) cancel?.();
  }

  #tellWhatWasFound(): void {
    const { log } = this.#options;
    const { records, damaged, torn } = this;
    if (records + torn > 0) log.info({ records, torn }, 'the journal has detections of an earlier process');
    const warning = this.check.warning();
    if (warning !== undefined) log.warn({ damaged }, warning);
  }

  #enqueue(entry: Entry): Promise<void> {
    this.#backlog.add(entry);
    void this.#goOn();
    return entry.stored.promise;
  }

  #flushNow(): void {
    this.#flush = undefined;
    this.#flushDue = true;
    void this.#goOn();
  }

  // One at a time: pieces of work must not overlap.
  #goOn(): Promise<void> {
    return (this.#work ??= this.#workThrough());
  }

  async #workThrough(): Promise<void> {
    // What comes in the same turn goes into the same group.
    await Promise.resolve();
    for (let work = this.#next(); work; work = this.#next()) {
      this.check.busySince = this.#options.clock.elapsed();
      await work();
      this.check.busySince = undefined;
    }
    this.#work = undefined;
  }

  #next(): (() => Promise<void>) | undefined {
    const { ended, fault, closed } = this.check;
    if (ended) return undefined;
    if (this.#recoveryDue) return () => this.#recover();
    if (fault) return undefined;
    const settles = this.#backlog.hasSettled && (this.#flushDue || closed !== undefined);
    if (settles || this.#backlog.hasEntries) return () => this.#writeGroup();
    return this.#tidyDue ? () => this.#tidy() : undefined;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#take();
    try {
      await this.#segments.store(group);
      await this.#options.owner.check();
    } catch (error) {
      this.#backlog.putBack(group);
      return this.#fail(error, group.entries);
    }
    for (const entry of group.entries) entry.stored.resolve(undefined);
    await this.#tidy();
  }

  #take(): Group {
    this.#flush?.();
    this.#flush = undefined;
    this.#flushDue = false;
    return this.#backlog.take();
  }

  /** Takes the journal if that failed before, and starts a segment. Never rejects. */
  async #recover(): Promise<void> {
    this.#recoveryDue = false;
    const { owner, disk, log } = this.#options;
    try {
      if (!owner.claimed) await this.#claim();
      this.#refuseNewer();
      // If it is ours still, the drafts that were found are of former owners and not of the next one.
      await owner.check();
      await setDamageAside(disk, this.#scan);
      // First of all, as it makes room.
      await this.#segments.removeSettled();
      await this.#segments.restart();
      await this.#segments.removeSettled();
    } catch (error) {
      return this.#fail(error);
    }
    if (this.check.fault) log.info({ location: disk.location }, 'the journal is written again');
    this.check.fault = undefined;
  }

  // Between the first scan and this one somebody else may have written.
  async #claim(): Promise<void> {
    const { owner, disk } = this.#options;
    await owner.claim();
    this.#scan = await scanJournal(disk);
    this.#segments = new Segments(this.#options, this.#scan);
    for (const id of this.#backlog.settled) {
      const entry = this.#scan.ledger.get(id);
      if (entry) this.#scan.ledger.remove(entry);
    }
  }

  #refuseNewer(): void {
    const { newer } = this.#scan;
    if (newer.size === 0) return;
    const message =
      `the journal at ${this.#options.disk.location} has detections that a newer version of die-operator wrote, in ` +
      `${listed([...newer])}: this version cannot read them and touches nothing. Run the newer version until they are ` +
      'handled, or move these files away to give them up; then restart this one.';
    throw (this.check.ended = new JournalError('Failed', message));
  }

  /** Removes what is not needed. A failure hurts nobody now: it is tried again later. */
  async #tidy(): Promise<void> {
    if (this.#tidyAgain) return;
    this.#tidyDue = false;
    try {
      await this.#segments.removeSettled();
      if (!this.#isWasteful()) return;
      await this.#segments.compact();
      await this.#segments.removeSettled();
    } catch (error) {
      if (isTakenOver(error)) return this.#fail(error);
      this.#options.log.warn(
        { err: error },
        'the journal could not be cleaned up; this is tried again later',
      );
      this.#tidyLater();
    }
  }

  #tidyLater(): void {
    if (this.check.closed) return;
    this.#tidyAgain = this.#options.clock.after(TIDY_AGAIN_MS, () => {
      this.#tidyAgain = undefined;
      this.#tidyDue = true;
      void this.#goOn();
    });
  }

  // So that each byte is written twice at most, and one detection that waits long does not keep all that came after it.
  #isWasteful(): boolean {
    const { bytes } = this.#segments;
    return bytes >= 2 * this.#options.segmentBytes && this.#scan.ledger.storedBytes <= bytes / 2;
  }

  #fail(cause: unknown, lost: readonly Entry[] = []): void {
    const { disk, clock, log } = this.#options;
    const error = explainDiskError(cause, disk.location);
    if (isTakenOver(error)) this.check.ended = error;
    if (this.check.fault?.message !== error.message)
      log.error({ err: error }, 'the journal takes no detections');
    this.check.fault = error;
    for (const entry of [...lost, ...this.#backlog.takeEntries()]) {
      this.#scan.ledger.remove(entry);
      entry.stored.reject(error);
    }
    if (this.check.ended || this.check.closed) return;
    this.#retry = clock.after(RETRY_MS, () => {
      this.#recoveryDue = true;
      void this.#goOn();
    });
  }
}
