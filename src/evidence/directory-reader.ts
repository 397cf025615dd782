// Reads the bundles in a directory. Links are never followed.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readEnd } from './directory-bundle.ts';
import { explained } from './file-errors.ts';
import { localFiles, READ_FLAGS, type FileSystem } from './files.ts';
import { isSafePath, parentsOf } from './path.ts';
import type { BundleEntry, EvidenceReader } from './reader.ts';

/** See the file's first line. `root` is the directory of the store. */
export function createDirectoryReader(root: string, files: FileSystem = localFiles): EvidenceReader {
  return {
    list: () =>
      explained(root, async () => {
        const entries: BundleEntry[] = [];
        for (const namespace of await directoriesIn(files, root))
          for (const name of await directoriesIn(files, join(root, namespace)))
            entries.push({ location: join(root, namespace, name), namespace, name });
        return entries;
      }),
    open: ({ location }) =>
      explained(location, async () => ({
        ...(await readEnd(files, location)),
        file: (path) => fileIn(files, location, path),
      })),
  };
}

/** Those with names as bundles have them; `.<name>.partial-<n>` is none, and neither is `lost+found`. */
async function directoriesIn(files: FileSystem, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await files.names(path)).toSorted())
    if (isSafePath(name) && (await files.kindOf(join(path, name))) === 'directory') found.push(name);
  return found;
}

async function* fileIn(files: FileSystem, location: string, path: string): AsyncGenerator<Uint8Array> {
  for (const parent of parentsOf(path))
    if ((await files.kindOf(join(location, parent))) !== 'directory')
      throw new Error(`${parent} is not a directory`);
  yield* contentOf(join(location, path));
}

/** Content of a regular file; anything else rejects, a link too. */
export async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, READ_FLAGS);
  if (!(await file.stat()).isFile()) throw new Error(`${path} is not a regular file`);
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) yield chunk;
}
