import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyManifest } from '../../../src/evidence/verify.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';
import { changedDirectories, faultyFiles, syncedDirectories } from './faulty-files.ts';
import { manifestIn, NAME, storeErrorOf, TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();

describe('a directory store', () => {
  it('keeps a bundle at <root>/<namespace>/<incident>-<uid>, whole and verifiable', async () => {
    const summary = await root.captured();
    expect(summary).toMatchObject({ location: root.finished, files: 2, bytes: 7, problems: [] });
    expect(await readFile(join(root.finished, 'logs/app/current.log'), 'utf8')).toBe('line\n');
    expect(await verifyManifest(root.finished, summary.manifestSha256)).toEqual([]);
    expect(await readdir(root.at('shop'))).toEqual([NAME]);
    expect(await manifestIn(root.finished)).toMatchObject({ attempt: 1, tool: { version: '1.2.3' } });
  });

  it('lets nobody but its own user read', async () => {
    await root.captured();
    const mode = async (path: string) => ((await stat(root.at(path))).mode & 0o777).toString(8);
    for (const directory of ['shop', `shop/${NAME}`, `shop/${NAME}/logs/app`])
      expect(await mode(directory)).toBe('700');
    for (const name of ['manifest.json', 'api/pod.json'])
      expect(await mode(`shop/${NAME}/${name}`)).toBe('600');
  });

  it('shows nothing under the real name before the bundle is finished', async () => {
    const bundle = await root.store().open(SUBJECT);
    await bundle.add(fileOf('api/pod.json'));
    expect(await readdir(root.at('shop'))).toEqual([`.${NAME}.partial-1`]);
  });

  it('brings every file and directory to the disk before the rename, and the rename after it', async () => {
    const { files, operations } = faultyFiles(() => undefined);
    await root.captured(root.store(files));
    const renamed = operations.findIndex((operation) => operation.startsWith('rename '));
    const before = operations.slice(0, renamed);
    const unsynced = changedDirectories(before).difference(new Set(syncedDirectories(before)));
    expect([...unsynced]).toEqual([root.at('shop')]);
    expect(syncedDirectories(operations.slice(renamed))).toEqual([root.at('shop')]);
    const lastCreate = before.findLastIndex((operation) => operation.startsWith('create '));
    expect(before[lastCreate]).toContain('manifest.json');
    expect(syncedDirectories(before.slice(lastCreate))).toHaveLength(4);
  });

  it('answers a finished bundle and never writes it again', async () => {
    const first = await root.captured();
    const { files, operations } = faultyFiles(() => undefined);
    const again = await root.store(files).open(SUBJECT);
    expect(again.finished).toEqual(first);
    await expect(again.add(fileOf('new'))).rejects.toThrow('after the bundle was finished');
    expect(await again.finish()).toEqual(first);
    expect(syncedDirectories(operations)).toEqual([root.path, root.at('shop')]);
    expect(operations.filter((operation) => !/^(kindOf|read|syncDirectory) /.test(operation))).toEqual([]);
  });

  it('keeps the evidence of incidents apart', async () => {
    const other = { ...SUBJECT, incident: { ...INCIDENT, uid: 'another' } };
    const [one, two] = [await root.captured(), await root.captured(root.store(), other)];
    expect(one.location).not.toBe(two.location);
    expect(await verifyManifest(one.location)).toEqual([]);
    expect(await verifyManifest(two.location)).toEqual([]);
  });

  it('takes several incidents of a new namespace at the same moment', async () => {
    const store = root.store();
    const captures = ['a', 'b', 'c', 'd'].map((uid) =>
      root.captured(store, { ...SUBJECT, incident: { ...INCIDENT, uid } }),
    );
    const locations = (await Promise.all(captures)).map(({ location }) => location);
    expect(await readdir(root.at('shop'))).toHaveLength(4);
    for (const location of locations) expect(await verifyManifest(location)).toEqual([]);
  });

  it('limits the bytes of an incident and says so', async () => {
    const summary = await root.captured(root.store(undefined, 4));
    expect(summary).toMatchObject({
      bytes: 4,
      problems: [expect.stringContaining('logs/app/current.log is cut after 2')],
    });
    expect(await verifyManifest(summary.location)).toEqual([]);
  });
});

describe('what an interrupted capture left', () => {
  const partial = (attempt: number) => root.at('shop', `.${NAME}.partial-${attempt}`);

  it('is discarded, and the next capture counts as the second attempt', async () => {
    const dead = await root.store().open(SUBJECT);
    await dead.add(fileOf('api/pod.json', 'old'));
    await dead.add(fileOf('old/left-over.txt'));
    const { location } = await root.captured();
    expect(await readdir(root.at('shop'))).toEqual([NAME]);
    expect(await manifestIn(location)).toMatchObject({ attempt: 2 });
    expect(await readFile(join(location, 'api/pod.json'), 'utf8')).toBe('{}');
    expect(await verifyManifest(location)).toEqual([]);
  });

  it('cannot be written to by a former leader that is still at work', async () => {
    const former = await root.store().open(SUBJECT);
    await former.add(fileOf('api/pod.json', 'old'));
    const next = await root.store().open(SUBJECT);
    const error = await storeErrorOf(former.add(fileOf('late.txt')));
    expect(error).toMatchObject({ reason: 'Missing', path: join(partial(1), 'late.txt') });
    await expect(former.finish()).rejects.toBe(error);
    await next.add(fileOf('api/pod.json', 'new'));
    const { location } = await next.finish();
    expect(await readdir(location, { recursive: true })).toEqual(['api', 'manifest.json', 'api/pod.json']);
  });

  it('loses to one that is finished: nothing is overwritten', async () => {
    const slow = await root.store().open(SUBJECT);
    await slow.add(fileOf('api/pod.json', 'slow'));
    await mkdir(root.finished);
    await writeFile(join(root.finished, 'manifest.json'), 'of somebody else');
    expect(await storeErrorOf(slow.finish())).toMatchObject({ reason: 'Conflict', path: root.finished });
    expect(await readdir(root.finished)).toEqual(['manifest.json']);
  });

  it('is cleared whatever lies there: several attempts, files, links', async () => {
    const elsewhere = root.at('elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'precious'), 'x');
    await mkdir(partial(1), { recursive: true });
    await symlink(elsewhere, join(partial(1), 'link'));
    await writeFile(partial(2), 'a file');
    await symlink(elsewhere, partial(7));
    const { location } = await root.captured();
    expect(await manifestIn(location)).toMatchObject({ attempt: 8 });
    expect(await readdir(root.at('shop'))).toEqual([NAME]);
    expect(await readdir(elsewhere)).toEqual(['precious']);
  });

  it('is told from names that only look like it', async () => {
    const others = ['.partial-1', `.${NAME}.partial-x`, `.${NAME}.partial-01`, `.other-uid.partial-5`];
    for (const other of others) await mkdir(root.at('shop', other), { recursive: true });
    const { location } = await root.captured();
    expect(await manifestIn(location)).toMatchObject({ attempt: 1 });
    expect(await readdir(root.at('shop'))).toEqual([...others, NAME].toSorted());
  });
});
