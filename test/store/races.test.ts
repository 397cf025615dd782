// Several captures of one incident: one of them is the bundle, and the others answer that one.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect } from 'vitest';
import { createS3Reader } from '../../src/evidence/s3-reader.ts';
import type { BundleSummary } from '../../src/evidence/store.ts';
import { verifyManifest } from '../../src/evidence/verify.ts';
import { readFileSync } from 'node:fs';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { capture, download, keysIn, MANIFEST_KEY } from '../support/s3-bundles.ts';
import { BUCKET, storeOptions } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';
import type { RunFolder } from '../support/run-folder.ts';
import { startTime } from '../support/processes.ts';

const CAPTURER = join(import.meta.dirname, '../support/s3-capturer.ts');
const PROCESSES = 10;

/** Starts a process that waits; `go` makes it capture and answers what it says. */
async function startCapturer(endpoint: string, text: string, folder: RunFolder) {
  const child = spawn(process.execPath, [CAPTURER, endpoint, text], { stdio: ['pipe', 'pipe', 'inherit'] });
  folder.adopt({ pid: child.pid ?? 0, startedAt: startTime(child.pid ?? 0) ?? '' });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return async (): Promise<BundleSummary> => {
    child.stdin.write('go\n');
    return JSON.parse(String((await lines.next()).value)) as BundleSummary;
  };
}

describe('captures of one incident', () => {
  s3Test('that end one after the other all answer the first', async ({ s3, store }) => {
    const [first, second] = [await store().open(SUBJECT), await store().open(SUBJECT)];
    await first.add(fileOf('a.txt', 'first'));
    await second.add(fileOf('b.txt', 'second'));
    const summary = await second.finish();
    expect(await first.finish()).toEqual(summary);
    expect(await store().holds(summary)).toBe(true);
    expect((await keysIn(s3)).filter((key) => key === MANIFEST_KEY)).toHaveLength(1);
  });

  s3Test('in many processes at once have one winner, and nothing is mixed', async ({ s3, folder }) => {
    const texts = Array.from({ length: PROCESSES }, (_, index) => `process ${index}`);
    const started = await Promise.all(texts.map((text) => startCapturer(s3.endpoint, text, folder)));
    const summaries = await Promise.all(started.map((go) => go()));
    expect(new Set(summaries.map((summary) => JSON.stringify(summary))).size).toBe(1);
    const keys = await keysIn(s3);
    expect(keys.filter((key) => key === MANIFEST_KEY)).toHaveLength(1);
    // Each had a number of its own.
    expect(new Set(keys).size).toBe(keys.length);
    const to = join(folder.path, 'download');
    await download(createS3Reader(storeOptions(s3)), to);
    expect(await verifyManifest(to, summaries[0]?.manifestSha256)).toEqual([]);
    const winner = readFileSync(join(to, 'logs/app/current.log'), 'utf8');
    expect(texts).toContain(winner);
    expect(readFileSync(join(to, 'node/filesystem.ndjson'), 'utf8').startsWith(winner)).toBe(true);
  });

  s3Test(
    'on a server that lets objects be overwritten answer what was there first',
    async ({ s3, store }) => {
      const bundle = await store().open(SUBJECT);
      await bundle.add(fileOf('a.txt', 'ours'));
      const theirs = await capture(store());
      // As a server does that does not know If-None-Match: a second version.
      const { Body } = await s3.client.getObject({ Bucket: BUCKET, Key: MANIFEST_KEY });
      const text = (await Body?.transformToString()) ?? '';
      await s3.client.putObject({
        Bucket: BUCKET,
        Key: MANIFEST_KEY,
        Body: text.replace('"attempt":2', '"attempt":1'),
      });
      expect(await bundle.finish()).toEqual(theirs);
    },
  );
});
