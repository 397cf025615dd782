import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyManifest } from '../../../src/evidence/verify.ts';
import { fileOf, INCIDENT, SUBJECT, TARGET } from './fakes.ts';
import { NAME, storeErrorOf, TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();

describe('hostile surroundings', () => {
  it.each([
    ['../../escape', '..', '../up'],
    ['shop', 'a/../../b', 'x\0y'],
    ['', '', ''],
    ['S', 'Name', 'UID'],
  ])('stay inside the root for namespace %j, incident %j, uid %j', async (namespace, name, uid) => {
    const { location } = await root.captured(root.store(), {
      target: TARGET,
      incident: { namespace, name, uid },
    });
    expect(location.startsWith(`${root.path}/`)).toBe(true);
    expect(location.slice(root.path.length + 1).split('/')).toHaveLength(2);
    expect(await verifyManifest(location)).toEqual([]);
    expect(await readdir(root.path)).toEqual([location.split('/').at(-2)]);
  });

  it('refuses a link in place of the namespace and leaves its aim alone', async () => {
    const elsewhere = root.at('elsewhere');
    await mkdir(elsewhere);
    await symlink(elsewhere, root.at('shop'));
    const error = await storeErrorOf(root.store().open(SUBJECT));
    expect(error).toMatchObject({ reason: 'Corrupt', path: root.at('shop') });
    expect(error.message).toContain('it is not a directory');
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('does not write through links that appear in the bundle', async () => {
    const elsewhere = root.at('elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'precious'), 'x');
    const bundle = await root.store().open(SUBJECT);
    await symlink(elsewhere, root.at('shop', `.${NAME}.partial-1`, 'api'));
    expect(await storeErrorOf(bundle.add(fileOf('api/pod.json')))).toMatchObject({ reason: 'Conflict' });
    const next = await root.store().open(SUBJECT);
    await symlink(join(elsewhere, 'precious'), root.at('shop', `.${NAME}.partial-2`, 'pod.json'));
    expect(await storeErrorOf(next.add(fileOf('pod.json')))).toMatchObject({ reason: 'Conflict' });
    const after = await root.store().open(SUBJECT);
    await symlink(join(elsewhere, 'not-yet'), root.at('shop', `.${NAME}.partial-3`, 'new.json'));
    expect(await storeErrorOf(after.add(fileOf('new.json')))).toMatchObject({ reason: 'Conflict' });
    expect(await readdir(elsewhere)).toEqual(['precious']);
    expect(await readFile(join(elsewhere, 'precious'), 'utf8')).toBe('x');
  });

  it('does not write into a file that appears in the bundle', async () => {
    const bundle = await root.store().open(SUBJECT);
    const foreign = root.at('shop', `.${NAME}.partial-1`, 'pod.json');
    await writeFile(foreign, 'of somebody else');
    expect(await storeErrorOf(bundle.add(fileOf('pod.json')))).toMatchObject({ reason: 'Conflict' });
    expect(await readFile(foreign, 'utf8')).toBe('of somebody else');
  });

  it.each([
    ['a link', (path: string) => symlink('/', path)],
    ['a file', (path: string) => writeFile(path, '')],
    ['an empty directory', (path: string) => mkdir(path).then(() => {})],
    [
      'a broken manifest',
      async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, 'manifest.json'), '{"schema":"x"}');
      },
    ],
    [
      'a link to the bundle, which lies elsewhere',
      async (path: string) => {
        const { location } = await root.captured();
        await rename(location, root.at('moved'));
        await symlink(root.at('moved'), path);
      },
    ],
    [
      'a link as manifest',
      async (path: string) => {
        const { location } = await root.captured();
        await rename(join(location, 'manifest.json'), root.at('moved'));
        await symlink(root.at('moved'), join(path, 'manifest.json'));
      },
    ],
    [
      'the bundle of another incident',
      async (path: string) => {
        const { location } = await root.captured(root.store(), {
          ...SUBJECT,
          incident: { ...INCIDENT, uid: 'b' },
        });
        await mkdir(path);
        await writeFile(join(path, 'manifest.json'), await readFile(join(location, 'manifest.json')));
      },
    ],
  ])('%s in place of the finished bundle is refused, named and left alone', async (_what, place) => {
    await mkdir(root.at('shop'), { mode: 0o700 });
    await place(root.finished);
    const error = await storeErrorOf(root.store().open(SUBJECT));
    expect(error).toMatchObject({ reason: 'Corrupt', path: root.finished });
    expect(error.message).toMatch(/It is left as it is; look at it and move it away/);
    expect((await readdir(root.at('shop'))).some((name) => name.includes('partial'))).toBe(false);
  });
});
