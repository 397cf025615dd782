// A connection is made of a kubeconfig or a service account, and follows what changes in them.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectionFrom, loadConnection } from '../../../src/kube/connection.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { reply, serve } from './support/loopback.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connection-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Writes a kubeconfig with two contexts, `main` (current) and `other`. */
async function kubeconfig(cluster: object, user: object = { token: 't' }): Promise<string> {
  const path = join(folder, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u' } },
      { name: 'other', context: { cluster: 'd', user: 'u' } },
      { name: 'lost', context: { cluster: 'x', user: 'u' } },
      { name: 'nobody', context: { cluster: 'c', user: 'x' } },
    ],
    clusters: [
      { name: 'c', cluster: { server: 'https://c.test:6443', ...cluster } },
      { name: 'd', cluster: { server: 'https://d.test/prefix' } },
    ],
    users: [{ name: 'u', user }],
  };
  await writeFile(path, stringify(config));
  return path;
}

const load = async (cluster: object, user?: object, context?: string) =>
  loadConnection({ kubeconfig: await kubeconfig(cluster, user), context });

describe('a kubeconfig gives', () => {
  test.each<[string, object, object, object]>([
    ['a token', {}, { token: 'abc' }, { headers: { authorization: 'Bearer abc' } }],
    [
      'a password',
      {},
      { username: 'me', password: 's:x' },
      { headers: { authorization: `Basic ${base64('me:s:x')}` } },
    ],
    [
      'an impersonated user',
      {},
      { token: 'abc', as: 'auditor' },
      { headers: { authorization: 'Bearer abc', 'impersonate-user': 'auditor' } },
    ],
    [
      'a client certificate',
      {},
      { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
      { headers: {}, tls: { cert: 'CERT', key: 'KEY', rejectUnauthorized: true } },
    ],
    [
      'a CA',
      { 'certificate-authority-data': base64('CA') },
      {},
      { tls: { ca: 'CA', rejectUnauthorized: true } },
    ],
    ['a name for the server', { 'tls-server-name': 'api.test' }, {}, { tls: { servername: 'api.test' } }],
    ['no verification', { 'insecure-skip-tls-verify': true }, {}, { tls: { rejectUnauthorized: false } }],
  ])('%s', async (_, cluster, user, expected) => {
    expect(await (await load(cluster, user)).credentials()).toMatchObject(expected);
  });

  test('verification even where the environment turns it off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect((await (await load({})).credentials()).tls.rejectUnauthorized).toBe(true);
  });

  test('the server of its current context, or of the one that is asked for', async () => {
    expect((await load({})).server).toBe('https://c.test:6443');
    expect((await load({}, {}, 'other')).server).toBe('https://d.test/prefix');
  });

  test('a proxy', async () => {
    expect(await load({ 'proxy-url': 'http://proxy.test:3128' })).toHaveProperty(
      'proxyUrl',
      'http://proxy.test:3128',
    );
    expect(await load({})).not.toHaveProperty('proxyUrl');
  });

  test('the same when it is found through the environment', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig({}, { token: 'abc' }));
    const connection = await loadConnection();
    expect(connection.server).toBe('https://c.test:6443');
    expect((await connection.credentials()).headers).toEqual({ authorization: 'Bearer abc' });
  });
});

describe('a kubeconfig is refused, with the reason, when', () => {
  test.each<[string, object, string | undefined, string]>([
    ['it is not encrypted', { server: 'http://c.test' }, undefined, 'http://c.test is not encrypted'],
    [
      'it needs a SOCKS proxy',
      { 'proxy-url': 'socks5://p.test' },
      undefined,
      'proxy-url of cluster "c" must be http or https; SOCKS is not supported',
    ],
    [
      'a value is no text',
      { 'proxy-url': 3128 },
      undefined,
      'context "main" cannot be used, proxyUrl of its cluster: Invalid input: expected string, received number',
    ],
    ['there is no such context', {}, 'absent', 'context "absent" names no known cluster'],
    ['there is no such cluster', {}, 'lost', 'context "lost" names no known cluster'],
    ['there is no such user', {}, 'nobody', 'context "nobody" names no known user'],
  ])('%s', async (_, cluster, context, expected) => {
    await expect(load(cluster, {}, context)).rejects.toThrow(expected);
  });

  test('its context is no text', () => {
    const config = new KubeConfig();
    config.setCurrentContext({ toString: 0 } as unknown as string);
    expect(() => connectionFrom(config)).toThrow('context {"toString":0} names no known cluster');
  });

  test('it does not exist', async () => {
    await expect(loadConnection({ kubeconfig: join(folder, 'none') })).rejects.toThrow('none');
  });
});

test('an unencrypted server is accepted when verification is off', async () => {
  const cluster = { server: 'http://127.0.0.1:8001', 'insecure-skip-tls-verify': true };
  const connection = await load(cluster);
  expect((await connection.credentials()).headers).toEqual({ authorization: 'Bearer t' });
});

describe('files that change are read again', () => {
  test('a CA', async () => {
    await writeFile(join(folder, 'ca.crt'), 'FIRST');
    const connection = await load({ 'certificate-authority': 'ca.crt' });
    expect((await connection.credentials()).tls.ca).toBe('FIRST');
    await writeFile(join(folder, 'ca.crt'), 'SECOND');
    expect((await connection.credentials()).tls.ca).toBe('SECOND');
  });

  test('a CA that is gone is an error that names the file', async () => {
    const connection = await load({ 'certificate-authority': 'ca.crt' });
    await expect(connection.credentials()).rejects.toThrow(/^no credentials for user "u": .*ca\.crt/);
  });
});

/** A connection as in a pod, whose service account is in the test's folder. */
async function inCluster(port: number) {
  const account = join(folder, 'var/run/secrets/kubernetes.io/serviceaccount');
  await mkdir(account, { recursive: true });
  await writeFile(join(account, 'token'), 'first\n');
  await writeFile(join(account, 'ca.crt'), 'CA');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', String(port));
  const config = new KubeConfig();
  config.loadFromCluster(folder);
  return { account, connection: connectionFrom(config) };
}

describe('in a pod', () => {
  test('server, CA and token come from the service account', async () => {
    const { connection } = await inCluster(6443);
    expect(connection.server).toBe('https://127.0.0.1:6443');
    expect(await connection.credentials()).toEqual({
      headers: { authorization: 'Bearer first' },
      tls: { ca: 'CA', rejectUnauthorized: true },
    });
  });

  test('a token that the kubelet rotated is used within a minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account, connection } = await inCluster(6443);
    await connection.credentials();
    await writeFile(join(account, 'token'), 'second\n');
    vi.setSystemTime(Date.now() + 61_000);
    expect((await connection.credentials()).headers).toEqual({ authorization: 'Bearer second' });
  });

  test('the rotated token reaches the server, over the same connection', async () => {
    const server = await serve((request, response) =>
      reply(response, { token: request.headers.authorization }),
    );
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account, connection } = await inCluster(6443);
    const transport = createUndiciTransport({ ...connection, server: server.url });
    const { signal } = new AbortController();
    const call = async () => {
      const answer = await transport({ method: 'GET', path: '/', headers: {}, streaming: false, signal });
      return Buffer.concat(await Array.fromAsync(answer.body)).toString();
    };
    expect(await call()).toContain('Bearer first');
    await writeFile(join(account, 'token'), 'second');
    vi.setSystemTime(Date.now() + 61_000);
    expect(await call()).toContain('Bearer second');
    expect(server.connections).toBe(1);
    await transport.close();
    await server.close();
  });
});

/** A plugin that counts its runs in a file, and then does what the script says. */
async function plugin(script: string): Promise<{ user: object; runs: () => Promise<number> }> {
  const [command, count] = [join(folder, 'plugin.sh'), join(folder, 'runs')];
  await writeFile(command, `#!/bin/sh\necho x >> ${count}\n${script}\n`);
  await chmod(command, 0o755);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' };
  return { user: { exec }, runs: async () => (await readFile(count, 'utf8')).trim().split('\n').length };
}

describe('a credential plugin', () => {
  const credential = (status: object) =>
    `cat <<'END'\n${JSON.stringify({ kind: 'ExecCredential', status })}\nEND`;

  test('gives a token', async () => {
    const { user } = await plugin(credential({ token: 'made' }));
    expect((await (await load({}, user)).credentials()).headers).toEqual({ authorization: 'Bearer made' });
  });

  test('gives a client certificate', async () => {
    const { user } = await plugin(credential({ clientCertificateData: 'CERT', clientKeyData: 'KEY' }));
    expect((await (await load({}, user)).credentials()).tls).toMatchObject({ cert: 'CERT', key: 'KEY' });
  });

  test('is started once for a burst of calls, and not again while its token holds', async () => {
    const { user, runs } = await plugin(
      credential({ token: 'made', expirationTimestamp: '2999-01-01T00:00:00Z' }),
    );
    const connection = await load({}, user);
    await Promise.all(Array.from({ length: 10 }, () => connection.credentials()));
    await connection.credentials();
    expect(await runs()).toBe(1);
  });

  test('is started again when its token expired', async () => {
    const { user, runs } = await plugin(
      credential({ token: 'made', expirationTimestamp: '2020-01-01T00:00:00Z' }),
    );
    const connection = await load({}, user);
    await connection.credentials();
    await connection.credentials();
    expect(await runs()).toBe(2);
  });

  test.each([
    ['fails', 'echo "login first" >&2; exit 1', 'no credentials for user "u": login first'],
    ['prints nonsense', 'echo oops', 'no credentials for user "u": '],
  ])('that %s is an error, and is tried again', async (_, script, expected) => {
    const { user, runs } = await plugin(script);
    const connection = await load({}, user);
    await expect(connection.credentials()).rejects.toThrow(expected);
    await expect(connection.credentials()).rejects.toThrow(expected);
    expect(await runs()).toBe(2);
  });

  test('that does not exist is an error', async () => {
    const connection = await load({}, { exec: { command: join(folder, 'absent') } });
    await expect(connection.credentials()).rejects.toThrow('ENOENT');
  });
});

test('the transport passes on why there are no credentials, and sends nothing', async () => {
  const server = await serve((_, response) => reply(response, {}));
  const credentials = () => Promise.reject(new Error('no credentials for user "u": login first'));
  const transport = createUndiciTransport({ server: server.url, credentials });
  const { signal } = new AbortController();
  const sent = transport({ method: 'GET', path: '/', headers: {}, streaming: false, signal });
  await expect(sent).rejects.toThrow('login first');
  expect(server.requests).toEqual([]);
  await transport.close();
  await server.close();
});
