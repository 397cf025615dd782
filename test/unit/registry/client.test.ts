// The registry client against a real HTTP server: honest ones, and those that are in other hands by now.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Agent } from 'undici';
import { systemClock, type Clock } from '../../../src/kube/clock.ts';
import { createRegistryClient, MAX_MANIFEST_BYTES, type Manifest } from '../../../src/registry/client.ts';
import { ANONYMOUS, credentialsOf, type Credentials } from '../../../src/registry/credentials.ts';
import { createConnections } from '../../../src/registry/request.ts';
import { digestOf, startRegistry, type TestRegistry } from './support.ts';

const TYPE = 'application/vnd.oci.image.index.v1+json';
const TEXT = '{"manifests":[]}';
const DIGEST = digestOf(TEXT);
const BASIC = 'Basic cm9ib3Q6c2VjcmV0';

let dispatcher: Agent;
let registries: TestRegistry[];
beforeEach(() => {
  dispatcher = createConnections();
  registries = [];
});
afterEach(async () => {
  await dispatcher.destroy();
  await Promise.all(registries.map((one) => one.close()));
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function registry(answer: Answer): Promise<TestRegistry> {
  const one = await startRegistry(answer);
  registries.push(one);
  return one;
}

const give: Answer = (_, response) => response.setHeader('content-type', `${TYPE}; charset=utf-8`).end(TEXT);

interface Given {
  credentials?: Credentials;
  clock?: Clock;
  also?: string[];
  digest?: string;
  repository?: string;
}

function read({ host }: TestRegistry, given: Given = {}): Promise<Manifest> {
  const { credentials = ANONYMOUS, clock = systemClock, also = [], digest = DIGEST } = given;
  const client = createRegistryClient({ clock, dispatcher, allowed: new Set([host, ...also]), credentials });
  return client(given.repository ?? `${host}/shop/web`, digest, new AbortController().signal);
}

/** Asks for a token first. */
const challenging =
  (
    challenge: string | ((host: string) => string),
    tokens: Answer = (_, response) => response.end('{"token":"t-1"}'),
  ): Answer =>
  (request, response) => {
    const { host = '', authorization } = request.headers;
    if (request.url?.startsWith('/token')) return tokens(request, response);
    if (authorization === 'Bearer t-1') return give(request, response);
    const told = typeof challenge === 'string' ? challenge : challenge(host);
    return response.writeHead(401, { 'www-authenticate': told }).end();
  };
const bearer = (host: string) =>
  `Bearer realm="http://${host}/token",service="registry",scope="repository:x:pull,push"`;

describe('a document', () => {
  test('is asked for by digest, in the forms that are known, and comes with its type', async () => {
    const one = await registry(give);
    expect(await read(one)).toEqual({ text: TEXT, mediaType: TYPE });
    expect(one.asked).toEqual([
      {
        path: `/v2/shop/web/manifests/${DIGEST}`,
        authorization: undefined,
        accept: expect.stringContaining(TYPE) as string,
      },
    ]);
  });

  test('of other bytes than its digest says is not believed', async () => {
    const one = await registry((_, response) => response.end(`${TEXT} `));
    await expect(read(one)).rejects.toMatchObject({ reason: 'WrongBytes' });
  });

  test('that does not end is left', async () => {
    const one = await registry((_, response) => response.end(Buffer.alloc(MAX_MANIFEST_BYTES + 1)));
    await expect(read(one)).rejects.toMatchObject({ reason: 'TooLarge' });
  });

  test('that does not come is given up', async () => {
    const one = await registry((_, response) => response.write('{'));
    // The machine's clock, with the one limit over at once.
    const clock: Clock = { ...systemClock, after: (_, fn) => systemClock.after(50, fn) };
    await expect(read(one, { clock })).rejects.toThrow('no answer within');
  });

  test.each([
    [404, 'NotFound'],
    [403, 'Denied'],
    [500, 'Answer'],
  ])('is not there with %i', async (status, reason) => {
    const one = await registry((_, response) => response.writeHead(status).end());
    await expect(read(one)).rejects.toMatchObject({ reason });
  });
});

describe('nobody is asked', () => {
  test.each([
    ['of a registry that is not listed', { repository: '127.0.0.1:1/shop/web' }],
    ['without a registry', { repository: 'web' }],
    ['for a path that leaves the repository', { repository: 'HOST/../../admin' }],
    ['for a name with a query', { repository: 'HOST/a?b' }],
    ['for a digest that is none', { digest: 'latest' }],
  ])('%s', async (_, given: Given) => {
    const one = await registry(give);
    const { repository = `${one.host}/shop/web` } = given;
    const asked = read(one, { ...given, repository: repository.replace('HOST', one.host) });
    await expect(asked).rejects.toMatchObject({ reason: 'NotAllowed' });
    expect(one.asked).toEqual([]);
  });
});

describe('a token', () => {
  test('is got anonymously, for pulling that repository only, and used again', async () => {
    const one = await registry(challenging(bearer));
    const client = createRegistryClient({
      clock: systemClock,
      dispatcher,
      allowed: new Set([one.host]),
      credentials: ANONYMOUS,
    });
    const once = () => client(`${one.host}/shop/web`, DIGEST, new AbortController().signal);
    await once();
    await once();
    expect(one.asked.map(({ path, authorization }) => [path.split('?')[0], authorization])).toEqual([
      [`/v2/shop/web/manifests/${DIGEST}`, undefined],
      ['/token', undefined],
      [`/v2/shop/web/manifests/${DIGEST}`, 'Bearer t-1'],
      [`/v2/shop/web/manifests/${DIGEST}`, 'Bearer t-1'],
    ]);
    expect(one.asked[1]?.path).toBe('/token?service=registry&scope=repository%3Ashop%2Fweb%3Apull');
  });

  test('is got with credentials from a file as kubectl makes it', async () => {
    const one = await registry(challenging(bearer));
    const folder = await mkdtemp(join(tmpdir(), 'registry-'));
    try {
      const file = join(folder, 'config.json');
      await writeFile(
        file,
        JSON.stringify({ auths: { [`https://${one.host}/v1/`]: { username: 'robot', password: 'secret' } } }),
      );
      await read(one, { credentials: credentialsOf(file) });
      expect(one.asked.map(({ authorization }) => authorization)).toEqual([undefined, BASIC, 'Bearer t-1']);
      await writeFile(file, '{}');
      await expect(read(one, { credentials: credentialsOf(file) })).rejects.toThrow('no .dockerconfigjson');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    ['on a host that is not listed', 'Bearer realm="http://169.254.169.254/latest/meta-data"', 'NotAllowed'],
    ['in plain text', 'Bearer realm="http://registry.example/token"', 'NotAllowed'],
    ['nowhere', 'Bearer service="x"', 'Answer'],
  ])('is not got %s', async (_, challenge, reason) => {
    const one = await registry(challenging(challenge));
    const credentials = () => Promise.resolve(BASIC);
    await expect(read(one, { credentials })).rejects.toMatchObject({ reason });
    expect(one.asked).toHaveLength(1);
  });

  test.each([['{"token":"a\\r\\nx: y"}'], ['{"token":7}'], ['no JSON'], ['null']])(
    'is not %s',
    async (text) => {
      const one = await registry(challenging(bearer, (_, response) => response.end(text)));
      await expect(read(one)).rejects.toMatchObject({ reason: 'Answer' });
    },
  );

  test('that is not taken is not asked for again and again', async () => {
    const one = await registry(challenging(bearer, (_, response) => response.end('{"token":"other"}')));
    await expect(read(one)).rejects.toMatchObject({ reason: 'Denied' });
    expect(one.asked).toHaveLength(3);
  });

  test('is not needed where credentials do', async () => {
    const one = await registry((request, response) => {
      if (request.headers.authorization === BASIC) return give(request, response);
      return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    await read(one, { credentials: () => Promise.resolve(BASIC) });
    await expect(read(one)).rejects.toMatchObject({ reason: 'Denied' });
  });
});

describe('a redirect', () => {
  const to =
    (location: string): Answer =>
    (_, response) =>
      response.writeHead(307, { location }).end();

  test.each([
    ['to a link-local address', 'http://169.254.169.254/latest/meta-data/'],
    ['to a host that is not listed', 'https://evil.example/'],
    ['to a file', 'file:///etc/passwd'],
  ])('%s is not followed', async (_, location) => {
    const one = await registry(to(location));
    await expect(read(one)).rejects.toMatchObject({ reason: 'NotAllowed' });
  });

  test('that goes round and round ends', async () => {
    const one = await registry(to('/v2/again'));
    await expect(read(one)).rejects.toThrow('more than 3 times');
    expect(one.asked).toHaveLength(4);
  });

  test('to another listed host is followed without credentials', async () => {
    const other = await registry(give);
    const one = await registry((request, response) => {
      if (request.headers.authorization === BASIC) return to(`http://${other.host}/blob`)(request, response);
      return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    await read(one, { credentials: () => Promise.resolve(BASIC), also: [other.host] });
    expect(other.asked).toMatchObject([{ path: '/blob', authorization: undefined }]);
  });
});
