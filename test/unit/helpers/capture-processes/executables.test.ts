// The files that processes run: hashed and kept through the opening that was made while they ran.
import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { byteBudget, type NodeContext } from '../../../../src/helpers/programs/capture/collector.ts';
import { processesCollector } from '../../../../src/helpers/programs/capture/processes.ts';
import { contextOf, fakeProc, keepingSink, order, sha256, type FakeProc } from './fake-proc.ts';

let fake: FakeProc;
beforeEach(() => {
  fake = fakeProc();
});
afterEach(() => fake.remove());

async function collect(change: Partial<NodeContext> = {}, kept = keepingSink()) {
  await processesCollector().collect(contextOf(fake, change), kept.sink);
  const paths = [...kept.files.keys()].filter((path) => path.startsWith('node/executables/'));
  return { ...kept, paths, executables: kept.processes().map(({ executable }) => executable) };
}

const runs = (pid: number, path: string, content: string | Buffer) =>
  fake.runs({ pid, ticks: pid, exe: { path, content } });
const pathOf = (content: string) => `node/executables/${sha256(content)}`;
const ALL = { order: order({ contents: true }) };
const LARGE = Buffer.alloc(900_000, 'die');

describe('the content of an executable', () => {
  test.each([
    ['a file', 'x', { deleted: false, memfd: false }, false],
    ['a deleted file', 'x (deleted)', { deleted: true, memfd: false }, true],
  ])('is kept of %s only where that is asked for or it is gone soon', async (_what, path, is, isKept) => {
    runs(40, path, 'ELF');
    const { executables, paths, files } = await collect();
    expect(executables).toMatchObject([{ path: fake.file('x'), ...is, sha256: sha256('ELF'), size: 3 }]);
    expect(executables[0]?.kept).toBe(isKept ? pathOf('ELF') : undefined);
    expect(paths).toEqual(isKept ? [pathOf('ELF')] : []);
    expect(files.get(pathOf('ELF'))?.toString()).toBe(isKept ? 'ELF' : undefined);
    expect((await collect(ALL)).paths).toEqual([pathOf('ELF')]);
  });

  test('is kept whole, also in several reads', async () => {
    runs(40, 'x (deleted)', LARGE);
    const { paths, files } = await collect();
    expect(paths).toHaveLength(1);
    expect(files.get(paths[0] ?? '')?.equals(LARGE)).toBe(true);
  });

  test('is kept once for all processes and files that have it', async () => {
    runs(40, 'x', 'ELF');
    runs(41, 'x', 'ELF');
    runs(42, 'copy', 'ELF');
    const budget = byteBudget(3);
    const { executables, paths, problems } = await collect({ ...ALL, budget });
    expect(executables.map(({ kept }) => kept)).toEqual(Array(3).fill(pathOf('ELF')));
    expect(paths).toEqual([pathOf('ELF')]);
    expect(problems).toEqual([]);
    expect(budget.left()).toBe(0);
  });

  test('is that which ran, also when the file is removed and made anew', async () => {
    runs(40, 'x', 'ELF');
    const kept = keepingSink(({ path }) => {
      if (path !== 'node/sockets.json') return;
      rmSync(fake.file('x'));
      writeFileSync(fake.file('x'), 'new');
    });
    const { executables, files } = await collect(ALL, kept);
    expect(executables[0]?.sha256).toBe(sha256('ELF'));
    expect(files.get(pathOf('ELF'))?.toString()).toBe('ELF');
  });

  test.each<[what: string, content: string, problem: RegExp]>([
    ['written over', 'XYZ', /is not what its name says/],
    ['cut', '', /is not whole: it ended after 0 of 3 bytes/],
  ])('is not said to be it when the file was %s meanwhile', async (_what, content, problem) => {
    runs(40, 'x', 'ELF');
    const kept = keepingSink(({ path }) => {
      if (path === 'node/processes.json') writeFileSync(fake.file('x'), content);
    });
    expect((await collect(ALL, kept)).problems).toEqual([expect.stringMatching(problem)]);
  });
});

describe('limits', () => {
  test('of a file: it is not hashed, which is said', async () => {
    runs(40, 'x (deleted)', 'ELF!');
    const { executables, paths, problems } = await collect({ order: order({}, { maxFileBytes: 3 }) });
    const problem = 'not hashed: it has 4 bytes, the limit is 3';
    expect(executables).toMatchObject([{ size: 4, problem }]);
    expect(executables[0]).not.toHaveProperty('sha256');
    expect(paths).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test('of all contents: those without a name go first, the others are hashed only', async () => {
    runs(40, 'x', 'ELF');
    runs(41, 'y (deleted)', 'GONE');
    const { executables, paths, problems } = await collect({ ...ALL, budget: byteBudget(5) });
    expect(paths).toEqual([pathOf('GONE')]);
    expect(executables[0]).toMatchObject({
      sha256: sha256('ELF'),
      problem: 'not kept: of the bytes of contents that may be kept 1 are left',
    });
    expect(problems).toEqual([expect.stringMatching(/^1 executables were not hashed or not kept/)]);
  });
});
