// The images of the tests' pods: made from files of this machine and pushed to the node's registry, so that each has a
// digest that a registry gave it.
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPEATABLE } from './layers.ts';
import type { NodeAssets } from './node-assets.ts';
import type { Node } from './node.ts';
import { REGISTRY } from './node-config.ts';

const BUSYBOX = '/bin/busybox';
/** What of busybox the pods have; a shell, and what a drift needs. */
const APPLETS = [
  'cat',
  'chmod',
  'cp',
  'date',
  'echo',
  'id',
  'ls',
  'mkdir',
  'ps',
  'rm',
  'setsid',
  'sh',
  'sleep',
];

/** An image of the tests. */
export interface Image {
  /** As in `localhost:5000/<name>:1`. */
  readonly name: 'pause' | 'peer';
  readonly entrypoint: string;
  /** Fills the image's root. */
  readonly fill: (root: string, assets: NodeAssets) => Promise<void>;
}

/** `pause` is every pod's sandbox; `peer` serves HTTP and has a shell. */
export const IMAGES: readonly Image[] = [
  {
    name: 'pause',
    entrypoint: '/pause',
    fill: (root, { programs }) => copyFile(programs('pause'), join(root, 'pause')),
  },
  { name: 'peer', entrypoint: '/bin/peer,serve', fill: fillPeer },
];

async function fillPeer(root: string, { programs }: NodeAssets): Promise<void> {
  const folders = ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'var'];
  await Promise.all(folders.map((name) => mkdir(join(root, name))));
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile(programs('peer'), join(root, 'bin/peer'));
  await cp(BUSYBOX, join(root, 'bin/busybox'), { dereference: true });
  await Promise.all(APPLETS.map((name) => symlink('busybox', join(root, 'bin', name))));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\napp:x:1000:1000::/tmp:/bin/sh\n');
  await writeFile(join(root, 'etc/app.conf'), 'greeting=hello\n');
}

/** References with the digests that the registry gave, as `localhost:5000/peer@sha256:...`, by the images' names. */
export type ImageReferences = Readonly<Record<Image['name'], string>>;

/** Makes and pushes all of {@link IMAGES}. */
export async function pushImages(node: Node, assets: NodeAssets): Promise<ImageReferences> {
  const references = await Promise.all(IMAGES.map((image) => push(image, node, assets)));
  const byName = IMAGES.map(({ name }, index) => [name, references[index]]);
  return Object.fromEntries(byName) as ImageReferences;
}

async function push({ name, entrypoint, fill }: Image, node: Node, assets: NodeAssets): Promise<string> {
  const root = join(node.places.folder, 'images', name);
  await mkdir(root, { recursive: true });
  await fill(root, assets);
  return pushFolder(node, { name, root, entrypoint });
}

/**
 * Makes an image of one layer from a folder and pushes it as `localhost:5000/<name>:1`. Returns its reference with the digest
 * that the registry holds.
 */
export async function pushFolder(
  node: Node,
  { name, root, entrypoint }: { name: string; root: string; entrypoint: string },
): Promise<string> {
  await promisify(execFile)('tar', [...REPEATABLE, '-C', root, '-cf', `${root}.tar`, '.']);
  const reference = `${REGISTRY}/${name}:1`;
  const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const crane = (...args: string[]) => node.run('crane', ...args, '--platform', platform);
  await crane('append', '--oci-empty-base', '-f', `${root}.tar`, '-t', reference);
  await crane('mutate', reference, '--entrypoint', entrypoint, '--set-platform', platform, '-t', reference);
  return `${REGISTRY}/${name}@${(await crane('digest', reference)).trim()}`;
}
