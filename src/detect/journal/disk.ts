// The few file operations that the journal needs, all within one folder.
import { isMissing } from './errors.ts';

/** A file of the folder. */
export interface DiskFile {
  name: string;
  bytes: number;
}

/**
 * A folder for one journal. All operations reject with errors of node:fs, whose `code` tells why. After a rejection
 * anything between nothing and all of it may have been done.
 */
export interface JournalDisk {
  /** Where it is, in words for people. */
  readonly location: string;
  /** Regular files; rejects with ENOENT if the folder is missing. */
  list(): Promise<DiskFile[]>;
  /** Rejects with ENOENT if there is no such file. */
  read(name: string): Promise<Buffer>;
  /** Makes a file and brings its content, not its name, to the disk; rejects with EEXIST if the name is taken. */
  create(name: string, content: Uint8Array): Promise<void>;
  /** Adds to the end of a file and brings it to the disk; rejects with ENOENT if there is no such file. */
  append(name: string, content: Uint8Array): Promise<void>;
  /** Replaces a file in place, or makes it. A reader may see the old content, the new, or a mixture. */
  overwrite(name: string, content: Uint8Array): Promise<void>;
  /** At once: nobody sees both names or neither. */
  rename(from: string, to: string): Promise<void>;
  /** Rejects with ENOENT if there is no such file. */
  remove(name: string): Promise<void>;
  /** Brings to the disk what was made, renamed and removed. */
  syncDirectory(): Promise<void>;
}

/** Removes a file that may be gone already. */
export async function removeIfThere(disk: JournalDisk, name: string): Promise<void> {
  try {
    await disk.remove(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
