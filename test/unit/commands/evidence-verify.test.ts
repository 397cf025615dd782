// What `die-operator evidence verify` prints is safe to look at, whatever the folder is made of.
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { command } from '../../../src/commands/evidence.ts';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import type { IncidentRef } from '../../../src/evidence/store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from '../evidence/fakes.ts';
import { signingKeys } from '../evidence/keys.ts';

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
      text: `${bundle}: whole and unchanged, and agrees with its own manifest; give --key or --sha256 to check that too\nof which incident and pod it is: not said, as no signature was checked\n`,
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

  test('reads nothing of a file whose size is not that of the manifest', async () => {
    // Takes no room on disk, and longer to read than this test has.
    await truncate(join(bundle, 'api/pod.json'), 2 ** 42);
    expect((await run(bundle)).text).toBe('api/pod.json: changed (file): has 4398046511104 bytes, not 2\n');
  });
});

describe('evidence verify of a bundle that is signed', () => {
  const own = signingKeys();
  const uid = 'pod-\u202e\u001b[2J';
  const target = { ...SUBJECT.target, uid };
  let key: string;
  beforeEach(async () => {
    key = join(root, 'key.pem');
    await writeFile(key, own.publicPem);
    await sign({ ...SUBJECT, incident: { ...SUBJECT.incident, round: 2 } });
  });

  async function sign({ incident }: { incident: IncidentRef }): Promise<void> {
    const clock = new VirtualClock();
    const signer = () => Promise.resolve(own.signer);
    const store = createDirectoryStore({ root, clock, version: '1', signer });
    const open = await store.open({ incident, target });
    await open.add(fileOf('api/pod.json', '{}'));
    await clock.advance(5_000);
    ({ location: bundle, manifestSha256 } = await open.finish());
  }

  test('says of which incident and pod it is, and when, with escapes', async () => {
    const { text, code } = await run(bundle, '--key', key);
    expect(text.split('\n').slice(0, 3)).toEqual([
      'incident shop/web-1-0123456789-1 (uid incident-uid), its bundle 2',
      'pod shop/web-1 (uid pod-\\u{202e}\\u{1b}[2J)',
      expect.stringMatching(/^captured from \d{4}-\S+Z to \d{4}-\S+Z$/),
    ]);
    expect(text).toContain('as it was signed');
    expect(code).toBe(0);
  });

  test('says so of what was changed since, too', async () => {
    await writeFile(join(bundle, 'api/pod.json'), '[]');
    const { text, code } = await run(bundle, '--key', key);
    expect(text).toMatch(
      /^incident shop\/web-1-0123456789-1 .*\npod .*\ncaptured .*\napi\/pod\.json: changed/,
    );
    expect(code).toBe(1);
  });

  test('does not say it of a manifest that is not the one that was signed', async () => {
    const manifest = await readFile(join(bundle, 'manifest.json'), 'utf8');
    await writeFile(join(bundle, 'manifest.json'), manifest.replaceAll('web-1', 'web-2'));
    expect((await run(bundle, '--key', key)).text).not.toMatch(/web-[12] |captured/);
    expect(JSON.parse((await run(bundle, '--key', key, '-o', 'json')).text)).toMatchObject({ of: null });
  });

  test('does not say it by a signature that nobody checked, or of another', async () => {
    expect((await run(bundle)).text).toContain('not said, as no signature was checked\n');
    expect((await run(bundle, '--sha256', manifestSha256)).text).not.toContain('incident shop');
    await writeFile(key, signingKeys().publicPem);
    expect((await run(bundle, '--key', key)).text).not.toContain('incident shop');
  });

  test('is one document with -o json', async () => {
    const { text, code } = await run(bundle, '--key', key, '-o', 'json');
    for (const hidden of ['\u202e', '\u001b']) expect(text).not.toContain(hidden);
    expect(JSON.parse(text)).toEqual({
      directory: bundle,
      whole: true,
      of: {
        incident: { ...SUBJECT.incident, round: 2 },
        pod: { namespace: 'shop', name: 'web-1', uid },
        startedAt: expect.any(String) as string,
        finishedAt: expect.any(String) as string,
      },
      differences: [],
      signedBy: [own.verifier.keyId],
      signed: true,
      encrypted: 0,
      opened: 0,
    });
    expect(code).toBe(0);
    await writeFile(join(bundle, 'api/pod.json'), '[]');
    const changed = await run(bundle, '--key', key, '-o', 'json');
    expect(JSON.parse(changed.text)).toMatchObject({ whole: false, differences: [{ path: 'api/pod.json' }] });
    expect(changed.code).toBe(1);
  });
});
