// `npm ci` refuses a lockfile with holes, and an install that went well once does not show them.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');

interface Package {
  version?: string;
  integrity?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const readJson = async <T>(file: string) => JSON.parse(await readFile(join(ROOT, file), 'utf8')) as T;
const manifest = await readJson<Package>('package.json');
const { packages } = await readJson<{ packages: Record<string, Package> }>('package-lock.json');

test('has an entry for every package of every platform, so that `npm ci` works on each', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

test('pins every package by its content', () => {
  const loose = Object.entries(packages).filter(([path, { integrity }]) => path !== '' && !integrity);
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('goes with package.json, which names exact versions', () => {
  const root = packages[''];
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    expect(root?.[kind]).toEqual(manifest[kind]);
    const ranges = Object.values(manifest[kind] ?? {}).filter((version) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(ranges).toEqual([]);
  }
});

test('has one client of Kubernetes, the one that package.json names', () => {
  const versions = Object.entries(packages)
    .filter(([path]) => path.endsWith('node_modules/@kubernetes/client-node'))
    .map(([, { version }]) => version);
  expect(versions).toEqual([manifest.dependencies?.['@kubernetes/client-node']]);
});
