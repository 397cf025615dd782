// Which layer CRI-O keeps for a container: containers/storage writes that into a list of its own.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { codeOf, READ_FLAGS } from '../../../evidence/files.ts';

/** Where CRI-O keeps layers unless it was told another place. */
export const CRIO_FOLDER = '/var/lib/containers/storage';

const LISTS = ['overlay-containers/containers.json', 'overlay-containers/volatile-containers.json'];
/** A node with 500 containers has 1 MB. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const LAYER = /^[0-9a-f]{64}$/;

const ListSchema = z.array(z.object({ id: z.string(), layer: z.string().catch('') }));

/**
 * The layer of a container; undefined if CRI-O does not run here or does not know it.
 * @param folder of containers/storage, as seen from here.
 * @throws when a list is no list, or larger than 32 MiB, and the errors of node:fs
 */
export function crioLayer(folder: string, containerId: string): string | undefined {
  for (const list of LISTS) {
    const text = readIfThere(`${folder}/${list}`);
    if (text === undefined) continue;
    const found = ListSchema.parse(JSON.parse(text)).find(({ id }) => id === containerId);
    if (found && LAYER.test(found.layer)) return found.layer;
  }
  return undefined;
}

function readIfThere(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, READ_FLAGS);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    if (size > MAX_LIST_BYTES) throw new Error(`${path} has more than ${MAX_LIST_BYTES} bytes`);
    const bytes = Buffer.alloc(size);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, size, 0));
  } finally {
    closeSync(fd);
  }
}
