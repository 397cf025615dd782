// The operator's image, as the Dockerfile makes it but for its base: that is Node and its libraries from this machine, and
// nothing else, so that whatever the program needed of a shell or a distribution would be seen to be missing.
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { REGISTRY } from './node-config.ts';
import type { Node } from './node.ts';
import { cachedLayer, capableLayer, filesBelow, hashOf } from './layers.ts';

const ROOT = join(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** What the last stage of the Dockerfile says of how the image is run. */
export interface ImageConfig {
  entrypoint: string[];
  cmd: string[];
  user: string;
  workdir: string;
  env: string;
}

/** The reference with the digest that the registry gave. */
export interface PushedImage {
  name: string;
  digest: string;
}

/** Makes what of the image is not cached, and pushes it unless the node's registry has it. */
export async function pushOperatorImage(node: Node): Promise<PushedImage> {
  return push(node, 'die-operator', [await baseLayer(), await programLayer()]);
}

/** The same of the Dockerfile's stage `helper`, which has two programs of the distribution and another Node besides. */
export async function pushHelperImage(node: Node): Promise<PushedImage> {
  const layers = [await baseLayer(), await netnsLayer(), await captureLayer(), await programLayer()];
  return push(node, 'die-operator-helper', layers);
}

async function push(node: Node, repository: string, layers: readonly string[]): Promise<PushedImage> {
  const config = imageConfig(await readFile(join(ROOT, 'Dockerfile'), 'utf8'));
  const name = `${REGISTRY}/${repository}`;
  const tagged = `${name}:${hashOf([...layers, JSON.stringify(config)]).slice(0, 12)}`;
  const platform = ['--platform', `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`];
  const crane = (...args: string[]) => node.run('crane', ...args, ...platform);
  const digest = () => crane('digest', tagged).then((text) => text.trim());
  const there = await digest().catch(() => undefined);
  if (there !== undefined) return { name, digest: there };
  // The tag comes last: an image that has it is whole.
  const files = layers.flatMap((layer) => ['-f', layer]);
  await crane('append', '--oci-empty-base', ...files, '-t', `${name}:unfinished`);
  await crane(
    'mutate',
    `${name}:unfinished`,
    ...mutations(config),
    '-t',
    tagged,
    '--set-platform',
    platform[1] ?? '',
  );
  return { name, digest: await digest() };
}

function mutations({ entrypoint, cmd, user, workdir, env }: ImageConfig): string[] {
  const flags = { entrypoint: entrypoint.join(','), cmd: cmd.join(','), user, workdir, env };
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
}

/** Reads what of a Dockerfile's last stage crane can be told. @throws Error if an instruction is not there once. */
export function imageConfig(dockerfile: string): ImageConfig {
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  const argument = (instruction: string) => {
    const [found, ...more] = lastStage.split('\n').filter((line) => line.startsWith(`${instruction} `));
    if (found === undefined || more.length > 0) throw new Error(`the last stage has not one ${instruction}`);
    return found.slice(instruction.length + 1);
  };
  return {
    entrypoint: JSON.parse(argument('ENTRYPOINT')) as string[],
    cmd: JSON.parse(argument('CMD')) as string[],
    user: argument('USER'),
    workdir: argument('WORKDIR'),
    env: argument('ENV'),
  };
}

/** Node where the official images have it, what it is linked with, and how names are looked up: first in /etc/hosts. */
async function baseLayer(): Promise<string> {
  const libraries = await librariesOf(process.execPath);
  return cachedLayer('base', [process.execPath, ...libraries], async (root) => {
    for (const library of libraries) await copyTo(library, join(root, library));
    await copyTo(process.execPath, join(root, 'usr/local/bin/node'));
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  });
}

/** What the helper profile `netns` runs. */
async function netnsLayer(): Promise<string> {
  const programs = ['/usr/bin/nsenter', '/usr/sbin/nft'];
  const libraries = (await Promise.all(programs.map(librariesOf))).flat();
  return cachedLayer('netns', [...programs, ...libraries], async (root) => {
    for (const file of new Set([...programs, ...libraries])) await copyTo(file, join(root, file));
  });
}

/** What the helper profile `capture` runs: `setcap cap_dac_read_search,cap_sys_ptrace=ep`. */
function captureLayer(): Promise<string> {
  const [dacReadSearch, sysPtrace] = [2, 19];
  // struct vfs_cap_data: revision 2 with the effective bit, then permitted and inheritable, 32 bits each, low and high.
  const capability = Buffer.alloc(20);
  capability.writeUInt32LE(0x02_00_00_01, 0);
  capability.writeUInt32LE((1 << dacReadSearch) | (1 << sysPtrace), 4);
  return capableLayer('capture', { from: process.execPath, to: 'app/capture/node', capability });
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  return stdout.split('\n').flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** /app, made by the Dockerfile's own script from what Docker would be given: what .dockerignore lets through. */
async function programLayer(): Promise<string> {
  const ignore = await readFile(join(ROOT, '.dockerignore'), 'utf8');
  const given = ignore.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
  const files = (await Promise.all(given.map((name) => filesBelow(join(ROOT, name))))).flat();
  return cachedLayer('program', files, async (root, scratch) => {
    for (const name of given) await cp(join(ROOT, name), join(scratch, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(scratch, 'node_modules'));
    await run(process.execPath, [join(scratch, 'scripts/image.ts'), join(root, 'app')]);
  });
}

async function copyTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
