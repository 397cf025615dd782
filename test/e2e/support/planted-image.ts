// The image that the comparison is tried on: files to be changed, in layers that change each other, and the scripts that do it.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { ImageReferences } from './images.ts';
import { hashOf } from './layers.ts';
import { REGISTRY } from './node-config.ts';
import type { Node } from './node.ts';

/** An entry of a layer. Without content and link it is a directory. */
export interface ImageFile {
  /** Without a leading slash. */
  path: string;
  content?: string | Buffer;
  link?: string;
  mode?: number;
}

/** What busybox is asked for besides what the image `peer` has. */
const APPLETS = [
  'chgrp',
  'chown',
  'ln',
  'mkfifo',
  'mknod',
  'mv',
  'rmdir',
  'seq',
  'touch',
  'truncate',
  'usleep',
];

/** A shared object that nothing can load: a head of an ELF file of 64 bits, without a table. */
export const LIBRARY = Buffer.alloc(64);
LIBRARY.write('\x7fELF\x02\x01\x01', 'latin1');
LIBRARY.writeUInt16LE(3, 16);
LIBRARY.writeUInt16LE(62, 18);

/** SHA-256 in hexadecimal digits. */
export function sha(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** What a file of the image holds unless something else is said. */
export const ORIGINAL = 'as the image has it\n';
/** What {@link UPPER_LAYER} holds in files that the layer below has, too. */
export const REPLACED = 'as the upper layer of the image has it\n';

const files = (...paths: string[]): ImageFile[] => paths.map((path) => ({ path, content: ORIGINAL }));

const LOWER_LAYER: readonly ImageFile[] = [
  ...APPLETS.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
  { path: 'data' },
  { path: 'img' },
  { path: 'img/lib/libimage.so', content: LIBRARY },
  ...files(
    'img/in-both',
    'img/removed-by-image',
    'img/merged/lower',
    'img/merged/both',
    'img/remade/lower',
    'img/remade/both',
    'img/replaced-by-image/old',
    'img/replaced-too/old',
  ),
  ...['same-size', 'append', 'truncate', 'stomped', 'overwritten', 'renamed-over', 'cut'].flatMap((name) =>
    files(`img/mod/${name}`),
  ),
  ...['to-link', 'to-directory', 'to-fifo', 'to-hard-link', 'to-device', 'to-sparse'].flatMap((name) =>
    files(`img/mod/${name}`),
  ),
  ...files('img/mod/directory-to-file/x', 'img/mod/directory-to-link/x', 'img/mod/nested/a/b/c'),
  { path: 'img/mod/link-to-file', link: 'same-size' },
  { path: 'img/mod/link-to-directory', link: 'same-size' },
  { path: 'img/mod/link-retargeted', link: 'same-size' },
  { path: 'img/mod/script', content: '#!/bin/sh\necho image\n', mode: 0o755 },
  ...[
    'chmod',
    'executable',
    'setuid',
    'chown',
    'chgrp',
    'touch',
    'remade',
    'opened',
    'linked',
    'moved-and-back',
  ].flatMap((name) => files(`img/meta/${name}`)),
  ...files('img/meta/chmod-directory/x', 'img/meta/chown-directory/x', 'img/meta/touch-directory/x'),
  { path: 'img/meta/chown-link', link: 'chmod' },
  ...files(
    'img/del/file',
    'img/del/directory/a',
    'img/del/directory/b/c',
    'img/del/moved',
    'img/del/one-of-two/a',
  ),
  ...files('img/del/one-of-two/b', 'img/del/moved-directory/a', 'img/del/moved-directory/b'),
  { path: 'img/del/line\nbreak', content: ORIGINAL },
  { path: 'img/del/link', link: 'file' },
  { path: 'img/del/empty' },
  ...files('img/opaque/empty/a', 'img/opaque/filled/a', 'img/opaque/again/a', 'img/opaque/again/b'),
  ...files('img/opaque/whole/a', 'img/opaque/whole/b', 'img/opaque/outer/inner/a', 'img/opaque/deleted/a'),
  ...files('img/indirect/real/a', 'img/untouched/a', 'img/untouched/b/c'),
  { path: 'img/indirect/by-link', link: 'real' },
  { path: 'img/bulk' },
];

// As image builders write deletions: the OCI image format.
const UPPER_LAYER: readonly ImageFile[] = [
  { path: 'img/in-both', content: REPLACED },
  { path: 'img/.wh.removed-by-image', content: '' },
  { path: 'img/merged/both', content: REPLACED },
  { path: 'img/merged/upper', content: REPLACED },
  { path: 'img/remade/both', content: REPLACED },
  { path: 'img/replaced-by-image/.wh..wh..opq', content: '' },
  { path: 'img/replaced-by-image/new', content: REPLACED },
  { path: 'img/replaced-too/.wh..wh..opq', content: '' },
  { path: 'img/replaced-too/new', content: REPLACED },
];

/** Without the scripts; the lowest first. */
export const LAYERS: readonly (readonly ImageFile[])[] = [LOWER_LAYER, UPPER_LAYER];

/** Scripts by their names, in the order in which they are run. */
export type Scripts = readonly (readonly [name: string, script: string])[];

/**
 * Makes the image `planted` on top of `peer` and pushes it.
 * @param folders scripts of `/planted/<folder>`, which {@link runAll} runs.
 * @returns its reference with the digest that the registry gave.
 */
export async function pushPlantedImage(
  node: Node,
  images: ImageReferences,
  folders: Readonly<Record<string, Scripts>>,
): Promise<string> {
  const scripts = Object.entries(folders).flatMap(([folder, all]) =>
    all.map(([name, content]) => ({ path: `planted/${folder}/${name}`, content, mode: 0o755 })),
  );
  const layers = LAYERS.map((layer, index) => (index === 0 ? [...layer, ...scripts] : layer));
  const own = join(node.places.folder, 'images');
  await mkdir(own, { recursive: true });
  const paths = layers.map((_layer, index) => join(own, `planted-${index}.tar`));
  for (const [index, path] of paths.entries()) await packLayer(path, layers[index] ?? []);
  const reference = `${REGISTRY}/planted:${hashOf([JSON.stringify(layers)]).slice(0, 12)}`;
  const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const crane = (...args: string[]) => node.run('crane', ...args, '--platform', platform);
  const given = paths.flatMap((path) => ['-f', path]);
  await crane('append', '-b', images.peer, ...given, '-t', reference);
  return `${REGISTRY}/planted@${(await crane('digest', reference)).trim()}`;
}

/** The command that runs the scripts of a folder; it prints the names of those that failed. */
export function runAll(folder: string): [string, ...string[]] {
  const loop = `for one in /planted/${folder}/*; do sh -eu "$one" || echo "$one"; done`;
  return ['sh', '-c', loop];
}

async function packLayer(path: string, entries: readonly ImageFile[]): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, createWriteStream(path));
  const mtime = new Date(Date.UTC(2026, 0, 1));
  const made = new Set<string>(['bin', 'etc']);
  const directory = (name: string) => {
    if (name === '.' || made.has(name)) return;
    directory(dirname(name));
    made.add(name);
    archive.entry({ name: `${name}/`, type: 'directory', mode: 0o755, mtime });
  };
  for (const { path: name, content, link, mode = 0o644 } of entries) {
    if (content === undefined && link === undefined) {
      directory(name);
      continue;
    }
    directory(dirname(name));
    if (link === undefined) archive.entry({ name, mode, mtime }, content ?? '');
    else archive.entry({ name, type: 'symlink', linkname: link, mtime });
  }
  archive.finalize();
  await written;
}
