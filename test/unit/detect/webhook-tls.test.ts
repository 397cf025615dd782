// TLS over real sockets: what is served, and what a renewal does to connections.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileTokens } from '../../../src/detect/tokens.ts';
import { Authority, type KeyPair } from '../kube/support/certificates.ts';
import { TOKEN } from './support.ts';
import { CertificateFolder, oneConnection, SAN, SecureBench, send } from './tls-support.ts';

let authority: Authority;
let stranger: Authority;
let ca: string;
let first: KeyPair;
let second: KeyPair;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([Authority.create('servers'), Authority.create('stranger')]);
  ca = await authority.ca();
  [first, second] = await Promise.all([authority.issue('first', SAN), authority.issue('second', SAN)]);
});
afterAll(() => Promise.all([authority.remove(), stranger.remove()]));

let folder: CertificateFolder;
let secure: SecureBench;
let agent: Agent;
let sockets: { destroy(): unknown }[];
beforeEach(() => {
  folder = new CertificateFolder();
  folder.write(first);
  agent = oneConnection();
  sockets = [];
});
afterEach(async () => {
  agent.destroy();
  for (const socket of sockets) socket.destroy();
  await secure.close();
  folder.remove();
});

function open(options: ConstructorParameters<typeof SecureBench>[1] = {}, host?: string): Promise<number> {
  const { cert, key } = folder.files;
  secure = new SecureBench({ cert, key }, options);
  return secure.listen(host);
}

async function handshake(port: number, options: object): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ...options });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

describe('TLS', () => {
  it('carries an alert with a token', async () => {
    const port = await open();
    expect(await send(port, { ca, token: TOKEN })).toMatchObject({
      status: 202,
      body: { outcome: 'Opened' },
      server: 'first',
    });
    expect(secure.bench.intake.detections).toHaveLength(1);
  });

  it.each([undefined, 'another-token-of-enough-length'])('does not replace a token (%s)', async (token) => {
    const port = await open();
    const { status, body } = await send(port, { ca, token });
    expect(status).toBe(401);
    expect(body.error).toEqual({ path: 'Authorization', message: 'needs `Bearer` and a valid token' });
    expect(secure.bench.intake.detections).toEqual([]);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is spoken in %s', async (version) => {
    const port = await open();
    const seen = await send(port, { ca, token: TOKEN, minVersion: version, maxVersion: version });
    expect(seen).toMatchObject({ status: 202, protocol: version });
  });

  it('is not spoken in TLS 1.1, before and after a renewal', async () => {
    const port = await open();
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(handshake(port, old)).rejects.toThrow(/version/);
    folder.write(second);
    await secure.clock.advance(5_000);
    await expect(handshake(port, old)).rejects.toThrow(/version/);
    expect(await send(port, { ca, token: TOKEN })).toMatchObject({ status: 202, server: 'second' });
  });

  it('listens on every address without being told that this is insecure', async () => {
    const port = await open({}, '0.0.0.0');
    expect(await send(port, { ca, token: TOKEN })).toMatchObject({ status: 202 });
  });

  // Node says nothing to a server it does not trust; OpenSSL and Go do, and these are what senders are made with.
  it('is what a sender that trusts another CA does not get through, which is logged', async () => {
    const port = await open();
    const check = ['-CAfile', stranger.caFile, '-verify_return_error'];
    const sender = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...check], {
      stdio: 'ignore',
    });
    expect(await once(sender, 'exit')).toEqual([1, null]);
    await expect.poll(() => secure.log.lines).toHaveLength(1);
    expect(secure.log.lines).toMatchObject([
      {
        level: 'warn',
        fields: { remote: '127.0.0.1', code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' },
        message: expect.stringContaining('could not agree with the intake on TLS'),
      },
    ]);
  });

  it('answers nothing to a sender that speaks plain HTTP', async () => {
    const port = await open();
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    socket.write(`POST /v1/falco HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    socket.resume();
    await once(socket, 'close');
    expect(secure.bench.counted).toEqual([]);
    expect(secure.log.lines).toMatchObject([{ level: 'warn', fields: { code: 'ERR_SSL_HTTP_REQUEST' } }]);
  });

  it('cuts off a sender that does not finish the handshake', async () => {
    const port = await open({ requestTimeoutMs: 100 });
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    socket.resume();
    await once(socket, 'close');
    expect(secure.bench.counted).toEqual([]);
  });
});

describe('a renewed certificate', () => {
  it('is shown to new connections, while one that is open carries on', async () => {
    const port = await open();
    const before = await send(port, { ca, token: TOKEN, agent });
    folder.write(second);
    await secure.clock.advance(5_000);
    expect(await send(port, { ca, token: TOKEN })).toMatchObject({ status: 202, server: 'second' });
    const after = await send(port, { ca, token: TOKEN, agent });
    expect(after).toMatchObject({ status: 202, server: 'first', connection: before.connection });
  });

  it('is shown to senders with and without a server name', async () => {
    const port = await open();
    folder.write(second);
    await secure.clock.advance(5_000);
    const named = await send(port, { ca, token: TOKEN, servername: 'localhost' });
    expect([named.server, (await send(port, { ca, token: TOKEN })).server]).toEqual(['second', 'second']);
  });

  it('that is not good changes nothing for senders', async () => {
    const port = await open();
    folder.write({ cert: second.cert });
    await secure.clock.advance(5_000);
    expect(await send(port, { ca, token: TOKEN })).toMatchObject({ status: 202, server: 'first' });
    expect(secure.tls.check.warning?.()).toMatch(/key does not belong/);
  });
});

describe('tokens', () => {
  it('are rotated over one connection: old, then both, then new', async () => {
    const [old, next] = ['old-token-of-enough-length', 'new-token-of-enough-length'];
    const path = join(folder.path, 'tokens');
    const { cert, key } = folder.files;
    writeFileSync(path, old);
    secure = new SecureBench({ cert, key });
    const { clock, log, tls } = secure;
    secure = new SecureBench({ cert, key }, { tls, clock, tokens: fileTokens(path, clock, log) });
    const port = await secure.listen();
    const rows: [string, [number, number]][] = [
      [old, [202, 401]],
      [`${old}\n${next}`, [202, 202]],
      [next, [401, 202]],
    ];
    const connections = new Set<number>();
    for (const [text, expected] of rows) {
      writeFileSync(path, text);
      await clock.advance(1_000);
      const seen = [
        await send(port, { ca, token: old, agent }),
        await send(port, { ca, token: next, agent }),
      ];
      expect(seen.map(({ status }) => status)).toEqual(expected);
      for (const { connection } of seen) connections.add(connection);
    }
    expect(connections.size).toBe(1);
  });
});
