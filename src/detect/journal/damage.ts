// Keeps what cannot be read: it goes to a file of its own before its segment is removed.
import { removeIfThere, type JournalDisk } from './disk.ts';
import { damagedName } from './file-names.ts';
import type { Scan } from './scan.ts';

/**
 * Writes the damage of each segment to a file next to it and forgets it in the scan. Rejects with errors of the disk; what
 * was not written then is still there for the next call, and still in its segment.
 */
export async function setDamageAside(disk: JournalDisk, scan: Scan): Promise<void> {
  for (const [segment, bytes] of scan.damage) {
    const name = damagedName(segment.name);
    // An earlier attempt may have died in the middle of it.
    await removeIfThere(disk, name);
    await disk.create(name, bytes);
    await disk.syncDirectory();
    scan.setAside.add(name);
    scan.damage.delete(segment);
  }
}
