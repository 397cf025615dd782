// How the collector shares out bytes and entries, and what it does with files that go meanwhile.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Seen } from '../../../../src/helpers/programs/capture/changes.ts';
import type { Tree } from '../../../../src/helpers/programs/capture/changes-read.ts';
import { byteBudget, type NodeContext } from '../../../../src/helpers/programs/capture/collector.ts';
import { createKeeper } from '../../../../src/helpers/programs/capture/filesystem-keep.ts';
import { brief, EMPTY_DIRS, SIDECAR, testNode, type TestNode, unpack, WEB } from './node.ts';
import { make, run } from './trees.ts';

let node: TestNode;
beforeEach(() => (node = testNode()));
afterEach(() => node.remove());

describe('limits', () => {
  test('of bytes leave half to programs, however much data there is', async () => {
    const data = Object.fromEntries(Array.from({ length: 20 }, (_none, n) => [`a${n}`, 'x'.repeat(9_000)]));
    node.container(WEB, { ...data, program: `#!/bin/sh${'#'.repeat(30_000)}` }, {});
    const { changes, problems } = await node.collect({ limits: { maxBytes: 100_000 } });
    const kept = changes.filter((change) => change.kept !== undefined);
    expect(kept.map(({ path }) => path)).toContain('/program');
    expect(kept).toHaveLength(6);
    expect(
      changes.filter(({ problem }) => problem?.includes('bytes of this capture are used up')),
    ).toHaveLength(15);
    expect(problems).toContain('filesystem: contents of 15 changed files are not kept: no bytes were left');
  });

  test('of entries leave something to each container and volume', async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_none, n) => [`f${n}`, '']));
    node.container(WEB, many, {});
    node.container(SIDECAR, { one: '' }, {});
    make(node.on(EMPTY_DIRS), { cache: many });
    const containers = [
      { name: 'web', id: WEB, ended: false },
      { name: 'sidecar', id: SIDECAR, ended: false },
    ];
    const { changes, problems } = await node.collect({ containers, limits: { maxEntries: 30 } });
    const count = (name: string) => changes.filter((change) => change.container === name).length;
    expect([count('web'), count('sidecar'), count('')]).toEqual([10, 1, 19]);
    expect(problems.filter((line) => line.includes('limit of'))).toHaveLength(2);
  });

  test('of the list of changes leave its share to each container, and what one leaves to the next', async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_none, n) => [`f${n}`, '']));
    node.container(SIDECAR, { one: '' }, {});
    node.container(WEB, many, {});
    make(node.on(EMPTY_DIRS), { cache: many, other: many });
    const sidecar = { name: 'sidecar', id: SIDECAR, ended: false };
    const web = { name: 'web', id: WEB, ended: false };
    const maxListing = 30_000;
    const bytesOf = async (containers: (typeof web)[]) => {
      const { changes, problems, files } = await node.collect({ containers, maxListing });
      const lines = files.get('node/filesystem.ndjson')?.toString().split('\n') ?? [];
      const of = (name: string) =>
        lines.filter((_line, index) => changes[index]?.container === name).join('\n').length;
      const cut = problems.filter((line) => line.includes('the list ends before its end'));
      return { sidecar: of('sidecar'), web: of('web'), volumes: of(''), cut };
    };
    const last = await bytesOf([web, sidecar]);
    // Not a line more would have had room.
    expect(last.web).toBeGreaterThan(9_000);
    expect(last.web).toBeLessThanOrEqual(10_000);
    expect(last.sidecar).toBeGreaterThan(0);
    expect(last.volumes).toBeGreaterThan(18_000);
    expect(last.cut).toEqual([
      expect.stringMatching(
        /^filesystem: container web: .* of node\/filesystem\.ndjson 10000 bytes were left/,
      ),
      expect.stringMatching(/^filesystem: emptyDir \S+: /),
      expect.stringMatching(/^filesystem: emptyDir \S+: /),
    ]);
    const first = await bytesOf([sidecar, web]);
    expect(first.sidecar).toBe(last.sidecar);
    expect(first.web).toBeGreaterThan(13_000);
  });

  test('of contents hold for the memory that their paths take, too', () => {
    const context = { order: { contents: true }, budget: byteBudget(Number.MAX_SAFE_INTEGER) };
    const keeper = createKeeper(context as unknown as NodeContext, () => 'changed-web');
    const file = { stats: { size: 1n, dev: 1n, ino: 1n }, sha256: 'x' } as Seen;
    for (let number = 0; number < 10_000; number += 1)
      keeper.keep({} as Tree, `/${'d'.repeat(3_990)}/${number}`, file, number % 2 === 0);
    const paths = keeper.files('changed-web').reduce((sum, { path }) => sum + path.length, 0);
    expect(paths).toBeGreaterThan(30_000_000);
    expect(paths).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(keeper.problems()).toEqual([
      expect.stringMatching(/^contents of 1\d{3} changed files are not kept/),
    ]);
  });

  test('of a file leave it without hash and content', async () => {
    node.container(WEB, { big: 'x'.repeat(2_000), small: 'x' }, {});
    const { changes } = await node.collect({ limits: { maxFileBytes: 1_000 } });
    expect(brief(changes)).toEqual(['web Added /big -', 'web Added /small files/1']);
    expect(changes[0]?.problem).toMatch(/more than 1000 bytes/);
  });
});

test('a file that goes between its line and its content is told', async () => {
  node.container(WEB, { a: 'x', b: 'y' }, {});
  const budget = byteBudget(1_000_000);
  const take = (bytes: number) => {
    // Decided for `b`: `a` was listed.
    if (budget.left() < 1_000_000) run('rm', '-f', node.on('layers/aaaa-0/fs/a'));
    return budget.take(bytes);
  };
  const { files, problems } = await node.collect({ context: { budget: { ...budget, take } } });
  expect(await unpack(files.get('node/changed-web.tar'))).toEqual({ 'files/2': 'y' });
  expect(problems).toContainEqual(
    expect.stringMatching(
      /changed-web.tar: 1 files are not as they were listed: files\/1 \("\/a"\) is not in the tar: ENOENT/,
    ),
  );
});

test('a program that is too large to be read is one by its first bytes', async () => {
  node.container(WEB, { x: `\x7fELF${'x'.repeat(2_000)}` }, {});
  const { changes } = await node.collect({ limits: { maxFileBytes: 1_000 } });
  expect(changes[0]).toMatchObject({ mode: 0o644, content: 'Elf', executable: true });
});
