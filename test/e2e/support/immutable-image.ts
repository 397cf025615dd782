// The image that the drift of an immutable workload is tried on. Whoever runs it may write to its folders, so that what is
// refused is refused by the mount alone.
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageReferences } from './images.ts';
import { REPEATABLE } from './layers.ts';
import { REGISTRY } from './node-config.ts';
import type { Node } from './node.ts';

/** A package for `dpkg` in the image; it brings {@link PACKAGED}. */
export const PACKAGE = '/opt/tool.deb';
export const PACKAGED = '/usr/bin/packaged';

const FOLDERS = [
  'usr/bin',
  'usr/lib',
  'etc/conf.d',
  'var/lib/dpkg/info',
  'opt',
  'var/lib/dpkg',
  'bin',
  'etc',
];
const FILES = {
  'usr/bin/tool': '#!/bin/sh\necho tool of the image\n',
  'etc/conf.d/app': 'greeting=hello\n',
  'var/lib/dpkg/status': '',
} as const;
const CONTROL = 'Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a tool\n';

/** Puts a layer on the image `peer` and pushes it. Returns the reference with the digest that the registry holds. */
export async function pushImmutable(node: Node, images: ImageReferences): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'die-operator-immutable-'));
  try {
    const layer = join(folder, 'layer');
    for (const name of FOLDERS) await mkdir(join(layer, name), { recursive: true });
    for (const [name, content] of Object.entries(FILES)) await writeOpen(join(layer, name), content);
    await writeOpen(join(layer, PACKAGE), await debianPackage(folder));
    for (const name of FOLDERS) await chmod(join(layer, name), 0o777);
    await promisify(execFile)('tar', [...REPEATABLE, '-C', layer, '-cf', `${layer}.tar`, '.']);
    const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
    const crane = (...args: string[]) => node.run('crane', ...args, '--platform', platform);
    const reference = `${REGISTRY}/immutable:1`;
    await crane('append', '-b', images.peer, '-f', `${layer}.tar`, '-t', reference);
    return `${REGISTRY}/immutable@${(await crane('digest', reference)).trim()}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeOpen(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, 0o777);
}

/** An `ar` archive of a version, what the package is, and its files. */
async function debianPackage(folder: string): Promise<Buffer> {
  const packed = async (name: string, path: string, content: string) => {
    const root = join(folder, name);
    await writeOpen(join(root, path), content);
    await promisify(execFile)('tar', [...REPEATABLE, '-C', root, '-czf', `${root}.tar.gz`, '.']);
    return readFile(`${root}.tar.gz`);
  };
  const members: [string, Buffer][] = [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', await packed('control', 'control', CONTROL)],
    ['data.tar.gz', await packed('data', PACKAGED, '#!/bin/sh\necho packaged\n')],
  ];
  const parts = members.flatMap(([name, content]) => {
    const owner = `${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`;
    const head = `${name.padEnd(16)}${owner}${String(content.length).padEnd(10)}\`\n`;
    return [Buffer.from(head), content, Buffer.from(content.length % 2 === 1 ? '\n' : '')];
  });
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}
