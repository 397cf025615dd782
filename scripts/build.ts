// Compiles src/ to dist/ for the package and the image: Node runs no TypeScript below node_modules.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const ENTRY = join(ROOT, 'dist/cli.js');

function build(): number {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(ROOT, 'tsconfig.build.json')];
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`Not built: ${error?.message ?? 'see the errors above'}`);
    return 1;
  }
  if (existsSync(ENTRY)) return 0;
  console.error(`Not built: ${ENTRY} is missing`);
  return 1;
}

process.exitCode = build();
