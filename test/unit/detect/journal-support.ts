// Journals on a disk in memory, as the tests of the journal use them.
import { openJournal, type Journal, type JournalOptions } from '../../../src/detect/journal/journal.ts';
import { JournalError, type JournalReason } from '../../../src/detect/journal/errors.ts';
import { MemoryDisk, type MountedDisk } from '../../support/memory-disk.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { detection, RecordingLog } from './support.ts';

/** How an append ended. */
export type Ending = 'stored' | JournalReason;

/** An id of an owner. */
export function ownerId(n: number): string {
  return n.toString(16).padStart(32, '0');
}

/** The number that `detection` made an id of. */
export function numberOf(id: string): number {
  return Number.parseInt(id, 16);
}

/** Numbers of what the last process left. */
export function left(journal: Journal): number[] {
  return journal.pending.map(({ summary }) => numberOf(summary.id));
}

/** Ends in how the append ended; never rejects. */
export async function append(journal: Journal, n: number): Promise<Ending> {
  try {
    await journal.append(detection(n));
    return 'stored';
  } catch (error) {
    if (error instanceof JournalError) return error.reason;
    throw error;
  }
}

/** Settles a detection by its number. */
export function settle(journal: Journal, ...numbers: number[]): void {
  for (const n of numbers) journal.settle(detection(n).summary.id);
}

/** A disk and the processes that come and go on it. */
export class JournalBench {
  readonly disk = new MemoryDisk();
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly #sizes: Partial<JournalOptions>;
  #owners = 0;
  mount: MountedDisk = this.disk.mount();

  constructor(sizes: Partial<JournalOptions> = {}) {
    this.#sizes = sizes;
  }

  /** Opens the journal in a new process. */
  open(change: Partial<JournalOptions> = {}): Promise<Journal> {
    this.mount = this.disk.mount();
    const owner = ownerId(++this.#owners);
    return openJournal({
      disk: this.mount,
      clock: this.clock,
      log: this.log,
      owner,
      ...this.#sizes,
      ...change,
    });
  }

  /** Opens a journal that a process left, and tells what it left. */
  async leftBehind(): Promise<number[]> {
    return left(await this.open());
  }

  /** Names of the segments on the disk, the oldest first. */
  get segments(): string[] {
    return this.names(/\.journal$/).toSorted();
  }

  names(form = /./): string[] {
    return this.disk
      .files()
      .map(({ name }) => name)
      .filter((name) => form.test(name));
  }
}
