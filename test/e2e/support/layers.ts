// Layers of images that take a while to make, kept in the user's cache under the hash of what they are made from.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { pack as tar } from 'tar-stream';
import { cacheRoot } from '../../cluster/pins.ts';

/** Beside the servers of the tests. */
const CACHE = join(dirname(cacheRoot(process.env)), 'layers');
/** A layer that nobody used for so long is removed. */
const KEPT_MS = 7 * 24 * 3600_000;
/** The same bytes, and with them the same digest, whenever they are packed. */
export const REPEATABLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

/** SHA-256 of the parts in that order, in hexadecimal digits. */
export function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/** All files of a folder in a stable order, or the file itself. */
export async function filesBelow(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name)).toSorted();
}

/**
 * Path of a compressed layer made from these files. Without one in the cache `fill` is given the folder that becomes the
 * layer's root, and an empty one to work in.
 */
export async function cachedLayer(
  name: string,
  files: readonly string[],
  fill: (root: string, scratch: string) => Promise<void>,
): Promise<string> {
  // The text of `fill` is part of what the layer follows from.
  return cached(name, [...(await named(files)), String(fill)], (packed) => packFolder(packed, fill));
}

/**
 * Path of a compressed layer with one program whose file has capabilities, as `setcap` would write them.
 * @param to path in the image.
 */
export async function capableLayer(
  name: string,
  { from, to, capability }: { from: string; to: string; capability: Buffer },
): Promise<string> {
  const parts = [...(await named([from])), to, capability, String(packCapable)];
  return cached(name, parts, async (packed) =>
    packCapable(packed, { content: await readFile(from), to, capability }),
  );
}

async function named(files: readonly string[]): Promise<(string | Buffer)[]> {
  const contents = await Promise.all(files.map((file) => readFile(file)));
  return files.flatMap((file, index) => [file, contents[index] ?? '']);
}

async function cached(
  name: string,
  parts: readonly (string | Buffer)[],
  make: (packed: string) => Promise<void>,
): Promise<string> {
  const layer = join(CACHE, `${name}-${hashOf(parts).slice(0, 16)}.tar.gz`);
  if (!existsSync(layer)) {
    await mkdir(CACHE, { recursive: true });
    await removeOld();
    const packed = `${layer}.${process.pid}`;
    await make(packed);
    await rename(packed, layer);
  }
  await utimes(layer, new Date(), new Date());
  return layer;
}

// As image builders do it: an attribute of a file is a record of the header that comes before it.
async function packCapable(
  packed: string,
  { content, to, capability }: { content: Buffer; to: string; capability: Buffer },
): Promise<void> {
  const pack = tar();
  const written = pipeline(pack, createGzip({ level: 1 }), createWriteStream(packed));
  const attribute = { 'SCHILY.xattr.security.capability': capability.toString('latin1') };
  pack.entry({ name: to, mode: 0o755, mtime: new Date(0), pax: attribute }, content);
  pack.finalize();
  await written;
}

async function packFolder(
  packed: string,
  fill: (root: string, scratch: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'die-operator-layer-'));
  const [root, scratch] = [join(folder, 'root'), join(folder, 'scratch')];
  try {
    await Promise.all([mkdir(root), mkdir(scratch)]);
    await fill(root, scratch);
    // Whatever the umask, for any user to read.
    const options = [...REPEATABLE, '--mode=a+rX,go-w', '-I', 'gzip -1'];
    await promisify(execFile)('tar', [...options, '-C', root, '-cf', packed, '.']);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const file = join(CACHE, name);
    if (Date.now() - (await stat(file)).mtimeMs > KEPT_MS) await rm(file, { force: true });
  }
}
