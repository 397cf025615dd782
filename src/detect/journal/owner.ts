// Which process the journal belongs to. There is no lock to wait for: whoever comes last has it.
import type { JournalDisk } from './disk.ts';
import { JournalError } from './errors.ts';
import { OWNER_FILE } from './file-names.ts';

const ID = /^[0-9a-f]{32}$/;

/**
 * The claim of one process. A new owner first writes its id and then reads the journal; the old one first brings a record
 * to the disk and then reads the id. So a record that the old one confirms is always one that the new one sees.
 */
export class Owner {
  readonly id: string;
  readonly #disk: JournalDisk;
  #claimed = false;

  /** @param id 32 hex digits that no other process has. */
  constructor(disk: JournalDisk, id: string) {
    if (!ID.test(id)) throw new RangeError('the id of an owner must be 32 hex digits');
    this.#disk = disk;
    this.id = id;
  }

  /** Whether {@link claim} succeeded once. */
  get claimed(): boolean {
    return this.#claimed;
  }

  /**
   * Takes the journal from whoever has it. The file is overwritten in place, which a full disk has room for; a mixture of
   * two ids tells the former owner the same as the new one.
   */
  async claim(): Promise<void> {
    await this.#disk.overwrite(OWNER_FILE, Buffer.from(`${this.id}\n`));
    await this.#disk.syncDirectory();
    this.#claimed = true;
  }

  /** Rejects with `TakenOver` if the journal belongs to another process by now. */
  async check(): Promise<void> {
    const owner = (await this.#disk.read(OWNER_FILE)).toString('utf8');
    if (owner === `${this.id}\n`) return;
    const message =
      `the journal at ${this.#disk.location} was taken over by another process: this one keeps nothing there any more. ` +
      'If two receivers were given the same folder, give each its own, then restart this one.';
    throw new JournalError('TakenOver', message);
  }
}
