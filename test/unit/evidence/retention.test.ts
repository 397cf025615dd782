// Evidence that is older than it is to be kept goes, nothing else does, and what is half deleted never looks finished.
import { mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { localFiles, type FileSystem } from '../../../src/evidence/files.ts';
import type { EvidenceStore, IncidentRef } from '../../../src/evidence/store.ts';
import { verifyManifest, type Difference } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';
import { failingAt, faultyFiles, Killed } from './faulty-files.ts';
import { storeErrorOf, TemporaryRoot } from './on-disk.ts';

const DAY_MS = 24 * 60 * 60_000;
const KEEP_MS = 30 * DAY_MS;

const root = new TemporaryRoot();
const nobody = () => false;
const running = new AbortController().signal;

function storeAt(clock: VirtualClock, files: FileSystem = localFiles): EvidenceStore {
  return createDirectoryStore({ root: root.path, clock, version: '1', retentionMs: KEEP_MS, files });
}

async function captured(clock: VirtualClock, uid: string): Promise<string> {
  const bundle = await storeAt(clock).open({ ...SUBJECT, incident: { ...INCIDENT, uid } });
  await bundle.add(fileOf('a/b', 'content'));
  return (await bundle.finish()).location;
}

async function sweep(store: EvidenceStore, inUse: (incident: IncidentRef) => boolean = nobody) {
  if (!store.sweep) throw new Error('keeps everything');
  return store.sweep(inUse, running);
}

describe('a sweep', () => {
  it('deletes what is older than it is to be kept, and says so', async () => {
    const clock = new VirtualClock();
    const old = await captured(clock, 'old');
    await clock.advance(KEEP_MS);
    const young = await captured(clock, 'young');
    expect(await sweep(storeAt(clock))).toEqual({ bundles: [], attempts: [], kept: [] });
    await clock.advance(1);
    expect(await sweep(storeAt(clock))).toEqual({ bundles: [old], attempts: [], kept: [] });
    expect(await readdir(root.at('shop'))).toEqual([`${INCIDENT.name}-young`]);
    expect(await verifyManifest(young)).toEqual([]);
  });

  it('deletes no evidence of an incident that is not over', async () => {
    const clock = new VirtualClock();
    const open = await captured(clock, 'open');
    await clock.advance(2 * KEEP_MS);
    const asked: IncidentRef[] = [];
    const report = await sweep(storeAt(clock), (incident) => asked.push(incident) > 0);
    expect(report.bundles).toEqual([]);
    expect(asked).toEqual([{ ...INCIDENT, uid: 'open' }]);
    expect(await verifyManifest(open)).toEqual([]);
  });

  it('deletes what a capture left that nobody will finish, and none that may go on', async () => {
    const clock = new VirtualClock();
    for (const uid of ['dead', 'busy']) {
      const bundle = await storeAt(clock).open({ ...SUBJECT, incident: { ...INCIDENT, uid } });
      await bundle.add(fileOf('a'));
    }
    await clock.advance(KEEP_MS + 1);
    const [busy, dead] = ['busy', 'dead'].map((uid) => root.at('shop', `.${INCIDENT.name}-${uid}.partial-1`));
    await utimes(dead ?? '', 0, 0);
    await utimes(busy ?? '', new Date(clock.now()), new Date(clock.now()));
    expect(await sweep(storeAt(clock))).toEqual({ bundles: [], attempts: [dead], kept: [] });
    expect(await readdir(root.at('shop'))).toEqual([`.${INCIDENT.name}-busy.partial-1`]);
  });

  it('leaves alone and names what it cannot judge, and goes on', async () => {
    const clock = new VirtualClock();
    await mkdir(root.at('shop', 'a-stranger'), { recursive: true });
    await writeFile(root.at('shop', 'a-stranger', 'manifest.json'), '{}');
    const old = await captured(clock, 'old');
    await clock.advance(KEEP_MS + 1);
    const report = await sweep(storeAt(clock));
    expect(report.bundles).toEqual([old]);
    expect(report.kept).toEqual([{ place: root.at('shop', 'a-stranger'), why: expect.any(String) }]);
  });

  it('touches nothing that is not its own, and follows no link', async () => {
    const clock = new VirtualClock();
    const outside = await captured(clock, 'outside');
    await mkdir(root.at('lost+found'));
    await writeFile(root.at('.readiness'), '');
    await symlink(root.at('shop'), root.at('link'));
    await mkdir(root.at('other'));
    await symlink(outside, root.at('other', 'bundle'));
    await clock.advance(KEEP_MS + 1);
    expect((await sweep(storeAt(clock))).bundles).toEqual([outside]);
    expect(await readdir(root.path)).toEqual(['.readiness', 'link', 'lost+found', 'other', 'shop']);
    expect(await readdir(root.at('other'))).toEqual(['bundle']);
  });

  it('that dies at any moment leaves a bundle that is whole or not there, and the next one ends it', async () => {
    const clock = new VirtualClock();
    const location = await captured(clock, 'old');
    await clock.advance(KEEP_MS + 1);
    const shown: Difference[] = [];
    let operations = 0;
    for (let count = 1; ; count++) {
      const faulty = faultyFiles((_, at) => (at < count ? undefined : { error: new Killed() }));
      await sweep(storeAt(clock, faulty.files)).catch(() => {});
      operations = faulty.operations.length;
      const names = await readdir(root.at('shop'));
      if (names.includes(`${INCIDENT.name}-old`)) shown.push(...(await verifyManifest(location)));
      await sweep(storeAt(clock));
      expect(await readdir(root.at('shop'))).toEqual([]);
      if (operations < count) break;
      await rm(root.at('shop'), { recursive: true });
      const past = new VirtualClock();
      await captured(past, 'old');
    }
    expect(shown).toEqual([]);
    expect(operations).toBeGreaterThan(7);
  });

  it('says what could not be deleted', async () => {
    const clock = new VirtualClock();
    const location = await captured(clock, 'old');
    await clock.advance(KEEP_MS + 1);
    const report = await sweep(storeAt(clock, failingAt(/^rename /, 'EROFS')));
    expect(report).toEqual({
      bundles: [],
      attempts: [],
      kept: [{ place: location, why: 'EROFS: injected' }],
    });
  });

  it('rejects in words where the directory cannot be read', async () => {
    expect(
      await storeErrorOf(sweep(storeAt(new VirtualClock(), failingAt(/^names /, 'EACCES')))),
    ).toMatchObject({
      reason: 'Denied',
    });
  });

  it('does not exist where everything is kept', () => {
    expect(root.store().sweep).toBeUndefined();
  });
});
