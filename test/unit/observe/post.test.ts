// One request over a real connection: what it sends, what it makes of answers, and that nothing lasts or leaks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { postJson, readAccess, type PostOptions } from '../../../src/observe/post.ts';
import { freePorts } from '../../support/ports.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { Authority } from '../kube/support/certificates.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server, scheme = 'http'): Promise<URL> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/in?x=1`);
}

const serve = (listener: RequestListener) => listen(createServer(listener));
const post = (url: URL, options: Partial<PostOptions> = {}, body = '{"a":1}') =>
  postJson(url, body, { clock: systemClock, timeoutMs: 10_000, ...options });

describe('a request', () => {
  test('is a POST of the JSON to path and query, with the token as bearer', async () => {
    const seen: { line?: string; headers?: IncomingHttpHeaders; body?: string } = {};
    const url = await serve((request, response) => {
      seen.line = `${request.method} ${request.url}`;
      seen.headers = request.headers;
      void text(request).then((body) => {
        seen.body = body;
        response.writeHead(200).end('ok');
      });
    });
    const answer = await post(url, { bearer: 'the-token' }, '{"ü":1}');
    expect(answer).toEqual({ status: 200, retryAfterMs: undefined, text: 'ok' });
    expect(seen).toMatchObject({
      line: 'POST /in?x=1',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'content-length': '8',
        authorization: 'Bearer the-token',
        'user-agent': 'die-operator',
      },
      body: '{"ü":1}',
    });
  });

  test('leaves no connection open', async () => {
    const url = await serve((_, response) => void response.writeHead(200).end());
    await post(url);
    const [server] = servers;
    await expect
      .poll(() => new Promise((resolve) => server?.getConnections((_, count) => resolve(count))))
      .toBe(0);
  });
});

describe('an answer', () => {
  test('that redirects is not followed', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      response.writeHead(307, { location: `http://${request.headers.host}/elsewhere` }).end();
    });
    expect(await post(url, { bearer: 'the-token' })).toMatchObject({ status: 307 });
    expect(requests).toBe(1);
  });

  test.each([
    ['7', 7_000],
    ['Sun, 22 Nov 2026 00:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
  ])('that asks for Retry-After: %s means %s ms', async (header, ms) => {
    const url = await serve((_, response) => void response.writeHead(429, { 'retry-after': header }).end());
    const answer = await post(url, { clock: new VirtualClock() });
    expect(answer).toMatchObject({ status: 429 });
    expect(answer.retryAfterMs).toBe(ms);
  });

  test('without an end is read up to 2 KiB', async () => {
    const url = await serve((_, response) => {
      const more = () => {
        while (response.write('x'.repeat(1024)));
      };
      response.on('drain', more);
      more();
    });
    expect((await post(url)).text).toBe('x'.repeat(2048));
  });

  test.each([
    ['headers', false],
    ['end', true],
  ])('without %s is given up in time', async (_what, begins) => {
    const clock = new VirtualClock();
    const arrived = Promise.withResolvers<true>();
    const url = await serve((_, response) => {
      if (begins) response.writeHead(200).write('x');
      arrived.resolve(true);
    });
    const failure = post(url, { clock, timeoutMs: 5_000 }).catch((error: unknown) => String(error));
    await arrived.promise;
    await clock.advance(4_999);
    await clock.advance(1);
    expect(await failure).toBe('PostError: no answer within 5000 ms');
    expect(clock.pending).toBe(0);
  });

  test('is not waited for when the caller stops', async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort(new Error('the caller stops')));
    await expect(post(url, { signal: stop.signal })).rejects.toThrow('the caller stops');
    await expect(post(url, { signal: stop.signal })).rejects.toThrow('the caller stops');
  });

  test('that breaks off, or that nobody gives, is told in words', async () => {
    const url = await serve((request) => request.socket.destroy());
    await expect(post(url)).rejects.toThrow('the server broke the connection off');
    const [port] = await freePorts(1);
    const nobody = 'connection refused: no server listens there';
    await expect(post(new URL(`http://127.0.0.1:${port}/`))).rejects.toThrow(nobody);
    await expect(post(new URL(`http://localhost:${port}/`))).rejects.toThrow(nobody);
    await expect(post(new URL('http://nowhere.invalid/'))).rejects.toThrow(/no such host name|looked up/);
  });
});

describe('over TLS', () => {
  let authority: Authority;
  let folder: string;
  beforeAll(async () => {
    authority = await Authority.create('root');
    folder = mkdtempSync(join(tmpdir(), 'post-'));
  });
  afterAll(async () => {
    await authority.remove();
    rmSync(folder, { recursive: true });
  });

  test('the CA of a file is trusted, and a client certificate is shown; without the CA nothing is sent', async () => {
    const server = await authority.issue('server', 'IP:127.0.0.1');
    const client = await authority.issue('client', 'DNS:client');
    const ca = await authority.ca();
    const paths = { caFile: 'ca.crt', certFile: 'tls.crt', keyFile: 'tls.key' };
    const texts = [ca, client.cert, client.key];
    const files = Object.fromEntries(
      Object.entries(paths).map(([name, file], index) => {
        writeFileSync(join(folder, file), texts[index] ?? '');
        return [name, join(folder, file)];
      }),
    );
    let requests = 0;
    const url = await listen(
      createTlsServer({ ...server, ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
        requests += 1;
        response.writeHead((request.socket as TLSSocket).authorized ? 200 : 403).end();
      }),
      'https',
    );
    await expect(post(url, await readAccess({ ...files, caFile: undefined }))).rejects.toThrow(/certificate/);
    await expect(post(url, await readAccess({ caFile: files['caFile'] }))).rejects.toThrow(/./);
    expect(requests).toBe(0);
    expect(await post(url, await readAccess(files))).toMatchObject({ status: 200 });
  });

  test('a token file is one line, and what is wrong with it is told without it', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'secret-of-ours\n');
    expect(await readAccess({ tokenFile })).toEqual({ bearer: 'secret-of-ours' });
    for (const wrong of ['', 'secret of ours', 'secret\r\nx: y', 'sécret']) {
      writeFileSync(tokenFile, wrong);
      const failure = await readAccess({ tokenFile }).catch((error: unknown) => (error as Error).message);
      expect(failure).toBe(`${tokenFile} must hold one token of visible ASCII and nothing else`);
    }
    const missing = join(folder, 'missing');
    await expect(readAccess({ caFile: missing })).rejects.toThrow(`${missing} cannot be read (ENOENT)`);
  });
});
