// A real S3 server (versitygw) for a test: with versions and object lock, users and bucket policies.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { S3 } from '@aws-sdk/client-s3';
import { freePorts } from './ports.ts';
import { startDaemon, type Daemon } from './processes.ts';
import type { RunFolder } from './run-folder.ts';

/** Keys of a user. */
export interface S3User {
  accessKeyId: string;
  secretAccessKey: string;
}

/** See the file's first line. */
export interface TestS3 {
  readonly endpoint: string;
  readonly port: number;
  /** Where the server keeps what buckets hold, a file an object: for tests that change it behind its back. */
  readonly dataFolder: string;
  /** As root. */
  readonly client: S3;
  /** Makes a bucket; with object lock and versions unless told otherwise. */
  makeBucket(name: string, options?: { lock?: boolean }): Promise<void>;
  /** Adds a user who may do only what a bucket's policy allows. */
  addUser(name: string): Promise<S3User>;
  clientOf(user: S3User): S3;
}

/** The user who may do everything. */
export const ROOT: S3User = { accessKeyId: 'testroot', secretAccessKey: 'testroot-secret' };
/** The region of the server. */
export const REGION = 'eu-test-1';

const READY_MS = 20_000;
const POLL_MS = 20;

/** Starts a server on a port of its own, whose data lie in the folder. */
export async function startS3(binary: string, folder: RunFolder): Promise<TestS3> {
  const [port = 0] = await freePorts(1);
  // Neither may begin with the other's name.
  const [data, versions, users] = ['objects', 'versions', 'users'].map((name) =>
    join(folder.path, `s3-${name}`),
  );
  for (const path of [data, versions, users]) mkdirSync(path ?? '');
  const root = ['--access', ROOT.accessKeyId, '--secret', ROOT.secretAccessKey];
  const server = ['--port', `127.0.0.1:${port}`, '--region', REGION, '--quiet', '--iam-dir', `${users}`];
  const backend = ['posix', '--versioning-dir', `${versions}`, `${data}`];
  const daemon = await startDaemon('versitygw', binary, [...root, ...server, ...backend], folder.path);
  folder.adopt(daemon.id);
  await ready(port, daemon);

  const endpoint = `http://127.0.0.1:${port}`;
  const clientOf = (credentials: S3User) =>
    new S3({ endpoint, region: REGION, forcePathStyle: true, credentials });
  const client = clientOf(ROOT);
  return {
    endpoint,
    port,
    dataFolder: `${data}`,
    client,
    clientOf,
    makeBucket: async (Bucket, { lock = true } = {}) => {
      await client.createBucket({ Bucket, ObjectLockEnabledForBucket: lock });
    },
    addUser: async (name) => {
      const user = { accessKeyId: name, secretAccessKey: `${name}-secret` };
      const keys = ['--access', user.accessKeyId, '--secret', user.secretAccessKey, '--role', 'user'];
      await promisify(execFile)(binary, [
        'admin',
        ...root,
        '-er',
        endpoint,
        '--region',
        REGION,
        'create-user',
        ...keys,
      ]);
      return user;
    },
  };
}

async function ready(port: number, daemon: Daemon): Promise<void> {
  const end = performance.now() + READY_MS;
  while (!(await accepts(port))) {
    const ended = daemon.ended();
    if (ended !== undefined) throw new Error(`versitygw ${ended}:\n${daemon.logTail()}`);
    if (performance.now() > end) throw new Error(`versitygw is not ready:\n${daemon.logTail()}`);
    await sleep(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1');
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
