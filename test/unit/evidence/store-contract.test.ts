import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathSegment } from '../../../src/evidence/path.ts';
import type { BundleSummary, EvidenceStore } from '../../../src/evidence/store.ts';
import { verifyManifest } from '../../../src/evidence/verify.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';
import { TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();

/** A store, and how a test reads from what it finished. */
interface Subject {
  store: EvidenceStore;
  read: (summary: BundleSummary, path: string) => Promise<string | undefined>;
}

const SUBJECTS: Record<string, () => Subject> = {
  directory: () => ({
    store: root.store(),
    read: ({ location }, path) => readFile(join(location, path), 'utf8').catch(() => undefined),
  }),
  memory: () => {
    const store: MemoryStore = createMemoryStore({ clock: new VirtualClock() });
    return { store, read: (_, path) => Promise.resolve(store.text(INCIDENT.uid, path)) };
  },
};

describe.each(Object.entries(SUBJECTS))('the %s store', (_name, subject) => {
  it('gives back what was added, by the same path', async () => {
    const { store, read } = subject();
    const bundle = await store.open(SUBJECT);
    await bundle.add(fileOf('api/pod.json', '{"ä":1}'));
    await bundle.add(fileOf('logs/app/current.log', Buffer.from('line')));
    const summary = await bundle.finish();
    expect(await read(summary, 'api/pod.json')).toBe('{"ä":1}');
    expect(await read(summary, 'logs/app/current.log')).toBe('line');
    expect(await read(summary, 'nothing')).toBeUndefined();
  });

  it('answers the finished bundle with the same summary, problems included', async () => {
    const { store } = subject();
    const bundle = await store.open(SUBJECT);
    expect(bundle.finished).toBeUndefined();
    bundle.problem('logs', 'nothing was there');
    const summary = await bundle.finish();
    expect(summary.problems).toEqual(['logs: nothing was there']);
    expect((await store.open(SUBJECT)).finished).toEqual(summary);
  });

  it('discards what was not finished', async () => {
    const { store, read } = subject();
    const dead = await store.open(SUBJECT);
    await dead.add(fileOf('old.txt', 'old'));
    const bundle = await store.open(SUBJECT);
    expect(bundle.finished).toBeUndefined();
    await bundle.add(fileOf('new.txt', 'new'));
    const summary = await bundle.finish();
    expect(summary.files).toBe(1);
    expect(await read(summary, 'old.txt')).toBeUndefined();
  });

  it('keeps incidents apart by their UID', async () => {
    const { store } = subject();
    await (await store.open(SUBJECT)).finish();
    const other = await store.open({ ...SUBJECT, incident: { ...INCIDENT, uid: 'another' } });
    expect(other.finished).toBeUndefined();
  });

  it('holds what it finished, and nothing else', async () => {
    const { store } = subject();
    const bundle = await store.open(SUBJECT);
    await bundle.add(fileOf('a'));
    const summary = await bundle.finish();
    expect(await store.holds(summary)).toBe(true);
    expect(await store.holds({ ...summary, manifestSha256: 'f'.repeat(64) })).toBe(false);
  });

  it('is ready', async () => {
    expect(await subject().store.readiness()).toBeUndefined();
  });
});

describe('any evidence', () => {
  it('has the same hash for the same evidence, in whatever order it came', async () => {
    const files = ['b', 'a', 'c'].map((path) => fileOf(path, path));
    const hashes: string[] = [];
    for (const order of [files, files.toReversed()]) {
      const store = createMemoryStore({ clock: new VirtualClock() });
      const bundle = await store.open(SUBJECT);
      for (const each of order) await bundle.add(each);
      hashes.push((await bundle.finish()).manifestSha256);
    }
    expect(hashes[0]).toBe(hashes[1]);
  });

  const name = fc.string({ unit: 'binary', maxLength: 40 });
  const content = fc.uint8Array({ maxLength: 64 });

  it('with any names in its paths verifies after it was stored, and counts right', async () => {
    let run = 0;
    const property = fc.asyncProperty(fc.dictionary(name, content, { maxKeys: 8 }), async (files) => {
      const subject = { ...SUBJECT, incident: { ...INCIDENT, uid: `run-${run++}` } };
      const bundle = await root.store().open(subject);
      for (const [key, bytes] of Object.entries(files))
        await bundle.add(fileOf(`logs/${pathSegment(key)}/x.log`, bytes));
      const summary = await bundle.finish();
      expect(summary.files).toBe(Object.keys(files).length);
      expect(summary.bytes).toBe(Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0));
      expect(await verifyManifest(summary.location, summary.manifestSha256)).toEqual([]);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});
