// Puts together the folder that the image has as /app: node scripts/image.ts FOLDER. The Dockerfile calls it, and so do the
// tests on a real node, so that what they run is what the image holds. Needs the packages of package-lock.json, installed.
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.ts';

const ROOT = join(import.meta.dirname, '..');
const AS_THEY_ARE = ['bin', 'crds', 'package.json', 'LICENSE'];
/** The API server inside the process is for trying things out; a cluster's operator has no use for one. */
const NOT_FOR_CLUSTERS = ['embedded', 'commands/demo', 'commands/demo.js'];
/** Of packages: types and source maps, which are half of the bytes, and native code for another runtime than Node. */
const NOT_RUN = /\.([cm]?ts|map|bare)$/;

/** Fills a folder that is not there yet. @throws Error if it is, or if something to put into it is missing. */
export function assemble(folder: string): void {
  if (existsSync(folder)) throw new Error(`${folder} is there already`);
  build(join(folder, 'dist'));
  for (const name of NOT_FOR_CLUSTERS) rmSync(join(folder, 'dist', name), { recursive: true });
  for (const name of AS_THEY_ARE) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const path of productionPackages()) copyPackage(join(ROOT, path), join(folder, path));
  makeReadable(folder);
}

/**
 * Folders of the packages that run, as `npm ci --omit=dev --omit=optional` would install them: the lock file marks the
 * others. Optional are those that bring a Node for other installations.
 */
function productionPackages(): string[] {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, Record<string, unknown>> };
  const marked = (entry: Record<string, unknown>) =>
    ['dev', 'optional', 'devOptional'].some((mark) => entry[mark] === true);
  return Object.keys(packages).filter((path) => path !== '' && !marked(packages[path] ?? {}));
}

/** Without the packages inside it, which are listed on their own. What only one architecture can run is refused. */
function copyPackage(from: string, to: string): void {
  const filter = (file: string) => {
    if (file.endsWith('.node')) throw new Error(`${file} is for one architecture; the image is for several`);
    return !NOT_RUN.test(file) && file !== join(from, 'node_modules');
  };
  cpSync(from, to, { recursive: true, filter });
}

/** The program runs as a user who owns nothing, whatever the umask was under which the files were made. */
function makeReadable(folder: string): void {
  const below = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const path of [folder, ...below.map((name) => join(folder, name))]) {
    const stat = statSync(path);
    chmodSync(path, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  try {
    if (folder === undefined) throw new Error('name the folder to make: node scripts/image.ts FOLDER');
    assemble(folder);
  } catch (error) {
    console.error(`Not assembled: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
