// Where the S3 server of the tests comes from, and what is said when there is none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildFolder } from '../cluster/build-assets.ts';
import { cacheKeyPrefix, CONTROL_PLANE, NATS, S3_SERVER, versitygwVersion } from '../cluster/pins.ts';
import { ensureS3Server } from '../support/assets.ts';
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
  const path = join(folder, 'versitygw');
  writeFileSync(path, '', { mode: 0o755 });
  return path;
}

describe('the S3 server of the tests', () => {
  scratch('is what a person gives, or nothing', async ({ env }) => {
    const binary = install(join(env.XDG_CACHE_HOME, 'given'));
    expect(await ensureS3Server(silent, { ...env, VERSITYGW_BIN: binary })).toEqual({ found: true, binary });
    expect(await ensureS3Server(silent, { ...env, VERSITYGW_BIN: '/nowhere' })).toMatchObject({
      found: false,
      reason: expect.stringMatching(/^VERSITYGW_BIN=\/nowhere is not an executable/) as unknown,
    });
  });

  scratch('is a build of any Go version, if there is no Go', async ({ env }) => {
    const binary = install(buildFolder(env, 'go1.26.8', S3_SERVER));
    expect(await ensureS3Server(silent, env)).toEqual({ found: true, binary });
  });

  scratch('is missing without either, and it is said what to do', async ({ env }) => {
    expect(await ensureS3Server(silent, env)).toMatchObject({
      found: false,
      reason: expect.stringMatching(/^There is no S3 server.*Install Go.*VERSITYGW_BIN/) as unknown,
    });
  });

  test('is cached apart from the others', () => {
    expect(cacheKeyPrefix(S3_SERVER)).toMatch(new RegExp(`^versitygw-${versitygwVersion()}-[0-9a-f]{12}-`));
    for (const other of [CONTROL_PLANE, NATS])
      expect(cacheKeyPrefix(S3_SERVER).startsWith(cacheKeyPrefix(other))).toBe(false);
  });
});
