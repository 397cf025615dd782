// The folder of a journal in the file system of the machine.
import { constants } from 'node:fs';
import { lstat, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { localFiles } from '../../evidence/files.ts';
import { isMissing } from './errors.ts';
import type { DiskFile, JournalDisk } from './disk.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
// A journal never writes more than its cap and one group; beyond this a file is refused and not read into memory.
const MAX_FILE_BYTES = 1024 ** 3;

/**
 * Uses a folder that exists: one made on the fly would hide that a volume is not mounted. Files belong to this user only.
 * @param folder an absolute path.
 */
export function createDirectoryDisk(folder: string): JournalDisk {
  const at = (name: string) => join(folder, name);
  return {
    location: folder,
    list: () => listFiles(folder),
    read: async (name) => Buffer.from(await localFiles.read(at(name), MAX_FILE_BYTES)),
    create: (name, content) => localFiles.create(at(name), content),
    append: async (name, content) => {
      await using file = await open(at(name), O_WRONLY | O_APPEND | O_NOFOLLOW);
      await file.writeFile(content);
      // The length of the file is brought to the disk too: it is needed to read the content, see fdatasync(2).
      await file.datasync();
    },
    overwrite: async (name, content) => {
      await using file = await open(at(name), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
      await file.writeFile(content);
      await file.truncate(content.length);
      await file.sync();
    },
    rename: (from, to) => localFiles.rename(at(from), at(to)),
    remove: (name) => unlink(at(name)),
    syncDirectory: () => localFiles.syncDirectory(folder),
  };
}

// Folders are left out: `lost+found` is on every new ext4 volume.
async function listFiles(folder: string): Promise<DiskFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sized = await Promise.all(files.map(({ name }) => sizeOf(folder, name)));
  return sized.filter((file) => file !== undefined);
}

// A former owner may remove files at this moment.
async function sizeOf(folder: string, name: string): Promise<DiskFile | undefined> {
  try {
    return { name, bytes: (await lstat(join(folder, name))).size };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
