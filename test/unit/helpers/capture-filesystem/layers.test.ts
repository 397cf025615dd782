// Where the layers of a container are, by the mount table of its node.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crioLayer } from '../../../../src/helpers/programs/capture/layers-crio.ts';
import { parseMounts } from '../../../../src/helpers/programs/capture/layers-mounts.ts';
import { layersInTable, layersOfChain } from '../../../../src/helpers/programs/capture/layers.ts';
import { temporary } from './trees.ts';

const ID = 'c'.repeat(64);
const STATE = '/run/containerd/io.containerd.runtime.v2.task/k8s.io';
const SNAPSHOTS = '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots';
const ROOT = '26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw';

const mounted = (options: string, point = `${STATE}/${ID}/rootfs`, type = 'overlay') =>
  `120 26 0:77 / ${point} rw,relatime shared:60 - ${type} overlay ${options}`;
const find = (lines: string[], layer?: string) =>
  layersInTable(parseMounts([ROOT, ...lines].join('\n')), ID, layer);

describe('the layers of a container', () => {
  test('are those of the overlay that its runtime has mounted', () => {
    const other = mounted('rw,lowerdir=/x,upperdir=/y,workdir=/z', `${STATE}/${'d'.repeat(64)}/rootfs`);
    const own = mounted(
      `rw,lowerdir=${SNAPSHOTS}/2/fs:${SNAPSHOTS}/1/fs,upperdir=${SNAPSHOTS}/9/fs,workdir=/w`,
    );
    expect(find([other, own])).toEqual({
      result: 'Layers',
      layers: {
        upper: `${SNAPSHOTS}/9/fs`,
        lowers: [`${SNAPSHOTS}/2/fs`, `${SNAPSHOTS}/1/fs`],
        device: '0:77',
        doubts: [],
      },
    });
  });

  test.each([
    ['relative, as containerd writes many of them', 'lowerdir=12/fs:1/fs', ['12/fs', '1/fs']],
    ['an option each, as newer kernels tell them', 'lowerdir+=12/fs,lowerdir+=1/fs', ['12/fs', '1/fs']],
    ['with folders of data only', 'lowerdir=12/fs:1/fs::4/data', ['12/fs', '1/fs']],
    [
      'with space, comma, colon and backslash in their names',
      String.raw`lowerdir=a\040b/fs:c\134,d/fs:e\134:f/fs:g\134\134h/fs`,
      ['a b/fs', 'c,d/fs', 'e:f/fs', String.raw`g\h/fs`],
    ],
  ])('may be %s', (_how, lower, expected) => {
    const found = find([mounted(`rw,${lower},upperdir=${SNAPSHOTS}/9/fs,workdir=/w`)]);
    const lowers = expected.map((path) => `${SNAPSHOTS}/${path}`);
    expect(found).toMatchObject({ result: 'Layers', layers: { lowers } });
  });

  test('of CRI-O are found by the layer that it has for the container', () => {
    const layer = 'e'.repeat(64);
    const storage = '/var/lib/containers/storage/overlay';
    const options = `rw,lowerdir=${storage}/l/${'A'.repeat(26)},upperdir=${storage}/${layer}/diff,workdir=/w`;
    const line = mounted(options, `${storage}/${layer}/merged`);
    expect(find([line], layer)).toMatchObject({ layers: { upper: `${storage}/${layer}/diff` } });
    expect(find([line])).toEqual({ result: 'None' });
  });

  test.each([
    ['a folder on a disk', mounted('rw', undefined, 'ext4')],
    ['an overlay without a layer of its own', mounted(`ro,lowerdir=${SNAPSHOTS}/1/fs`)],
    ['a relative layer of its own', mounted(`rw,lowerdir=/a,upperdir=9/fs`)],
  ])('are told to be unsupported where they are %s', (_what, line) =>
    expect(find([line])).toMatchObject({ result: 'Unsupported' }),
  );

  test('are not those of another container whose ID ends alike, or of a folder with its ID in the name', () => {
    const options = 'rw,lowerdir=/a,upperdir=/b,workdir=/w';
    const points = [`${STATE}/x${ID}/rootfs`, `${STATE}/${ID}/rootfs/mnt`, `${STATE}/${ID}-rootfs`];
    expect(find(points.map((point) => mounted(options, point)))).toEqual({ result: 'None' });
  });

  test.each([
    ['metacopy=on', /metacopy/],
    ['redirect_dir=on', /redirect_dir/],
  ])('come with a doubt where the node mounts with %s', (option, doubt) => {
    const found = find([mounted(`rw,lowerdir=/a,upperdir=/b,workdir=/w,${option}`)]);
    expect(found).toMatchObject({ layers: { doubts: [expect.stringMatching(doubt)] } });
  });

  test('of one that has ended are the folders of its snapshots', () =>
    expect(layersOfChain('/var/lib/containerd', ['9', '2', '1'])).toMatchObject({
      upper: `${SNAPSHOTS}/9/fs`,
      lowers: [`${SNAPSHOTS}/2/fs`, `${SNAPSHOTS}/1/fs`],
    }));

  test.each(['', 'nonsense', '1 2 3', '- - -', `x 26 0:77 / /a rw - overlay o rw`, '1 2 0:1 / /a rw -'])(
    'are not looked for in a line like %j',
    (line) => expect(parseMounts(line)).toEqual([]),
  );
});

describe('the layer that CRI-O has for a container', () => {
  let folder: ReturnType<typeof temporary>;
  beforeEach(() => {
    folder = temporary();
    mkdirSync(join(folder.path, 'overlay-containers'));
  });
  afterEach(() => folder.remove());
  const write = (name: string, text: string) =>
    writeFileSync(join(folder.path, 'overlay-containers', name), text);

  test('is in one of its two lists', () => {
    write('containers.json', JSON.stringify([{ id: 'other', layer: 'a'.repeat(64), more: {} }]));
    write('volatile-containers.json', JSON.stringify([{ id: ID, layer: 'b'.repeat(64), flags: {} }]));
    expect(crioLayer(folder.path, ID)).toBe('b'.repeat(64));
    expect(crioLayer(folder.path, 'f'.repeat(64))).toBeUndefined();
  });

  test('is unknown where CRI-O does not run', () =>
    expect(crioLayer(join(folder.path, 'nowhere'), ID)).toBeUndefined());

  test('is never a path', () => {
    write('containers.json', JSON.stringify([{ id: ID, layer: '../../etc' }]));
    expect(crioLayer(folder.path, ID)).toBeUndefined();
  });
});
