// A kubelet that is asked for a checkpoint: whom we trust, what is sent, and what is made of its answers.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { createKubelets } from '../../../src/kube/kubelet.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { Authority, type KeyPair } from './support/certificates.ts';

let authority: Authority;
let stranger: Authority;
let byAddress: KeyPair;
let byName: KeyPair;
let byOther: KeyPair;
beforeAll(async () => {
  [authority, stranger] = await Promise.all([Authority.create('cluster'), Authority.create('stranger')]);
  byAddress = await authority.issue('kubelet', 'IP:127.0.0.1');
  byName = await authority.issue('kubelet-name', 'DNS:node-1');
  byOther = await authority.issue('kubelet-other', 'DNS:node-2');
});
afterAll(() => Promise.all([authority.remove(), stranger.remove()]));

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Scene {
  pair?: KeyPair;
  ca?: () => Promise<string | undefined>;
  status?: number;
  body?: string;
  /** Never answers. */
  silent?: boolean;
  withinMs?: number;
}

const ASKED = { namespace: 'shop', pod: 'web-1', container: 'web' };
const PATH = '/var/lib/kubelet/checkpoints/checkpoint-web-1_shop-web-2026-11-23T09:00:00Z.tar';
const MADE = JSON.stringify({ items: [PATH] });

async function stage({ pair = byAddress, status = 200, body = MADE, silent, withinMs, ca }: Scene) {
  const seen: {
    method?: string | undefined;
    url?: string | undefined;
    authorization?: string | undefined;
  }[] = [];
  const server = createServer({ cert: pair.cert, key: pair.key }, (request, response) => {
    const { method, url, headers } = request;
    seen.push({ method, url, authorization: headers.authorization });
    if (!silent) response.writeHead(status).end(body);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const kubelets = createKubelets({
    clock: systemClock,
    authorities: ca ?? (() => authority.ca()),
    transportTo: createUndiciTransport,
  });
  const at = { node: 'node-1', host: '127.0.0.1', port };
  const options = { withinMs: withinMs ?? 5_000, signal: new AbortController().signal, token: 'secret' };
  const asked = () => kubelets.checkpoint(at, ASKED, options);
  return { asked, seen, server };
}

describe('a kubelet', () => {
  test.each([
    ['the address of its node', () => byAddress],
    ['the name of its node', () => byName],
  ])('whose certificate has %s is asked, with the token', async (_what, pair) => {
    const { asked, seen } = await stage({ pair: pair() });
    expect(await asked()).toEqual([PATH]);
    expect(seen).toEqual([
      { method: 'POST', url: '/checkpoint/shop/web-1/web?timeout=5', authorization: 'Bearer secret' },
    ]);
  });

  test.each<[string, () => Scene, RegExp]>([
    ['of another node', () => ({ pair: byOther }), /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['of another CA', () => ({ ca: () => stranger.ca() }), /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/],
    ['while no CA is known', () => ({ ca: async () => undefined }), /no CA is known/],
    [
      'while the CA cannot be read',
      () => ({ ca: () => Promise.reject(new Error('ENOENT: no such file')) }),
      /cannot be read: ENOENT/,
    ],
  ])('%s gets no token', async (_what, scene, why) => {
    const { asked, seen } = await stage(scene());
    await expect(asked()).rejects.toMatchObject({
      reason: 'Unverified',
      message: expect.stringMatching(why),
    });
    expect(seen).toEqual([]);
  });

  test.each<[string, Scene, string, RegExp]>([
    [
      'cannot',
      { status: 500, body: 'checkpointing of shop/web-1/web failed (CRIU is not available)\n' },
      'Failed',
      /node node-1 answers 500: checkpointing of shop\/web-1\/web failed \(CRIU is not available\)/,
    ],
    ['may not be asked', { status: 403, body: 'Forbidden' }, 'Refused', /needs create on nodes\/checkpoint/],
    ['knows no such container', { status: 404, body: 'not found' }, 'Refused', /answers 404: not found/],
    ['says nothing of use', { body: '{"items":[1]}' }, 'Failed', /something else than paths/],
    ['says nothing', { body: '' }, 'Failed', /something else than paths/],
    ['names none', { body: '{"items":[]}' }, 'Failed', /something else than paths/],
    [
      'names far too many',
      { body: JSON.stringify({ items: Array.from({ length: 17 }, () => PATH) }) },
      'Failed',
      /something else than paths/,
    ],
    [
      'does not answer',
      { silent: true, withinMs: 300 },
      'NoAnswer',
      /gave no answer: no answer within 300 ms/,
    ],
  ])('that %s is told so', async (_what, scene, reason, why) => {
    const { asked } = await stage(scene);
    await expect(asked()).rejects.toMatchObject({ reason, message: expect.stringMatching(why) });
  });

  test('that cannot be reached was never asked', async () => {
    const { asked, server } = await stage({});
    const closed = new Promise((resolve) => server.close(resolve));
    await closed;
    await expect(asked()).rejects.toMatchObject({ reason: 'Unreachable' });
  });

  test('has its words cut and cleaned', async () => {
    const { asked } = await stage({ status: 500, body: `\u001b[31m${'x'.repeat(100_000)}` });
    const error = (await asked().catch((thrown: unknown) => thrown)) as Error;
    expect(error.message.length).toBeLessThan(700);
    expect(error.message).not.toContain('\u001b');
  });
});
