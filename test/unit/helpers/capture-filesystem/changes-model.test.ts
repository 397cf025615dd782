// Random images and layers upon them: what is reported is what a model says, which merges layers in another way.
import { linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CAN_WHITEOUT,
  changesOf,
  device,
  make,
  short,
  temporary,
  type Content,
  type Special,
} from './trees.ts';

const base = temporary();
const whiteout = join(base.path, 'deleted');
beforeAll(() => {
  if (CAN_WHITEOUT) device(whiteout, 0, 0);
});
afterAll(() => base.remove());

type Node = string | Tree | { link: string } | null;
interface Tree {
  [name: string]: Node;
}

const name = fc.constantFrom('a', 'b', 'c');
const leaf = fc.oneof(
  fc.constantFrom('', 'one', 'two', '#!three'),
  fc.constantFrom('/etc/shadow', '..').map((link) => ({ link })),
  // A whiteout.
  ...(CAN_WHITEOUT ? [fc.constant(null)] : []),
);
const { tree } = fc.letrec<{ tree: Tree; node: Node }>((tie) => ({
  node: fc.oneof({ maxDepth: 3, depthSize: 'small' }, leaf, tie('tree')),
  tree: fc.dictionary(name, tie('node'), { maxKeys: 3, noNullPrototype: true }),
}));

const isTree = (node: Node | undefined): node is Tree =>
  typeof node === 'object' && node !== null && typeof node['link'] !== 'string';

/** Lays one layer upon what is below it. */
function upon(below: Tree, layer: Tree): Tree {
  const merged = new Map(Object.entries(below));
  for (const [key, node] of Object.entries(layer)) {
    const before = merged.get(key);
    if (node === null) merged.delete(key);
    else merged.set(key, isTree(node) ? upon(isTree(before) ? before : {}, node) : node);
  }
  return Object.fromEntries(merged);
}

function expected(layer: Tree, image: Tree, path = ''): string[] {
  return Object.entries(layer).flatMap(([key, node]) => {
    const was = image[key];
    const at = `${path}/${key}`;
    if (node === null) return [`Deleted ${at}`];
    const below = isTree(node) ? expected(node, isTree(was) ? was : {}, at) : [];
    if (was === undefined) return [`Added ${at}`, ...below];
    if (isTree(node) && isTree(was)) return below;
    const same = JSON.stringify(node) === JSON.stringify(was) && !isTree(node);
    return [`${same ? 'Metadata' : 'Modified'} ${at}`, ...below];
  });
}

function makeTree(folder: string, content: Tree): void {
  const plain: Content = {};
  const later: (() => void)[] = [];
  for (const [key, node] of Object.entries(content)) {
    const path = join(folder, key);
    if (node === null) later.push(() => linkSync(whiteout, path));
    else if (isTree(node)) later.push(() => makeTree(path, node));
    else plain[key] = node as string | Special;
  }
  make(folder, plain);
  for (const one of later) one();
}

test(`the changes of a layer${CAN_WHITEOUT ? '' : ', without deletions: they take root'}`, async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.array(tree, { maxLength: 3 }), async (layer, lowers) => {
      const path = join(base.path, 'run');
      try {
        makeTree(join(path, 'upper'), layer);
        lowers.forEach((lower, index) => makeTree(join(path, `${index}`), lower));
        const image = lowers.reduceRight<Tree>(upon, {});
        const { changes, problems } = await changesOf(join(path, 'upper'), {
          lowers: lowers.map((_lower, index) => join(path, `${index}`)),
          view: { has: () => true, mountPoints: new Set(), close: () => {} },
        });
        expect(short(changes)).toEqual(expected(layer, image).toSorted());
        expect(problems).toEqual([]);
      } finally {
        rmSync(path, { recursive: true });
      }
    }),
    { numRuns: 200 },
  );
}, 60_000);
