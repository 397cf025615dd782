// What `die-operator evidence verify` prints is safe to look at, whatever the folder is made of.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { command } from '../../../src/commands/evidence.ts';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from '../evidence/fakes.ts';

let root: string;
let bundle: string;
let manifestSha256: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'verify-command-'));
  const open = await createDirectoryStore({ root, clock: new VirtualClock(), version: '1' }).open(SUBJECT);
  await open.add(fileOf('api/pod.json', '{}'));
  ({ location: bundle, manifestSha256 } = await open.finish());
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(root, { recursive: true });
});

/** What it prints, and its exit code. */
async function run(...args: string[]): Promise<{ text: string; code: unknown }> {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  await command().parseAsync(['verify', ...args], { from: 'user' });
  write.mockRestore();
  return { text: lines.join(''), code: process.exitCode };
}

describe('evidence verify', () => {
  test('says that a bundle is whole, and how far that goes', async () => {
    expect(await run(bundle)).toEqual({
      text: `${bundle}: whole and unchanged, and agrees with its own manifest; give --key or --sha256 to check that too\n`,
      code: 0,
    });
    expect((await run(bundle, '--sha256', manifestSha256)).text).toContain('as the incident records it');
  });

  test('names each difference on a line, and fails', async () => {
    await writeFile(join(bundle, 'new'), '');
    await writeFile(join(bundle, 'api/pod.json'), '{');
    expect(await run(bundle)).toEqual({
      text: 'api/pod.json: changed (file): has 1 bytes, not 2\nnew: extra (file): is a file that is not in the manifest\n',
      code: 1,
    });
  });

  test('shows what a terminal would obey, and what hides text, as escapes', async () => {
    await writeFile(join(bundle, 'a\u001b[2Jb\nc\u202egnp'), '');
    const { text } = await run(bundle);
    expect(text).toBe(
      'a\\u{1b}[2Jb\\u{a}c\\u{202e}gnp: extra (file): is a file that is not in the manifest\n',
    );
  });

  test('shows what is said of a manifest that is none in the same way', async () => {
    await writeFile(join(bundle, 'manifest.json'), '\u001b[2J');
    expect((await run(bundle)).text).toMatch(/^manifest\.json: invalid \(manifest\): [\x20-\x7e]+\n$/);
  });
});
