// Where the NATS server of the tests comes from, and what is said when there is none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildFolder } from '../cluster/build-assets.ts';
import { cacheKeyPrefix, CONTROL_PLANE, NATS, natsVersion } from '../cluster/pins.ts';
import { ensureNatsServer } from '../support/assets.ts';
import { createRunFolder } from '../support/run-folder.ts';

const silent = () => expect.unreachable('nothing is built');

const scratch = test.extend('env', ({}, { onCleanup }): NodeJS.ProcessEnv & { XDG_CACHE_HOME: string } => {
  const folder = createRunFolder();
  onCleanup(() => folder.remove());
  // Without Go, and with an empty cache.
  return { PATH: join(folder.path, 'bin'), XDG_CACHE_HOME: join(folder.path, 'cache') };
});

function install(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'nats-server');
  writeFileSync(path, '', { mode: 0o755 });
  return path;
}

describe('the NATS server of the tests', () => {
  scratch('is what a person gives', async ({ env }) => {
    const binary = install(join(env.XDG_CACHE_HOME, 'given'));
    expect(await ensureNatsServer(silent, { ...env, NATS_SERVER_BIN: binary })).toEqual({
      found: true,
      binary,
    });
  });

  scratch('is nothing else if that is not there', async ({ env }) => {
    install(buildFolder(env, 'go1.26.8', NATS));
    const search = await ensureNatsServer(silent, { ...env, NATS_SERVER_BIN: '/nowhere/nats-server' });
    expect(search).toMatchObject({
      found: false,
      reason: expect.stringMatching(
        /^NATS_SERVER_BIN=\/nowhere\/nats-server is not an executable/,
      ) as unknown,
    });
  });

  scratch('is a build of any Go version, if there is no Go', async ({ env }) => {
    const binary = install(buildFolder(env, 'go1.26.8', NATS));
    expect(await ensureNatsServer(silent, env)).toEqual({ found: true, binary });
  });

  scratch('is missing without either, and it is said what to do', async ({ env }) => {
    expect(await ensureNatsServer(silent, env)).toMatchObject({
      found: false,
      reason: expect.stringMatching(/^There is no NATS server.*Install Go.*NATS_SERVER_BIN/) as unknown,
    });
  });

  test('is cached apart from the control plane', () => {
    expect(cacheKeyPrefix(NATS)).toMatch(new RegExp(`^nats-${natsVersion()}-[0-9a-f]{12}-`));
    expect(cacheKeyPrefix(NATS).startsWith(cacheKeyPrefix(CONTROL_PLANE))).toBe(false);
  });
});
