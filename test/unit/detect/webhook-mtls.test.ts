// Client certificates over real sockets: who is let in by one, and for how long.
import { Agent } from 'node:https';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TlsFiles } from '../../../src/detect/tls-files.ts';
import { Authority, type KeyPair } from '../kube/support/certificates.ts';
import { TOKEN } from './support.ts';
import { CertificateFolder, oneConnection, SAN, SecureBench, send, type Seen } from './tls-support.ts';

let authority: Authority;
let clients: Authority;
let middle: Authority;
let stranger: Authority;
let ca: string;
let clientCa: string;
let first: KeyPair;
const pairs: Record<string, KeyPair> = {};

beforeAll(async () => {
  [authority, clients, stranger] = await Promise.all([
    Authority.create('servers'),
    Authority.create('clients'),
    Authority.create('stranger'),
  ]);
  middle = await clients.intermediate('middle');
  [ca, clientCa] = await Promise.all([authority.ca(), clients.ca()]);
  first = await authority.issue('first', SAN);
  const usage = 'clientAuth';
  const chained = await middle.issue('falco', undefined, { usage });
  Object.assign(pairs, {
    good: await clients.issue('falco', undefined, { usage }),
    'without a purpose': await clients.issue('falco'),
    chained: { ...chained, cert: chained.cert + (await middle.ca()) },
    unchained: chained,
    expired: await clients.issue('falco', undefined, { usage, days: -1 }),
    'of a stranger': await stranger.issue('falco', undefined, { usage }),
    'of a server': await clients.issue('falco', SAN, { usage: 'serverAuth' }),
  });
});
afterAll(() => Promise.all([authority, clients, middle, stranger].map((one) => one.remove())));

let folder: CertificateFolder;
let secure: SecureBench;
let agent: Agent;
beforeEach(() => {
  folder = new CertificateFolder();
  folder.write({ ...first, clientCa });
  agent = oneConnection();
});
afterEach(async () => {
  agent.destroy();
  await secure.close();
  folder.remove();
});

/** Listens with a client CA; there is no token unless one is given. */
function open(files: TlsFiles = folder.files, tokens: readonly string[] = []): Promise<number> {
  secure = new SecureBench(files, { tokens: () => tokens });
  return secure.listen();
}

describe('a client certificate', () => {
  it.each(['good', 'without a purpose', 'chained'])('that is %s is as good as a token', async (name) => {
    const port = await open();
    expect(await send(port, { ca, ...pairs[name] })).toMatchObject({
      status: 202,
      body: { outcome: 'Opened' },
    });
  });

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['of a stranger', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['unchained', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['of a server', 'INVALID_PURPOSE'],
  ])('that is %s is answered with 401 and why (%s)', async (name, reason) => {
    const port = await open();
    const { status, body } = await send(port, { ca, ...pairs[name] });
    expect(status).toBe(401);
    expect(body.error?.message).toContain(reason);
    expect(secure.bench.intake.detections).toEqual([]);
    expect(secure.bench.counted).toEqual([401]);
  });

  it('is asked for when neither it nor a token is there', async () => {
    const port = await open();
    const { status, body } = await send(port, { ca });
    expect(status).toBe(401);
    expect(body.error?.message).toBe(
      'needs `Bearer` and a valid token, or a client certificate on the connection',
    );
  });

  it.each([
    ['a good token and none', TOKEN, undefined, 202],
    ['a good token and a bad one', TOKEN, 'expired', 202],
    ['a bad token and a good one', 'another-token-of-enough-length', 'good', 202],
    ['a bad token and a bad one', 'another-token-of-enough-length', 'of a stranger', 401],
  ])('or a token is enough: %s', async (_what, token, name, status) => {
    const port = await open(folder.files, [TOKEN]);
    expect(await send(port, { ca, token, ...(name && pairs[name]) })).toMatchObject({ status });
  });

  it('is worth nothing where no client CA is set', async () => {
    const { cert, key } = folder.files;
    const port = await open({ cert, key });
    expect(await send(port, { ca, ...pairs.good })).toMatchObject({ status: 401 });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is verified anew with each connection: no session is resumed (%s)',
    async (version) => {
      const port = await open();
      const terms = { ca, ...pairs.good, minVersion: version, maxVersion: version };
      // Keeps sessions and offers them again, and no connections.
      const forgetful = new Agent({ keepAlive: false });
      for (let n = 0; n < 3; n++) {
        expect(await send(port, { ...terms, agent: forgetful })).toMatchObject({
          status: 202,
          resumed: false,
        });
      }
    },
  );
});

describe('a connection with a client certificate', () => {
  const again = (port: number): Promise<Seen> => send(port, { ca, ...pairs.good, agent });

  it('outlives a CA that is added', async () => {
    const port = await open();
    const before = await again(port);
    folder.write({ clientCa: (await stranger.ca()) + clientCa });
    await secure.clock.advance(5_000);
    expect(await again(port)).toMatchObject({ status: 202, connection: before.connection });
    expect(await send(port, { ca, ...pairs['of a stranger'] })).toMatchObject({ status: 202 });
  });

  it('is worth nothing once its CA is removed', async () => {
    const port = await open();
    const before = await again(port);
    expect(before.status).toBe(202);
    folder.write({ clientCa: await stranger.ca() });
    await secure.clock.advance(5_000);
    const after = await again(port);
    expect(after).toMatchObject({ status: 401, connection: before.connection });
    expect(after.body.error?.message).toContain('its issuer is not trusted any more');
    expect(await send(port, { ca, ...pairs.good })).toMatchObject({ status: 401 });
  });

  it('stays good with intermediate certificates', async () => {
    const port = await open();
    for (let n = 0; n < 2; n++) {
      expect(await send(port, { ca, ...pairs.chained, agent })).toMatchObject({ status: 202 });
    }
  });

  it('is worth nothing once the certificate has expired', async () => {
    const port = await open();
    const before = await again(port);
    await secure.clock.advance(49 * 3_600_000);
    const after = await again(port);
    expect(after).toMatchObject({ status: 401, connection: before.connection });
    expect(after.body.error?.message).toContain('CERT_HAS_EXPIRED');
  });
});
