// Evidence in a directory: <root>/<namespace>/<incident>-<uid>/, complete or not there.
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../kube/clock.ts';
import {
  createBundle,
  DEFAULT_LIMITS,
  finishedBundle,
  type BundleEnd,
  type BundleLimits,
  type BundleOptions,
  type BundleSink,
} from './bundle.ts';
import { holdsBundle, notOurs, readFinished } from './directory-bundle.ts';
import { explained, explainFileError } from './file-errors.ts';
import { codeOf, localFiles, type FileSystem } from './files.ts';
import { ENVELOPE_FILE, MANIFEST_FILE } from './manifest.ts';
import { placeNameOf } from './path.ts';
import { sweepDirectory } from './retention.ts';
import type { EvidenceBundle, EvidenceStore, EvidenceSubject, IncidentRef } from './store.ts';

/** Options of {@link createDirectoryStore}. */
export interface DirectoryStoreOptions extends Pick<BundleOptions, 'recipients' | 'signer'> {
  /** Must exist: a directory made on the fly would hide that a volume is not mounted. */
  root: string;
  clock: Clock;
  /** Version of the tool, for the manifest. */
  version: string;
  /** Bytes for each incident. Default 256 MiB. */
  maxBytes?: number;
  /** Milliseconds that evidence is kept. Default: for ever. */
  retentionMs?: number;
  files?: FileSystem;
}

/** Where the bundle of one incident lies. */
interface Place {
  namespace: string;
  finished: string;
  /** Followed by the number of the attempt. No finished bundle has such a name: segments never start with a dot. */
  partialPrefix: string;
}

const PROBE = '.readiness';

/**
 * Keeps bundles as directories that only the operator's user can read. While a bundle is written it is the sibling
 * `.<name>.partial-<attempt>`; the rename to its real name is what finishes it. A crash before leaves the partial
 * directory, which the next attempt renames to its own number (so a former leader that still writes finds it gone) and
 * empties; a crash after leaves a finished bundle, which is never written again.
 */
export function createDirectoryStore(options: DirectoryStoreOptions): EvidenceStore {
  const { files = localFiles, clock, retentionMs } = options;
  // Locations are recorded, and read by processes that run elsewhere.
  const root = resolve(options.root);
  const limits = { ...DEFAULT_LIMITS, ...(options.maxBytes !== undefined && { maxBytes: options.maxBytes }) };
  return {
    recipients: options.recipients ?? [],
    holds: (summary) => holdsBundle(files, summary),
    open: (subject) => explained(root, () => openBundle({ ...options, root, files, limits }, subject)),
    ...(retentionMs !== undefined && {
      sweep: (inUse: (incident: IncidentRef) => boolean, signal: AbortSignal) =>
        sweepDirectory({ root, files, before: clock.now() - retentionMs, inUse, signal }),
    }),
    readiness: () => probe(files, root),
  };
}

type StoreParts = Omit<DirectoryStoreOptions, 'files'> & { files: FileSystem; limits: BundleLimits };

async function openBundle(store: StoreParts, subject: EvidenceSubject): Promise<EvidenceBundle> {
  const { files, root } = store;
  const place = placeOf(root, subject.incident);
  await explained(place.namespace, () => ensureDirectory(files, place.namespace));
  if (await files.kindOf(place.finished)) {
    const summary = await readFinished(files, place.finished, subject.incident, store.signer);
    // The run that renamed it may have died before the rename was on the disk.
    await explained(place.namespace, () => files.syncDirectory(place.namespace));
    return finishedBundle(summary);
  }
  const attempt = await explained(place.namespace, () => beginAttempt(files, place));
  return createBundle(
    { ...store, subject, location: place.finished, attempt },
    directorySink(files, `${place.partialPrefix}${attempt}`, place.finished),
  );
}

function placeOf(root: string, incident: IncidentRef): Place {
  const { namespace: folder, name } = placeNameOf(incident);
  const namespace = join(root, folder);
  return { namespace, finished: join(namespace, name), partialPrefix: join(namespace, `.${name}.partial-`) };
}

async function ensureDirectory(files: FileSystem, path: string): Promise<void> {
  if ((await files.kindOf(path)) === undefined) await files.makeDirectory(path).catch(ignoreExisting);
  if ((await files.kindOf(path)) !== 'directory') throw notOurs(path, 'it is not a directory');
  await files.syncDirectory(dirname(path));
}

// Captures of two incidents of one namespace can begin at the same moment.
function ignoreExisting(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

/** Makes the empty partial directory of a new attempt and answers its number. */
async function beginAttempt(files: FileSystem, { namespace, partialPrefix }: Place): Promise<number> {
  const numbers = (await files.names(namespace))
    .map((name) => attemptOf(join(namespace, name), partialPrefix))
    .filter((number) => number !== undefined);
  const last = Math.max(0, ...numbers);
  const path = `${partialPrefix}${last + 1}`;
  // Renamed first, emptied then: that needs no space on a full disk, and the count survives a crash in between.
  if (last > 0) await files.rename(`${partialPrefix}${last}`, path);
  await makeEmpty(files, path);
  for (const number of numbers.filter((other) => other !== last))
    await files.remove(`${partialPrefix}${number}`);
  return last + 1;
}

function attemptOf(path: string, partialPrefix: string): number | undefined {
  const number = path.startsWith(partialPrefix) ? path.slice(partialPrefix.length) : '';
  return /^[1-9][0-9]{0,8}$/.test(number) ? Number(number) : undefined;
}

async function makeEmpty(files: FileSystem, path: string): Promise<void> {
  const kind = await files.kindOf(path);
  if (kind === 'directory') {
    for (const name of await files.names(path)) await files.remove(join(path, name));
    return;
  }
  if (kind !== undefined) await files.remove(path);
  await files.makeDirectory(path);
}

function directorySink(files: FileSystem, partial: string, finished: string): BundleSink {
  const made = new Set([partial]);
  const makeParents = async (path: string): Promise<void> => {
    const parent = dirname(path);
    if (made.has(parent)) return;
    await makeParents(parent);
    await files.makeDirectory(parent);
    made.add(parent);
  };
  const write = async (path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> => {
    const full = join(partial, path);
    await explained(full, async () => {
      await makeParents(full);
      await files.create(full, content);
    });
  };
  const seal = async ({ manifest, envelope }: BundleEnd): Promise<void> => {
    if (envelope) await write(ENVELOPE_FILE, envelope);
    await write(MANIFEST_FILE, manifest);
    await explained(finished, async () => {
      for (const directory of made) await files.syncDirectory(directory);
      await files.rename(partial, finished);
      await files.syncDirectory(dirname(finished));
    });
  };
  return { write, seal };
}

async function probe(files: FileSystem, root: string): Promise<string | undefined> {
  const path = join(root, PROBE);
  try {
    await files.remove(path);
    await files.create(path, Buffer.from('Tells whether evidence can be stored here.\n'));
    await files.remove(path);
    return undefined;
  } catch (error) {
    // Another responder on the same volume probes at the same moment.
    return codeOf(error) === 'EEXIST' ? undefined : explainFileError(error, root).message;
  }
}
