// Builds the servers of the tests into the user's cache, once. Run it by hand to have them early:
// node test/cluster/build-assets.ts, and for those of a real node test/cluster/build-node.ts
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../support/file-lock.ts';
import {
  cacheKeyPrefix,
  cacheRoot,
  CONTROL_PLANE,
  linkerFlags,
  moduleFolder,
  NATS,
  S3_SERVER,
  type AssetGroup,
  type Binary,
  type SourceFolder,
} from './pins.ts';

/** Tells a person what goes on; one line without a line end. */
export type Say = (line: string) => void;

const UNFINISHED = '.building-';
/** Lines of the compiler's output that an error shows. */
const SHOWN_LINES = 20;

/**
 * The version of the installed Go that builds the modules, e.g. `go1.26.8`, or undefined without a usable one.
 * Asked in a module's folder, because go.mod may make Go choose another toolchain.
 */
export async function goVersion(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION'], {
      cwd: moduleFolder('kube'),
      env,
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The folder in which a build by that Go version is, or will be. */
export function buildFolder(env: NodeJS.ProcessEnv, version: string, group = CONTROL_PLANE): string {
  return join(cacheRoot(env), cacheKeyPrefix(group) + version);
}

/**
 * Builds into {@link buildFolder} unless that is there, and returns the folder. Two calls at once, also of two
 * processes, build once. Rejects with the compiler's last lines.
 */
export async function buildAssets(
  env: NodeJS.ProcessEnv,
  version: string,
  say: Say,
  group = CONTROL_PLANE,
): Promise<string> {
  const root = cacheRoot(env);
  const folder = buildFolder(env, version, group);
  await mkdir(root, { recursive: true });
  const onWait = () => say('another run builds the servers of the tests; waiting for it');
  return withFileLock(join(root, 'build.lock'), onWait, async () => {
    const entries = await readdir(root);
    if (entries.includes(cacheKeyPrefix(group) + version)) return folder;
    // We hold the lock, so whoever began these is gone.
    const left = entries.filter((entry) => entry.startsWith(UNFINISHED));
    await Promise.all(left.map((entry) => rm(join(root, entry), { recursive: true })));
    const unfinished = join(root, `${UNFINISHED}${process.pid}`);
    await buildAll(env, group, unfinished, say);
    await rename(unfinished, folder);
    say(`built: ${folder}`);
    return folder;
  });
}

async function buildAll(
  env: NodeJS.ProcessEnv,
  { title, effort, binaries, sources = [] }: AssetGroup,
  folder: string,
  say: Say,
): Promise<void> {
  say(`building ${title} for the tests, once: ${effort}`);
  for (const [index, binary] of binaries.entries()) {
    const name = `[${index + 1}/${binaries.length}] ${binary.name}`;
    say(name);
    const started = performance.now();
    await build(env, binary, folder);
    say(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  for (const source of sources) await copySource(env, source, folder);
}

/** Go keeps the sources that it has built from read-only; a copy is not. */
async function copySource(
  env: NodeJS.ProcessEnv,
  { module, goModule, folder, name }: SourceFolder,
  into: string,
): Promise<void> {
  const list = ['list', '-m', '-f', '{{.Dir}}', goModule];
  const { stdout } = await promisify(execFile)('go', list, { cwd: moduleFolder(module), env: goEnv(env) });
  await cp(join(stdout.trim(), folder), join(into, name), { recursive: true });
  await promisify(execFile)('chmod', ['-R', 'u+w', join(into, name)]);
}

/** A person's own settings (GOFLAGS, GOOS, a workspace) would make another binary than the name of the folder says. */
function goEnv(env: NodeJS.ProcessEnv, cgo = false): NodeJS.ProcessEnv {
  const flags = '-mod=readonly -trimpath -buildvcs=false';
  return { ...env, CGO_ENABLED: cgo ? '1' : '0', GOFLAGS: flags, GOWORK: 'off', GOOS: '', GOARCH: '' };
}

/** One `go build`, with the lowest priority that still gets on: people work on this machine. */
function build(env: NodeJS.ProcessEnv, binary: Binary, folder: string): Promise<void> {
  const { name, module, goPackage, cgoTags } = binary;
  const go = ['go', 'build', '-ldflags', linkerFlags(module), '-o', join(folder, name)];
  if (cgoTags !== undefined) go.push('-tags', cgoTags);
  const child = spawn('nice', ['-n', '15', ...go, goPackage], {
    cwd: moduleFolder(module),
    env: goEnv(env, cgoTags !== undefined),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    lines.push(...chunk.split('\n').filter((line) => line !== '' && !line.startsWith('go: downloading')));
    lines.splice(0, lines.length - SHOWN_LINES);
  });
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(new Error(`go build of ${name} did not start`, { cause })));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`go build of ${name} failed (${signal ?? code}):\n${lines.join('\n')}`));
    });
  });
}

if (import.meta.main) {
  const version = await goVersion(process.env);
  if (version === undefined) throw new Error('Go is not installed: see https://go.dev/doc/install');
  for (const group of [NATS, S3_SERVER, CONTROL_PLANE]) {
    console.log(await buildAssets(process.env, version, (line) => console.error(line), group));
  }
}
