// TLS: whom we trust, as whom we come, and what happens when certificates change.
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Connection, TlsMaterial } from '../../../src/kube/connection.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { NAMESPACES } from '../../../src/kube/resources.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { Authority, type KeyPair } from './support/certificates.ts';
import { pod } from './support/fixtures.ts';
import { clientName, reply, serve, serveProxy, serveTls, type Loopback } from './support/loopback.ts';

let authority: Authority;
let stranger: Authority;
let ca: string;
let serverPair: KeyPair;
let namedPair: KeyPair;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([Authority.create('cluster'), Authority.create('stranger')]);
  ca = await authority.ca();
  serverPair = await authority.issue('apiserver', 'IP:127.0.0.1');
  namedPair = await authority.issue('apiserver', 'DNS:kubernetes.default');
});
afterAll(() => Promise.all([authority.remove(), stranger.remove()]));

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server that says who called, asking for a certificate of `authority`. */
async function start(pair: KeyPair): Promise<Loopback> {
  const server = await serveTls(
    { ...pair, ca, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      reply(response, { ...pod('default', '1'), caller: clientName(request) });
    },
  );
  cleanups.push(server.close);
  return server;
}

/** Calls a server with material that the test may change between calls. */
function caller(server: string, tls: Partial<TlsMaterial>, proxyUrl?: string) {
  const material = { current: { rejectUnauthorized: true, ...tls } };
  const connection: Connection = {
    server,
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    credentials: () => Promise.resolve({ headers: { authorization: 'Bearer t' }, tls: material.current }),
  };
  const transport = createUndiciTransport(connection);
  cleanups.push(() => transport.close());
  const client = createKubeClient({ transport, clock: systemClock, random: () => 0 });
  // A write: it is not tried again after a broken connection, so that the error comes at once.
  const call = () => client.create(NAMESPACES, {}, {}).catch((error: unknown) => error);
  return { material, call, transport };
}

const served = expect.objectContaining({ metadata: expect.objectContaining({ name: 'default' }) });

describe('a server', () => {
  test('of the CA that is known is trusted', async () => {
    const { url } = await start(serverPair);
    expect(await caller(url, { ca }).call()).toEqual(served);
  });

  test.each<[string, () => Promise<[string, Partial<TlsMaterial>]>, string]>([
    ['of an unknown CA', async () => [(await start(serverPair)).url, {}], 'SELF_SIGNED_CERT_IN_CHAIN'],
    [
      'of another CA',
      async () => [(await start(serverPair)).url, { ca: await stranger.ca() }],
      'SELF_SIGNED_CERT_IN_CHAIN',
    ],
    ['of another name', async () => [(await start(namedPair)).url, { ca }], 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s is refused, with the reason', async (_, given, reason) => {
    const [url, tls] = await given();
    expect(await caller(url, tls).call()).toMatchObject({ name: 'KubeError', status: 0, reason });
  });

  test('of another name is trusted when that name is expected', async () => {
    const { url } = await start(namedPair);
    expect(await caller(url, { ca, servername: 'kubernetes.default' }).call()).toEqual(served);
  });

  test('that nobody vouches for is accepted only when verification is off', async () => {
    const { url } = await start(serverPair);
    expect(await caller(url, { rejectUnauthorized: false }).call()).toEqual(served);
  });
});

test('a server that offers HTTP/2 is spoken to in HTTP/1.1, whose streams end with their connection', async () => {
  const versions: string[] = [];
  const server = createSecureServer({ ...serverPair, allowHTTP1: true }, (request, response) => {
    versions.push(request.httpVersion);
    response.end(JSON.stringify(pod('default', '1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => void server.close());
  const { port } = server.address() as AddressInfo;
  expect(await caller(`https://127.0.0.1:${port}`, { ca }).call()).toEqual(served);
  expect(versions).toEqual(['1.1']);
});

describe('a client certificate', () => {
  test('is shown to the server', async () => {
    const { url } = await start(serverPair);
    const pair = await authority.issue('responder');
    expect(await caller(url, { ca, ...pair }).call()).toMatchObject({ caller: 'responder' });
  });

  test('that was renewed is shown from then on', async () => {
    const { url } = await start(serverPair);
    const { material, call } = caller(url, { ca, ...(await authority.issue('before')) });
    expect(await call()).toMatchObject({ caller: 'before' });
    material.current = { ...material.current, ...(await authority.issue('after')) };
    expect(await call()).toMatchObject({ caller: 'after' });
  });

  test('that is no certificate is an error of the call', async () => {
    const { url } = await start(serverPair);
    expect(await caller(url, { ca, cert: 'x', key: 'y' }).call()).toMatchObject({
      name: 'KubeError',
      status: 0,
    });
  });
});

describe('a CA that changed', () => {
  test('is used from then on, over new connections', async () => {
    const server = await start(serverPair);
    const { material, call } = caller(server.url, { ca: await stranger.ca() });
    expect(await call()).toMatchObject({ status: 0 });
    material.current = { ...material.current, ca };
    expect(await call()).toEqual(served);
    material.current = { ...material.current, ca: await stranger.ca() };
    expect(await call()).toMatchObject({ status: 0 });
  });

  test('closes the old connections once they are not used', async () => {
    const server = await start(serverPair);
    const { material, call } = caller(server.url, { ca });
    await call();
    material.current = { ...material.current, ca: `${ca}\n` };
    await call();
    expect(server.connections).toBe(2);
    await vi.waitFor(() => expect(server.open.size).toBe(1), { timeout: 5_000, interval: 5 });
  });

  test('leaves a watch under way alone, until the transport is closed', async () => {
    const server = await serveTls(serverPair, (request, response) => {
      if (request.url === '/watch') response.writeHead(200).flushHeaders();
      else reply(response, pod('default', '1'));
    });
    cleanups.push(server.close);
    const { material, call, transport } = caller(server.url, { ca });
    const { signal } = new AbortController();
    const watch = await transport({ method: 'GET', path: '/watch', headers: {}, streaming: true, signal });
    const ending = Array.fromAsync(watch.body).catch((error: unknown) => error);
    material.current = { ...material.current, ca: `${ca}\n` };
    await call();
    expect(server.open.size).toBe(2);
    await transport.close();
    expect(await ending).toBeInstanceOf(Error);
  });

  test('does not open a connection as long as it stays the same', async () => {
    const server = await start(serverPair);
    const { material, call } = caller(server.url, { ca });
    for (let n = 0; n < 10; n++) {
      material.current = { ...material.current };
      await call();
    }
    expect(server.connections).toBeLessThanOrEqual(2);
  });
});

describe('a proxy', () => {
  const startProxy = async () => {
    const proxy = await serveProxy();
    cleanups.push(proxy.close);
    return proxy;
  };

  test('is asked for a tunnel, in which TLS is as without it', async () => {
    const [server, proxy] = [await start(namedPair), await startProxy()];
    const tls = { ca, servername: 'kubernetes.default', ...(await authority.issue('responder')) };
    expect(await caller(server.url, tls, proxy.url).call()).toMatchObject({ caller: 'responder' });
    expect(proxy.requests).toHaveLength(1);
    expect(proxy.requests[0]).toMatchObject({ method: 'CONNECT', url: `127.0.0.1:${server.port}` });
    expect(proxy.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('gets its own credentials from its URL', async () => {
    const [server, proxy] = [await start(serverPair), await startProxy()];
    await caller(server.url, { ca }, proxy.url.replace('//', '//me:s%2Fcret@')).call();
    const expected = `Basic ${Buffer.from('me:s/cret').toString('base64')}`;
    expect(proxy.requests[0]?.headers['proxy-authorization']).toBe(expected);
  });

  test('does not weaken the check of the server', async () => {
    const [server, proxy] = [await start(serverPair), await startProxy()];
    expect(await caller(server.url, { ca: await stranger.ca() }, proxy.url).call()).toMatchObject({
      name: 'KubeError',
      status: 0,
    });
    expect(server.requests).toEqual([]);
  });

  test('that refuses is an error of the call', async () => {
    const proxy = await serve((_, response) => void response.writeHead(403).end());
    cleanups.push(proxy.close);
    const server = await start(serverPair);
    expect(await caller(server.url, { ca }, proxy.url).call()).toMatchObject({
      name: 'KubeError',
      status: 0,
    });
  });
});
