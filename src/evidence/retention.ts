// Deletes the bundles of a directory that are older than they are to be kept, and attempts that nobody will finish.
import { join } from 'node:path';
import { messageOf } from './error-message.ts';
import { explained } from './file-errors.ts';
import type { FileSystem } from './files.ts';
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
import { isSafePath } from './path.ts';
import type { IncidentRef, SweepReport } from './store.ts';

/** What a sweep goes by. */
export interface SweepOptions {
  root: string;
  files: FileSystem;
  /** What was finished or begun before goes; milliseconds since the epoch. */
  before: number;
  /** Evidence of incidents that are not over stays, however old it is. */
  inUse: (incident: IncidentRef) => boolean;
  signal: AbortSignal;
}

/** Ending of the name of a bundle that is being deleted; what has it goes with the next sweep. */
const DELETED = '.deleted';
const PARTIAL = /^\..+\.partial-[1-9][0-9]{0,8}$/;

/**
 * See the file's first line. A bundle is renamed first, so that one which is only half deleted never looks finished.
 * Rejects with an `EvidenceStoreError` if the directory cannot be read, and with the signal's reason when that fires; what
 * cannot be judged or deleted is in the report.
 */
export async function sweepDirectory(options: SweepOptions): Promise<SweepReport> {
  const { root, files } = options;
  const report: SweepReport = { bundles: [], attempts: [], kept: [] };
  for (const namespace of await explained(root, () => directoriesIn(files, root))) {
    if (!isSafePath(namespace)) continue;
    const folder = join(root, namespace);
    const names = await explained(folder, () => directoriesIn(files, folder));
    for (const name of names) {
      options.signal.throwIfAborted();
      await sweepOne(options, { folder, name, report });
    }
  }
  return report;
}

async function directoriesIn(files: FileSystem, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await files.names(path)).toSorted())
    if ((await files.kindOf(join(path, name))) === 'directory') found.push(name);
  return found;
}

interface Place {
  folder: string;
  name: string;
  report: SweepReport;
}

async function sweepOne(options: SweepOptions, place: Place): Promise<void> {
  const { folder, name, report } = place;
  try {
    if (isSafePath(name)) await sweepBundle(options, place);
    else if (name.startsWith('.') && name.endsWith(DELETED)) await options.files.remove(join(folder, name));
    else if (PARTIAL.test(name)) await sweepAttempt(options, place);
  } catch (error) {
    report.kept.push({ place: join(folder, name), why: messageOf(error) });
  }
}

async function sweepBundle(
  { files, before, inUse }: SweepOptions,
  { folder, name, report }: Place,
): Promise<void> {
  const path = join(folder, name);
  const manifest = parseManifest(await files.read(join(path, MANIFEST_FILE), MAX_MANIFEST_BYTES));
  if (Date.parse(manifest.finishedAt) >= before || inUse(manifest.incident)) return;
  const doomed = join(folder, `.${name}${DELETED}`);
  await files.remove(doomed);
  await files.rename(path, doomed);
  await files.syncDirectory(folder);
  report.bundles.push(path);
  await files.remove(doomed);
}

/** A capture takes minutes: what nothing was added to for as long as evidence is kept belongs to no process any more. */
async function sweepAttempt({ files, before }: SweepOptions, { folder, name, report }: Place): Promise<void> {
  const path = join(folder, name);
  if ((await files.modifiedAt(path)) >= before) return;
  await files.remove(path);
  report.attempts.push(path);
}
