// The last word of a helper reaches the kubelet whatever its program left behind: the process ends.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'last-word-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a program that says its last word. @returns exit code or signal, and what the kubelet would find. */
async function end(before: string): Promise<{ how: unknown; message: string }> {
  const log = join(folder, 'termination-log');
  writeFileSync(log, '');
  const module = resolve('src/commands/helper/last-word.ts');
  const program = `
    import { open } from 'node:fs/promises';
    const { sayLast } = await import(${JSON.stringify(module)});
    ${before}
    await sayLast({ result: 'Sent' }, ${JSON.stringify(log)});`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { how: code ?? signal, message: readFileSync(log, 'utf8') };
}

test('a process that is done ends by itself', async () => {
  expect(await end('')).toEqual({ how: 0, message: '{"result":"Sent"}' });
});

test('a process with a read that nobody answers ends all the same', { timeout: 20_000 }, async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(await end(`open(${JSON.stringify(pipe)}, 'r').catch(() => {});`)).toEqual({
    how: 'SIGKILL',
    message: '{"result":"Sent"}',
  });
});
