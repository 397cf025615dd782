// The journal of `die-operator run`, if the settings name a folder for it.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { createDirectoryDisk } from '../../detect/journal/directory-disk.ts';
import { openJournal, type Journal } from '../../detect/journal/journal.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import type { Settings } from '../../settings.ts';

/** Only a receiver has one. @throws JournalError if the folder cannot be used. */
export async function journalOf(
  { roles, journalDir, journalMaxMegabytes }: Settings,
  clock: Clock,
  log: Logger,
): Promise<Journal | undefined> {
  if (journalDir === undefined || !roles.includes('receiver')) return undefined;
  const disk = createDirectoryDisk(resolve(journalDir));
  const owner = randomBytes(16).toString('hex');
  return openJournal({ disk, clock, log, owner, maxBytes: journalMaxMegabytes * 2 ** 20 });
}
