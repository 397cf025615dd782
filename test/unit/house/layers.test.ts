// Lint holds the import layers: it refuses each import in a forbidden direction, and no other.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const LOW = ['api', 'decide', 'kube', 'observe', 'controller'];
const RESPONSE = [...LOW, 'evidence', 'detect', 'helpers', 'respond', 'incidents'];

/** What each room may import besides itself; everything else is forbidden. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  api: [],
  decide: ['api'],
  lint: ['api', 'decide'],
  explain: ['api', 'decide'],
  report: ['api', 'decide'],
  kube: ['api'],
  embedded: ['api'],
  observe: ['api', 'kube'],
  controller: ['api', 'kube'],
  registry: ['api', 'decide', 'kube', 'observe'],
  evidence: LOW,
  detect: [...LOW, 'evidence'],
  helpers: ['api', 'decide', 'kube', 'observe', 'evidence'],
  respond: [...LOW, 'evidence', 'helpers'],
  incidents: RESPONSE,
  'settings.ts': ['api', 'decide', 'kube', 'observe'],
  roles: [...RESPONSE, 'registry'],
  'operator.ts': [...RESPONSE, 'registry', 'roles'],
  commands: [
    ...RESPONSE,
    'registry',
    'roles',
    'embedded',
    'lint',
    'explain',
    'report',
    'settings.ts',
    'operator.ts',
  ],
  'cli.ts': [
    ...RESPONSE,
    'registry',
    'roles',
    'embedded',
    'lint',
    'explain',
    'report',
    'settings.ts',
    'operator.ts',
    'commands',
  ],
};
const ROOMS = Object.keys(MAY_IMPORT);
const ALL_PAIRS = ROOMS.flatMap((from) => ROOMS.filter((to) => to !== from).map((to) => ({ from, to })));

interface Diagnostic {
  code: string;
  filename: string;
  labels: { span: { line: number } }[];
}

let tree: string;

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'layers-'));
  const config = JSON.parse(await readFile(join(ROOT, '.oxlintrc.json'), 'utf8')) as Record<string, unknown>;
  delete config['options'];
  await writeFile(join(tree, '.oxlintrc.json'), JSON.stringify(config));
});
beforeEach(() => rm(join(tree, 'src'), { recursive: true, force: true }));
afterAll(() => rm(tree, { recursive: true }));

/** Lints files (path below the tree -> text) with the project's configuration; without types, as nothing resolves. */
async function lint(files: Readonly<Record<string, string>>): Promise<Diagnostic[]> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, file)), { recursive: true });
    await writeFile(join(tree, file), text);
  }
  const output = await new Promise<string>((done, fail) => {
    execFile(join(ROOT, 'node_modules/.bin/oxlint'), ['-f', 'json', 'src'], { cwd: tree }, (error, stdout) =>
      stdout.startsWith('{') ? done(stdout) : fail(error ?? new Error(`oxlint printed: ${stdout}`)),
    );
  });
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}

const layerErrors = (found: readonly Diagnostic[]) =>
  found.filter((each) => each.code === 'eslint(no-restricted-imports)');

const isFile = (path: string) => path.endsWith('.ts');
/** A room that is a folder is probed from a subfolder, so that longer relative paths are covered. */
const probeOf = (room: string) => (isFile(room) ? `src/${room}` : `src/${room}/deep/probe.ts`);

/** Import path from one file of the tree to a file of a room. */
function importPath(from: string, to: string): string {
  const target = isFile(to) ? `src/${to}` : `src/${to}/target.ts`;
  const path = relative(dirname(probeOf(from)), target);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Probes with one statement a line: line n of the probe of `from` is about the nth of its targets. */
async function refused(
  pairs: readonly { from: string; to: string }[],
  statement: (path: string, line: number) => string,
): Promise<string[]> {
  const byRoom = Map.groupBy(pairs, (pair) => pair.from);
  const files = [...byRoom].map(([from, targets]) => [
    probeOf(from),
    targets.map(({ to }, line) => statement(importPath(from, to), line)).join('\n'),
  ]);
  const found = layerErrors(await lint(Object.fromEntries(files) as Record<string, string>));
  return [...byRoom].flatMap(([from, targets]) =>
    found
      .filter((each) => each.filename === probeOf(from))
      .map((each) => `${from} -> ${targets[(each.labels[0]?.span.line ?? 0) - 1]?.to}`),
  );
}

const sorted = (names: Iterable<string>) => [...new Set(names)].toSorted();
const forbidden = ALL_PAIRS.filter(({ from, to }) => !MAY_IMPORT[from]?.includes(to));

describe('import layers', () => {
  test('covers every forbidden direction of the matrix', () => {
    expect(forbidden.length).toBeGreaterThan(60);
  });

  test.each([
    ['a value import', (path: string, n: number) => `import { x as x${n} } from '${path}'; void x${n};`],
    [
      'a type import',
      (path: string, n: number) => `import type { X as X${n} } from '${path}'; export type Y${n} = X${n};`,
    ],
    ['a re-export', (path: string, n: number) => `export { x as x${n} } from '${path}';`],
    ['a lazy import', (path: string, n: number) => `export const f${n} = () => import('${path}');`],
  ])('refuses %s in each forbidden direction and in no other', async (_, statement) => {
    const result = await refused(ALL_PAIRS, statement);
    expect(sorted(result)).toEqual(sorted(forbidden.map(({ from, to }) => `${from} -> ${to}`)));
  });

  test('lets embedded import transport, clock and resources of kube, and nothing else of it', async () => {
    const pairs = ['transport', 'clock', 'resources', 'client', 'http-client', 'errors'].map((name) => ({
      from: 'embedded',
      to: `kube/${name}.ts`,
    }));
    expect(await refused(pairs, (path, n) => `export { x as x${n} } from '${path}';`)).toEqual([
      'embedded -> kube/client.ts',
      'embedded -> kube/http-client.ts',
      'embedded -> kube/errors.ts',
    ]);
  });

  test('lets report import the types of the manifest of evidence, and nothing else of it', async () => {
    const manifest = [{ from: 'report', to: 'evidence/manifest.ts' }];
    const types = (path: string, n: number) =>
      `import type { X as X${n} } from '${path}'; export type Y = X${n};`;
    const values = (path: string, n: number) => `export { x as x${n} } from '${path}';`;
    expect(await refused(manifest, types)).toEqual([]);
    expect(await refused(manifest, values)).toEqual(['report -> evidence/manifest.ts']);
    const others = [{ from: 'report', to: 'evidence/verify.ts' }];
    expect(await refused(others, types)).toEqual(['report -> evidence/verify.ts']);
  });

  test.each([
    ['@kubernetes/client-node', ROOMS.filter((room) => room !== 'kube')],
    ['@dot-i/k8s-operator', ROOMS.filter((room) => room !== 'controller')],
  ])('keeps %s in its one room', async (name, rooms) => {
    const probes = ROOMS.map((room) => [probeOf(room), `export { x } from '${name}';`]);
    const found = await lint(Object.fromEntries(probes) as Record<string, string>);
    expect(sorted(layerErrors(found).map((each) => each.filename))).toEqual(sorted(rooms.map(probeOf)));
  });
});

describe('time and randomness', () => {
  const read = ['Date.now()', 'Math.random()'];
  const timers = ['setTimeout(f, 1)', 'globalThis.setInterval(f, 1)'];
  /** Commands are the edge of the program: they may guard it with timers, but get the time from a clock too. */
  const expected = (room: string) => (room === 'commands' ? read.length : read.length + timers.length);

  test('are refused in every room, and allowed in the clock', async () => {
    const calls = [...read, ...timers].map((call, n) => `export const x${n} = ${call};`);
    const text = `declare const f: () => void;\n${calls.join('\n')}`;
    const files = [...ROOMS.map(probeOf), 'src/kube/clock.ts'];
    const found = (await lint(Object.fromEntries(files.map((file) => [file, text])))).filter((each) =>
      ['eslint(no-restricted-globals)', 'eslint(no-restricted-properties)'].includes(each.code),
    );
    const counts = files.map((file) => found.filter((each) => each.filename === file).length);
    expect(counts).toEqual([...ROOMS.map(expected), 0]);
  });
});
