// What is reported of a container's layer: every kind of change, and every trap that somebody in it can set.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MergedView } from '../../../../src/helpers/programs/capture/changes-view.ts';
import { openView } from '../../../../src/helpers/programs/capture/changes-view.ts';
import { at, CAN_WHITEOUT, changesOf, make, short, temporary, WHITEOUT } from './trees.ts';

let folder: ReturnType<typeof temporary>;
beforeEach(() => (folder = temporary()));
afterEach(() => folder.remove());
const upper = () => join(folder.path, 'upper');
const lower = (n = 1) => join(folder.path, `lower${n}`);
const inUpper = (...names: string[]) => join(upper(), ...names);

describe('a change', () => {
  test('is what the image does not have, or has in another form', async () => {
    make(lower(), {
      etc: { same: 'a', other: 'a', becomes: 'a' },
      link: { link: '/a' },
      moved: { link: '/a' },
    });
    make(upper(), {
      etc: { same: 'a', other: 'b', becomes: {}, added: 'x' },
      link: { link: '/a' },
      moved: { link: '/b' },
    });
    chmodSync(inUpper('etc/same'), 0o755);
    const { changes } = await changesOf(upper(), { lowers: [lower()] });
    const uncertain = changes.filter(({ kind }) => kind !== 'Opaque');
    expect(short(uncertain)).toEqual([
      'Added /etc/added',
      'Metadata /etc/same',
      'Metadata /link',
      'Modified /etc/becomes',
      'Modified /etc/other',
      'Modified /moved',
    ]);
    expect(at(changes, '/etc/same')).toMatchObject({ executable: true, mode: 0o755, imageMode: 0o644 });
    expect(at(changes, '/etc/other').imageSha256).toHaveLength(64);
    expect(at(changes, '/moved')).toMatchObject({ type: 'Symlink', linkTarget: '/b', executable: false });
  });

  test('is measured against the topmost layer of the image that has the name', async () => {
    make(lower(1), { d: { a: 'new' } });
    make(lower(2), { d: { a: 'old', b: 'old' }, e: 'file' });
    make(upper(), { d: { a: 'new', b: 'new' }, e: { x: 'x' } });
    const { changes } = await changesOf(upper(), { lowers: [lower(1), lower(2)] });
    expect(short(changes)).toEqual(['Added /e/x', 'Metadata /d/a', 'Modified /d/b', 'Modified /e']);
  });

  test('of a directory is its mode or owner only', async () => {
    make(lower(), { same: {}, open: {} });
    make(upper(), { same: {}, open: {} });
    chmodSync(inUpper('open'), 0o777);
    const { changes } = await changesOf(upper(), { lowers: [lower()] });
    expect(short(changes)).toEqual(['Metadata /open']);
    expect(changes[0]).toMatchObject({ mode: 0o777, imageMode: 0o755, executable: false });
  });

  test('tells programs by content and setuid bits by mode', async () => {
    make(upper(), { script: '#!/bin/sh', plain: 'x' });
    chmodSync(inUpper('plain'), 0o4755);
    const { changes } = await changesOf(upper());
    expect(at(changes, '/script')).toMatchObject({ content: 'Script', executable: true, mode: 0o644 });
    expect(at(changes, '/plain')).toMatchObject({ content: 'Other', executable: true, mode: 0o4755 });
  });

  test.skipIf(!CAN_WHITEOUT)('is what was deleted, and what lay below it (needs root)', async () => {
    make(lower(1), { gone: WHITEOUT, d: { x: WHITEOUT } });
    make(lower(2), { gone: 'of old', d: { x: 'x', y: '#!y' }, all: { z: '' } });
    make(upper(), { d: { y: WHITEOUT, x: 'again' }, all: WHITEOUT, gone: 'again', never: WHITEOUT });
    const { changes } = await changesOf(upper(), { lowers: [lower(1), lower(2)] });
    expect(short(changes)).toEqual([
      // The layers of the image had deleted those two.
      'Added /d/x',
      'Added /gone',
      'Deleted /all',
      'Deleted /d/y',
      'Deleted /never',
    ]);
    expect(at(changes, '/d/y')).toMatchObject({ type: 'File', content: 'Script', executable: true });
    expect(at(changes, '/all').type).toBe('Directory');
    expect(at(changes, '/never').type).toBe('Unknown');
  });

  test.skipIf(!CAN_WHITEOUT)(
    'of a volume is a device where the layer of a container has a deletion (needs root)',
    async () => {
      make(upper(), { x: WHITEOUT });
      expect((await changesOf(upper(), { where: 'EmptyDir' })).changes[0]).toMatchObject({
        kind: 'Added',
        type: 'CharDevice',
      });
    },
  );
});

describe('a directory that may hide the image', () => {
  const view = (there: readonly string[]): MergedView => ({
    has: (directory, name) => there.includes(`${directory}/${name}`),
    mountPoints: new Set(),
    close: () => {},
  });
  const trees = () => {
    make(lower(), { d: { old: 'x', sub: { deep: 'x' } } });
    make(upper(), { d: { new: 'x', sub: { more: 'x' } } });
    return { lowers: [lower()] };
  };

  test('does when the container does not see what the image has there', async () => {
    const { changes } = await changesOf(upper(), { ...trees(), view: view([]) });
    // The root too hides nothing that it does not have itself.
    expect(short(changes)).toEqual(['Added /d/new', 'Added /d/sub/more', 'Opaque /d']);
    expect(at(changes, '/d').problem).toBeUndefined();
  });

  test('does not when the container sees it', async () => {
    const { changes } = await changesOf(upper(), { ...trees(), view: view(['/d/old', '/d/sub/deep']) });
    expect(short(changes)).toEqual(['Added /d/new', 'Added /d/sub/more']);
  });

  test('is told with a doubt when no process of the container runs', async () => {
    const { changes } = await changesOf(upper(), trees());
    expect(at(changes, '/d')).toMatchObject({
      kind: 'Opaque',
      problem: expect.stringMatching(/not certain/),
    });
  });

  test('is told with a doubt when only what lower layers have is missing, which one above may hide', async () => {
    make(lower(1), { d: { top: 'x' } });
    make(lower(2), { d: { old: 'x', top: 'x' } });
    make(upper(), { d: { top: 'y' } });
    const lowers = [lower(1), lower(2)];
    const remade = await changesOf(upper(), { lowers, view: view(['/d/top']) });
    expect(short(remade.changes)).toEqual(['Modified /d/top', 'Opaque /d']);
    expect(
      at(
        remade.changes.filter(({ kind }) => kind === 'Opaque'),
        '/d',
      ).problem,
    ).toMatch(/not certain/);
    const whole = await changesOf(upper(), { lowers, view: view(['/d/top', '/d/old']) });
    expect(short(whole.changes)).toEqual(['Modified /d/top']);
  });

  test.skipIf(!CAN_WHITEOUT)('is none when a layer of the image has deleted what is missing', async () => {
    make(lower(1), { d: { top: 'x', old: WHITEOUT } });
    make(lower(2), { d: { old: 'x' } });
    make(upper(), { d: { top: 'y' } });
    const { changes } = await changesOf(upper(), { lowers: [lower(1), lower(2)], view: view(['/d/top']) });
    expect(short(changes)).toEqual(['Modified /d/top']);
  });

  test('is none when the file was deleted just now', async () => {
    const given = trees();
    const has = (_directory: string, name: string) => {
      writeFileSync(inUpper('d', name), '');
      return false;
    };
    const { changes } = await changesOf(upper(), { ...given, view: { ...view([]), has } });
    expect(at(changes, '/d').problem).toMatch(/written to at the same time/);
  });

  test('is not looked at through a process with another root', () => {
    expect(openView('/proc', process.pid, '0:424242')).toBeUndefined();
    expect(openView('/proc', 999_999_999, '0:1')).toBeUndefined();
  });
});

describe('what a runtime makes', () => {
  test('is not reported, and everything beside it is', async () => {
    make(upper(), {
      etc: { hosts: '', hostname: '', 'resolv.conf': '127.0.0.1', mtab: { link: '/proc/mounts' }, cron: '' },
      var: { run: { secrets: { 'kubernetes.io': { serviceaccount: { x: 'x' } } } } },
      data: { cache: { own: 'x' } },
      config: '',
      other: {},
    });
    const mountPoints = new Set(['/', '/data/cache', '/config']);
    const { changes } = await changesOf(upper(), { mountPoints });
    expect(short(changes)).toEqual([
      'Added /data/cache/own',
      'Added /etc/cron',
      'Added /etc/resolv.conf',
      'Added /other',
      'Added /var/run/secrets/kubernetes.io/serviceaccount/x',
    ]);
  });

  test('is reported when it has the rights of another user', async () => {
    make(upper(), { etc: { hosts: '' } });
    chmodSync(inUpper('etc/hosts'), 0o4755);
    expect(short((await changesOf(upper())).changes)).toContain('Added /etc/hosts');
  });
});
