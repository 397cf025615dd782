// The receiver's journal: detections that were accepted and have no outcome yet, on a disk. See docs/decisions/0010.
import type { Detection } from '../../api/detection.ts';
import type { Clock } from '../../kube/clock.ts';
import type { ReadinessCheck } from '../../observe/health.ts';
import type { Logger } from '../../observe/log.ts';
import type { JournalDisk } from './disk.ts';
import { explainDiskError } from './errors.ts';
import { Owner } from './owner.ts';
import { scanJournal } from './scan.ts';
import { JournalWriter } from './writer.ts';

/** Detections that must not be lost. */
export interface Journal {
  /**
   * Resolves when the detection is on the disk and the journal still belongs to this process, or when it was settled
   * meanwhile. Rejects with a {@link JournalError}, after which it may or may not be pending at the next start.
   */
  append(detection: Detection): Promise<void>;
  /**
   * The detection with that id has its outcome and need not be replayed. Written with the next group or a second later: a
   * crash before that replays it.
   */
  settle(id: string): void;
  /** What the last process left without an outcome and is not settled yet, the oldest first. Made anew at each reading. */
  readonly pending: readonly Detection[];
  /** `reason` while appends fail. */
  readonly check: ReadinessCheck;
  /** On the disk. */
  readonly bytes: number;
  /** Detections without an outcome. */
  readonly records: number;
  /** Records that could not be read at open and were set aside. */
  readonly damaged: number;
  /** Records whose writing the end of the last process cut off; nobody was told that they were safe. */
  readonly torn: number;
  /** Takes nothing more and writes what waits. Never rejects. */
  close(): Promise<void>;
}

/** Options of {@link openJournal}. */
export interface JournalOptions {
  disk: JournalDisk;
  clock: Clock;
  log: Logger;
  /** 32 hex digits that no other process has, nor had. */
  owner: string;
  /** Beyond this nothing is taken, in bytes. The volume needs twice as much. Default 64 MiB. */
  maxBytes?: number;
  /** Default 4 MiB, and at most a quarter of `maxBytes`. */
  segmentBytes?: number;
}

const MAX_BYTES = 64 * 1024 * 1024;
const SEGMENT_BYTES = 4 * 1024 * 1024;

/**
 * Takes the journal from whoever had it and reads it. Rejects with a {@link JournalError} if it cannot be read; one that
 * cannot be written is opened, says so in its check, and is tried again until it can.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { disk } = options;
  const owner = new Owner(disk, options.owner);
  try {
    await disk.list();
    // A failure shows in the first recovery, which claims again.
    await owner.claim().catch(() => {});
    const { maxBytes = MAX_BYTES } = options;
    const { segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(maxBytes / 4)) } = options;
    const journal = new JournalWriter({ ...options, owner, maxBytes, segmentBytes }, await scanJournal(disk));
    await journal.start();
    return journal;
  } catch (error) {
    throw explainDiskError(error, disk.location);
  }
}
