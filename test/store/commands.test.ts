// The commands for evidence on a bucket, as a person runs them.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, vi } from 'vitest';
import type { DoctorContext } from '../../src/commands/doctor/check.ts';
import { EVIDENCE } from '../../src/commands/doctor/cluster.ts';
import { INCIDENT } from '../unit/evidence/fakes.ts';
import { freePorts } from '../support/ports.ts';
import { capture } from '../support/s3-bundles.ts';
import { BUCKET, PREFIX } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';
import { REGION, ROOT } from '../support/s3.ts';

const CLI = resolve(import.meta.dirname, '../../bin/die-operator.js');

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

async function evidence(...args: string[]): Promise<Ran> {
  const keys = { AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey };
  const env = { ...process.env, ...keys };
  const run = promisify(execFile)(process.execPath, [CLI, 'evidence', ...args], { env });
  return run.then(
    (streams) => ({ code: 0, ...streams }),
    (error: unknown) => error as Ran,
  );
}

describe('die-operator evidence', () => {
  s3Test('lists, copies and checks what lies in a bucket', async ({ s3, store, folder }) => {
    const { manifestSha256 } = await capture(store());
    const where = [
      '--store',
      `s3://${BUCKET}/${PREFIX}`,
      '--s3-endpoint',
      s3.endpoint,
      '--s3-region',
      REGION,
    ];
    const list = await evidence('list', ...where);
    expect(list.stdout).toContain(`shop/${INCIDENT.name}-${INCIDENT.uid}`);
    const to = join(folder.path, 'copy');
    const get = await evidence('get', `shop/${INCIDENT.name}`, ...where, '--to', to);
    expect(get).toMatchObject({ code: 0, stdout: expect.stringContaining('2 files') as string });
    const verify = await evidence('verify', to, '--sha256', manifestSha256);
    expect(verify).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('whole and unchanged') as string,
    });
  });

  s3Test('says why it cannot, and ends', async ({ s3 }) => {
    const missing = await evidence(
      'list',
      '--store',
      's3://nowhere',
      '--s3-endpoint',
      s3.endpoint,
      '--s3-region',
      REGION,
    );
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no such bucket') as string });
    const [port = 0] = await freePorts(1);
    const silent = await evidence(
      'list',
      '--store',
      's3://evidence',
      '--s3-endpoint',
      `http://127.0.0.1:${port}`,
    );
    expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining('ECONNREFUSED') as string });
  });
});

describe('die-operator doctor', () => {
  s3Test('says whether a bucket takes evidence, and what is wrong with one that does not', async ({ s3 }) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', ROOT.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', ROOT.secretAccessKey);
    const look = (evidenceStore: string) => {
      const bucket = { evidenceStore, evidenceS3Endpoint: s3.endpoint, evidenceS3Region: REGION };
      return EVIDENCE.look({ bucket } as unknown as DoctorContext);
    };
    try {
      const store = `s3://${BUCKET}/${PREFIX}`;
      expect(await look(store)).toEqual([
        expect.objectContaining({ state: 'ok', message: `${store} takes evidence` }),
      ]);
      expect(await look('s3://nowhere')).toEqual([
        expect.objectContaining({ state: 'wrong', message: expect.stringContaining('nowhere') as string }),
      ]);
      expect(await look('gs://nowhere')).toEqual([expect.objectContaining({ state: 'wrong' })]);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
