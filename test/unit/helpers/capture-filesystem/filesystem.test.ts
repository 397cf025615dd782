// The collector as a whole, on a node made of folders: what it hands over, and what it says is missing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  brief,
  EMPTY_DIRS,
  NO_PROCESS,
  SIDECAR,
  testNode,
  type TestNode,
  unpack,
  WEB,
  type Given,
} from './node.ts';
import { make } from './trees.ts';

/** In the recorded list of snapshots: its layer is 238, upon 237 and two more. */
const ENDED = (198 * 0xabcdef).toString(16).padStart(64, '0');
const SNAPSHOTTER = 'containerd/io.containerd.snapshotter.v1.overlayfs';

let node: TestNode;
beforeEach(() => (node = testNode()));
afterEach(() => node.remove());

describe('the filesystem of a pod', () => {
  test('is told for each container and volume, with the contents of what changed', async () => {
    node.container(WEB, { bin: { dropped: '#!/bin/sh', same: 'x' } }, { bin: { same: 'x' } });
    node.container(SIDECAR, { log: 'text' }, {});
    make(node.on(EMPTY_DIRS), { cache: { tool: '#!tool', sub: { data: 'd' } }, empty: {} });
    const containers = [
      { name: 'web', id: WEB, ended: false },
      { name: 'sidecar', id: SIDECAR, ended: false },
    ];
    const { changes, files, problems } = await node.collect({ containers });
    expect(brief(changes)).toEqual([
      'web Added /bin/dropped files/1',
      'web Metadata /bin/same -',
      'sidecar Added /log files/2',
      ' Added /cache/sub -',
      ' Added /cache/tool files/3',
      ' Added /cache/sub/data files/4',
    ]);
    expect(changes.map(({ where }) => where)).toEqual([
      'Root',
      'Root',
      'Root',
      'EmptyDir',
      'EmptyDir',
      'EmptyDir',
    ]);
    expect([...files.keys()]).toEqual([
      'node/filesystem.ndjson',
      'node/changed-web.tar',
      'node/changed-sidecar.tar',
      'node/emptydir.tar',
    ]);
    expect(await unpack(files.get('node/changed-web.tar'))).toEqual({ 'files/1': '#!/bin/sh' });
    expect(await unpack(files.get('node/emptydir.tar'))).toEqual({ 'files/3': '#!tool', 'files/4': 'd' });
    expect(problems).toEqual([
      `filesystem: container web: ${NO_PROCESS}`,
      `filesystem: container sidecar: ${NO_PROCESS}`,
    ]);
  });

  test('comes without contents where they are not asked for', async () => {
    node.container(WEB, { x: 'x' }, {});
    const { changes, files } = await node.collect({ contents: false });
    expect(changes[0]).toMatchObject({ path: '/x', sha256: expect.any(String) as string });
    expect(brief(changes)).toEqual(['web Added /x -']);
    expect([...files.keys()]).toEqual(['node/filesystem.ndjson']);
  });

  test('of a container that has ended is found by the list of snapshots', async () => {
    mkdirSync(node.on(SNAPSHOTTER), { recursive: true });
    const recorded = new URL('../../../fixtures/containerd/overlay-metadata.db.gz', import.meta.url);
    writeFileSync(node.on(`${SNAPSHOTTER}/metadata.db`), gunzipSync(readFileSync(recorded)));
    make(node.on(`${SNAPSHOTTER}/snapshots/238/fs`), { a: 'changed', b: 'b' });
    make(node.on(`${SNAPSHOTTER}/snapshots/237/fs`), {});
    make(node.on(`${SNAPSHOTTER}/snapshots/236/fs`), {});
    make(node.on(`${SNAPSHOTTER}/snapshots/235/fs`), { a: 'a' });
    const { changes, problems } = await node.collect({
      containers: [{ name: 'web', id: ENDED, ended: true }],
    });
    expect(brief(changes)).toEqual(['web Modified /a files/1', 'web Added /b files/2']);
    expect(changes[0]?.containerId).toBe(ENDED);
    expect(problems).toEqual([]);
  });

  test('of one container before and after a restart is in one tar', async () => {
    node.container(WEB, { x: 'now' }, {});
    node.container(SIDECAR, { x: 'before' }, {});
    const { changes, files } = await node.collect({
      containers: [
        { name: 'web', id: SIDECAR, ended: true },
        { name: 'web', id: WEB, ended: false },
      ],
    });
    expect(brief(changes)).toEqual(['web Added /x files/1', 'web Added /x files/2']);
    expect(await unpack(files.get('node/changed-web.tar'))).toEqual({
      'files/1': 'now',
      'files/2': 'before',
    });
  });
});

describe('what is missing', () => {
  const only = async (given: Given = {}) =>
    (await node.collect(given)).problems.map((line) => line.replace('filesystem: ', ''));

  test.each([
    [
      'another snapshotter',
      () => node.mounts.push(`2 1 8:1 / /run/k8s.io/${WEB}/rootfs rw - ext4 /dev/sdb rw`),
      /Unsupported: .* mounted as ext4/,
    ],
    [
      'nothing mounted, and no list of snapshots',
      () => {},
      /Unsupported: nothing is mounted .* could not be read: ENOENT/,
    ],
    [
      'a damaged list of snapshots',
      () => make(node.on(SNAPSHOTTER), { 'metadata.db': 'x' }),
      /it is no bolt database/,
    ],
    [
      'a layer that is gone',
      () =>
        node.mounts.push(
          `2 1 0:77 / /run/k8s.io/${WEB}/rootfs rw - overlay o rw,lowerdir=/nowhere,upperdir=/nowhere`,
        ),
      /its own layer \/nowhere could not be opened \(ENOENT\)/,
    ],
  ])('is said: %s', async (_what, prepare, message) => {
    prepare();
    expect(await only()).toEqual([expect.stringMatching(message)]);
  });

  test('is said where folders of the node are not mounted, and the rest is read', async () => {
    node.container(WEB, { x: 'x' }, {});
    const hostFolder = (path: string) =>
      path.endsWith('0000-1') || path.includes('kubelet') ? undefined : path;
    const { problems, changes } = await node.collect({ context: { hostFolder } });
    expect(brief(changes)).toEqual(['web Added /x files/1']);
    expect(problems[0]).toMatch(/emptyDir volumes are not read: .* is not mounted here/);
  });

  test('is said of a layer of the image', async () => {
    node.container(WEB, { x: 'x' }, {}, {});
    const hostFolder = (path: string) => (path.includes('aaaa-2') ? undefined : path);
    const { problems } = await node.collect({ context: { hostFolder } });
    expect(problems[0]).toMatch(
      /container web: a layer of its image is not mounted in the capture pod, .* added/,
    );
  });

  test('is said of a table of mounts that cannot be read', async () => {
    make(node.on(EMPTY_DIRS), { cache: { x: 'x' } });
    const { changes, problems } = await node.collect({ context: { proc: node.on('nowhere') } });
    expect(brief(changes)).toEqual([' Added /cache/x files/1']);
    expect(problems).toEqual([expect.stringMatching(/nothing of the containers could be read: ENOENT/)]);
  });

  test('is said when the time is over at the start', async () => {
    node.container(WEB, { x: 'x' }, {});
    const { problems, changes } = await node.collect({ context: { signal: AbortSignal.abort() } });
    expect(changes).toEqual([]);
    expect(problems).toContain('filesystem: container web: the time was over before everything was read');
  });
});
