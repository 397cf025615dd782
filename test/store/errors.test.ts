// What goes wrong with a bucket is named, in time, and in words that say what to do.
import { createServer } from 'node:http';
import { createServer as createSilentServer, type AddressInfo, type Server } from 'node:net';
import { describe, expect } from 'vitest';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { keysIn } from '../support/s3-bundles.ts';
import { testHandler } from '../support/s3-handler.ts';
import { freePorts } from '../support/ports.ts';
import { BUCKET, storeOptions } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';
import type { S3StoreOptions } from '../../src/evidence/s3-store.ts';

/** Listens on a free port; what is open ends with the test. */
const errorTest = s3Test.extend('listen', ({}, { onCleanup }) => {
  return async (server: Server): Promise<string> => {
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    onCleanup(() => void server.close());
    server.unref();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
});

/** A server that gives every request the same answer. */
function answering(status: number, code: string): Server {
  return createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' });
      response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
    });
  });
}

const at = (endpoint: string): Partial<S3StoreOptions> => ({
  connection: { ...storeOptions({ endpoint }).connection },
});

describe('a store', () => {
  s3Test('without its bucket says which one is missing', async ({ store }) => {
    const elsewhere = store({ location: { bucket: 'nowhere', prefix: '' } });
    const missing = {
      reason: 'Missing',
      message: expect.stringMatching(/s3:\/\/nowhere\/.*no such bucket/) as string,
    };
    await expect(elsewhere.open(SUBJECT)).rejects.toMatchObject(missing);
    expect(await elsewhere.readiness()).toMatch(/s3:\/\/nowhere\/.*no such bucket.*--evidence-store/);
  });

  s3Test('is not ready without the lock that is asked for, and is without one', async ({ s3, store }) => {
    await s3.makeBucket('unlocked', { lock: false });
    const location = { bucket: 'unlocked', prefix: '' };
    expect(await store({ location }).readiness()).toMatch(
      /object lock is not enabled.*--evidence-s3-lock-mode/,
    );
    const bundle = store({ location }).open(SUBJECT);
    await expect(bundle).rejects.toMatchObject({ reason: 'Missing' });
    expect(await store({ location, lock: undefined }).readiness()).toBeUndefined();
  });

  s3Test('says that its keys are wrong', async ({ s3, store }) => {
    for (const credentials of [
      { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
      { accessKeyId: 'testroot', secretAccessKey: 'wrong' },
    ]) {
      const { connection } = storeOptions(s3);
      const denied = store({ connection: { ...connection, credentials } });
      await expect(denied.open(SUBJECT)).rejects.toMatchObject({
        reason: 'Denied',
        message: expect.stringContaining('does not take the credentials') as string,
      });
    }
  });

  s3Test('says that it may not write before it has to', async ({ s3, store }) => {
    const credentials = await s3.addUser('reader');
    const denied = store({ connection: { ...storeOptions(s3).connection, credentials } });
    expect(await denied.readiness()).toMatch(/do not allow this.*docs\/stores\.md/);
    await expect(denied.open(SUBJECT)).rejects.toMatchObject({ reason: 'Denied' });
  });

  s3Test('leaves nothing behind when it says that it is ready', async ({ s3, store }) => {
    expect(await store().readiness()).toBeUndefined();
    expect(await keysIn(s3)).toEqual([]);
    expect((await s3.client.listMultipartUploads({ Bucket: BUCKET })).Uploads ?? []).toEqual([]);
  });

  s3Test('that nobody answers says so', async ({ store }) => {
    const [port = 0] = await freePorts(1);
    const { connection } = at(`http://127.0.0.1:${port}`);
    const gone = store({ ...(connection && { connection }) });
    await expect(gone.open(SUBJECT)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringMatching(/ECONNREFUSED.*--evidence-s3-endpoint/) as string,
    });
  });

  errorTest('whose server falls silent gives up in time', async ({ store, listen }) => {
    const endpoint = await listen(createSilentServer((socket) => void socket.on('error', () => {})));
    const before = performance.now();
    const silent = store({ ...at(endpoint), timeouts: { callMs: 600, partMs: 600 } });
    await expect(silent.open(SUBJECT)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining('no answer within') as string,
    });
    expect(performance.now() - before).toBeLessThan(5000);
  });

  s3Test('whose server falls silent in a capture gives up in time, for good', async ({ s3, store }) => {
    // Three requests begin a capture; from the fourth on nobody answers.
    const { handler } = testHandler({ diesAt: 4 });
    const connection = { ...storeOptions(s3).connection, requestHandler: handler };
    const timeouts = { callMs: 1000, partMs: 1000 };
    const bundle = await store({ timeouts, connection }).open(SUBJECT);
    await expect(bundle.add(fileOf('a.txt'))).rejects.toMatchObject({ reason: 'Unreachable' });
    await expect(bundle.finish()).rejects.toMatchObject({ reason: 'Unreachable' });
  });

  errorTest.for([
    [503, 'SlowDown', 'Busy', 'too much to do'],
    [429, 'TooManyRequests', 'Busy', 'too much to do'],
    [403, 'QuotaExceeded', 'NoSpace', 'full'],
    [507, 'InsufficientStorage', 'NoSpace', 'full'],
    [507, 'XMinioStorageFull', 'NoSpace', 'full'],
    [403, 'RequestTimeTooSkewed', 'Denied', 'clock'],
    [403, 'ExpiredToken', 'Denied', 'expired'],
    [301, 'PermanentRedirect', 'Missing', 'another region'],
    [400, 'AuthorizationHeaderMalformed', 'Missing', '--evidence-s3-region'],
    [400, 'SomethingNew', 'Failed', 'SomethingNew'],
    [500, 'InternalError', 'Failed', 'InternalError'],
  ] as const)('that is answered %i %s says %s', async ([status, code, reason, words], { store, listen }) => {
    const endpoint = await listen(answering(status, code));
    await expect(store(at(endpoint)).open(SUBJECT)).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(words) as string,
    });
  });

  s3Test('without credentials says where they come from', async ({ s3, store }) => {
    const error = Object.assign(new Error('Could not load credentials from any providers'), {
      name: 'CredentialsProviderError',
    });
    const { connection } = storeOptions(s3);
    const without = store({ connection: { ...connection, credentials: () => Promise.reject(error) } });
    await expect(without.open(SUBJECT)).rejects.toMatchObject({
      reason: 'Denied',
      message: expect.stringContaining('AWS_ACCESS_KEY_ID') as string,
    });
  });
});
