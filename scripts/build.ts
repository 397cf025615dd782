// Compiles src/ for the package, and for the image (see image.ts): Node runs no TypeScript below node_modules.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Compiles into a folder, which it replaces. @throws Error if that fails; what is wrong has been printed. */
export function build(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', folder];
  const { status, error } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(error?.message ?? 'see the errors above');
  const entry = join(folder, 'cli.js');
  if (!existsSync(entry)) throw new Error(`${entry} is missing`);
}

if (import.meta.main) {
  try {
    build(join(ROOT, 'dist'));
  } catch (error) {
    console.error(`Not built: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
