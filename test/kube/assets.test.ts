// The test bed itself: where its binaries come from, and what it says when there are none.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildFolder } from '../cluster/build-assets.ts';
import { cacheKeyPrefix, kubernetesVersion } from '../cluster/pins.ts';
import { ensureAssets, findAssets } from '../support/assets.ts';
import { withFileLock } from '../support/file-lock.ts';

interface Scratch {
  folder: string;
  /** An environment without Go and with an empty cache. */
  env: NodeJS.ProcessEnv;
}

const scratch = {} as Scratch;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'die-operator-assets-'));
  Object.assign(scratch, {
    folder,
    env: { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache') },
  });
});
afterEach(() => rmSync(scratch.folder, { recursive: true }));

function install(folder: string, ...names: string[]): string {
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), '', { mode: 0o755 });
  return folder;
}

describe('without Go', () => {
  test('and without binaries it says how to get them', async () => {
    const search = await findAssets(scratch.env);
    expect(search).toMatchObject({
      found: false,
      reason: expect.stringMatching(/Install Go.*KUBEBUILDER_ASSETS/),
    });
  });

  test('it builds nothing', async () => {
    const said: string[] = [];
    expect(await ensureAssets((line) => said.push(line), scratch.env)).toMatchObject({ found: false });
    expect(said).toEqual([]);
  });

  test('a build of any Go version is taken from the cache', async () => {
    const folder = buildFolder(scratch.env, 'go1.26.8');
    install(folder, 'etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl');
    expect(await findAssets(scratch.env)).toEqual({
      found: true,
      assets: {
        etcd: join(folder, 'etcd'),
        apiServer: join(folder, 'kube-apiserver'),
        controllerManager: join(folder, 'kube-controller-manager'),
        kubectl: join(folder, 'kubectl'),
        pinnedVersion: kubernetesVersion(),
      },
    });
  });

  test('a build of other modules, and an unfinished one, are passed over', async () => {
    for (const name of ['v1.0.0-abc-linux-x64-go1.26.8', '.building-1']) {
      install(join(buildFolder(scratch.env, 'x'), '..', name), 'etcd', 'kube-apiserver');
    }
    expect(await findAssets(scratch.env)).toMatchObject({ found: false });
  });
});

describe('KUBEBUILDER_ASSETS', () => {
  test('is used as it is, without a controller manager if it holds none', async () => {
    const folder = install(join(scratch.folder, 'given'), 'etcd', 'kube-apiserver');
    expect(await findAssets({ ...scratch.env, KUBEBUILDER_ASSETS: folder })).toEqual({
      found: true,
      assets: { etcd: join(folder, 'etcd'), apiServer: join(folder, 'kube-apiserver') },
    });
  });

  test.for([
    ['does not exist', []],
    ['lacks kube-apiserver', ['etcd']],
  ] as const)('is named in the reason when it %s, and nothing else is tried', async ([, names]) => {
    const folder = join(scratch.folder, 'given');
    if (names.length > 0) install(folder, ...names);
    install(buildFolder(scratch.env, 'go1.26.8'), 'etcd', 'kube-apiserver');
    const search = await ensureAssets(() => {}, { ...scratch.env, KUBEBUILDER_ASSETS: folder });
    expect(search).toMatchObject({ found: false, reason: expect.stringContaining(folder) });
  });
});

test('the cache folder is named after version, content, platform and Go version', () => {
  const folder = buildFolder({ XDG_CACHE_HOME: '/cache' }, 'go1.26.8');
  expect(folder).toBe(`/cache/die-operator/assets/${cacheKeyPrefix()}go1.26.8`);
  expect(cacheKeyPrefix()).toMatch(/^v\d+\.\d+\.\d+-[0-9a-f]{12}-/);
});

describe('the file lock', () => {
  test('lets one in at a time, and tells the other once that it waits', async () => {
    const path = join(scratch.folder, 'lock');
    const log: string[] = [];
    const release = Promise.withResolvers<unknown>();
    const entered = Promise.withResolvers<unknown>();
    const first = withFileLock(
      path,
      () => log.push('first waits'),
      async () => {
        log.push('first in');
        entered.resolve(undefined);
        await release.promise;
        log.push('first out');
      },
    );
    await entered.promise;
    const waits = Promise.withResolvers<unknown>();
    const onWait = () => {
      log.push('second waits');
      waits.resolve(undefined);
    };
    const second = withFileLock(path, onWait, async () => void log.push('second in'));
    await waits.promise;
    release.resolve(undefined);
    await Promise.all([first, second]);
    expect(log).toEqual(['first in', 'second waits', 'first out', 'second in']);
  });

  test('is free again after work that failed', async () => {
    const path = join(scratch.folder, 'lock');
    const fail = withFileLock(
      path,
      () => {},
      () => Promise.reject(new Error('no')),
    );
    await expect(fail).rejects.toThrow('no');
    const never = () => expect.unreachable('nobody holds the lock');
    expect(await withFileLock(path, never, async () => 'done')).toBe('done');
  });
});
