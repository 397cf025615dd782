// The static checks: each prints one line, and what it found only if it failed. The first failure ends the run, since
// what lint says about code whose types are wrong is noise.
import { spawnSync } from 'node:child_process';

interface Check {
  name: string;
  command: readonly [string, ...string[]];
  /** What to do when it fails. */
  cure: string;
}

const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '-p', '.'], cure: 'correct the types' },
  { name: 'lint', command: ['oxlint'], cure: 'correct what oxlint names' },
  { name: 'format', command: ['prettier', '--check', '.'], cure: 'run node_modules/.bin/prettier --write .' },
  {
    name: 'generated',
    command: [process.execPath, 'scripts/generate.ts', '--check'],
    cure: 'run make generate, and commit what it writes',
  },
];

function run({ name, command: [program, ...args], cure }: Check): boolean {
  const started = performance.now();
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`${name.padEnd(11)} ok (${seconds} s)`);
    return true;
  }
  console.error(`${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`.trimEnd());
  console.error(`${name.padEnd(11)} FAILED (${seconds} s): ${cure}`);
  return false;
}

if (!CHECKS.every(run)) process.exitCode = 1;
