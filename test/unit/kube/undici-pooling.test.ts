// Connections are few, shared and kept; streams never keep calls waiting; a broken wire is an error.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Connection } from '../../../src/kube/connection.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { networkError } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { HttpRequest } from '../../../src/kube/transport.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { pod } from './support/fixtures.ts';
import { received, reply, serve, type Loopback } from './support/loopback.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const plain = (server: string, headers = {}): Connection => ({
  server,
  credentials: () => Promise.resolve({ headers, tls: { rejectUnauthorized: true } }),
});

async function start(listener: RequestListener, connect = plain) {
  const server = await serve(listener);
  const transport = createUndiciTransport(connect(server.url));
  cleanups.push(server.close, () => transport.close());
  return { server, transport };
}

function request(rest: Partial<HttpRequest> = {}): HttpRequest {
  const { signal } = new AbortController();
  return { method: 'GET', path: '/api/v1/pods', headers: {}, streaming: false, signal, ...rest };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString('utf8');
}

const WEB = { namespace: 'shop', name: 'web' };
const FREE = { timeout: 5_000, interval: 5 };

/** A client over a real wire and real time. */
function clientOver(transport: ReturnType<typeof createUndiciTransport>) {
  return createKubeClient({ transport, clock: systemClock, random: () => 0.5 });
}

describe('a request', () => {
  test('is sent as it is, with the credentials of the connection', async () => {
    const { server, transport } = await start(
      (incoming, response) => void received(incoming).then((body) => reply(response, { body })),
      (url) => plain(`${url}/prefix/`, { authorization: 'Bearer t' }),
    );
    const headers = { 'content-type': 'application/json-patch+json', 'user-agent': 'die-operator' };
    const sent = request({ method: 'PATCH', path: '/api/v1/pods/a%2Fb?x=1', headers, body: '[{"é":1}]' });
    const answer = await transport(sent);
    expect(JSON.parse(await textOf(answer.body))).toEqual({ body: '[{"é":1}]' });
    expect(server.requests[0]).toMatchObject({
      method: 'PATCH',
      url: '/prefix/api/v1/pods/a%2Fb?x=1',
      httpVersion: '1.1',
      headers: { ...headers, authorization: 'Bearer t', 'accept-encoding': 'identity' },
    });
  });

  test.each(['GET', 'DELETE', 'POST', 'PUT'] as const)('may be a %s', async (method) => {
    const { server, transport } = await start((_, response) => reply(response, {}));
    const body = method === 'GET' ? {} : { body: '{}' };
    await textOf((await transport(request({ method, ...body }))).body);
    expect(server.requests[0]?.method).toBe(method);
  });

  test('is answered with an error status without rejecting, and with lower-case headers', async () => {
    const { transport } = await start((_, response) => {
      response.setHeader('Set-Cookie', ['a', 'b']);
      response.writeHead(429, { 'Retry-After': '3' }).end('slow');
    });
    const answer = await transport(request());
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '3', 'set-cookie': 'a,b' } });
    expect(await textOf(answer.body)).toBe('slow');
  });
});

describe('the pool', () => {
  test('serves 200 calls in a row with at most 2 connections', async () => {
    const { server, transport } = await start((_, response) => reply(response, pod('web', '1')));
    const client = clientOver(transport);
    for (let n = 0; n < 200; n++) await client.get(PODS, WEB);
    expect(server.requests).toHaveLength(200);
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('keeps connections after errors and conflicts too', async () => {
    const { server, transport } = await start((_, response) => reply(response, { kind: 'Status' }, 409));
    const client = clientOver(transport);
    for (let n = 0; n < 20; n++)
      await expect(client.create(PODS, WEB, {})).rejects.toMatchObject({ status: 409 });
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('has at most 16 connections for calls at the same time', async () => {
    const waiting: ServerResponse[] = [];
    const { server, transport } = await start((_, response) => void waiting.push(response));
    const calls = Array.from({ length: 40 }, () =>
      transport(request()).then((answer) => textOf(answer.body)),
    );
    await vi.waitFor(() => expect(waiting).toHaveLength(16), FREE);
    while (waiting.length > 0) {
      for (const response of waiting.splice(0)) response.end('ok');
      await vi.waitFor(() => expect(waiting.length > 0 || server.requests.length === 40).toBe(true), FREE);
    }
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 40 }, () => 'ok'));
    expect(server.connections).toBe(16);
  });

  test('answers calls while 50 watches are open', async () => {
    const { server, transport } = await start((incoming, response) => {
      if (incoming.url?.includes('watch')) response.writeHead(200).flushHeaders();
      else reply(response, pod('web', '1'));
    });
    const stop = new AbortController();
    const watch = request({ path: '/watch', streaming: true, signal: stop.signal });
    await Promise.all(Array.from({ length: 50 }, () => transport(watch)));
    expect(await clientOver(transport).get(PODS, WEB)).toEqual(pod('web', '1'));
    expect(server.open.size).toBe(51);
    stop.abort();
    await vi.waitFor(() => expect(server.open.size).toBe(1), FREE);
  });
});

describe('a broken wire', () => {
  const failureOf = async (listener: RequestListener) => {
    const { transport } = await start(listener);
    return clientOver(transport)
      .create(PODS, WEB, {})
      .catch((error: unknown) => error);
  };

  test.each<[string, RequestListener]>([
    ['that is reset before the answer', (incoming) => void incoming.socket.resetAndDestroy()],
    ['that is closed before the answer', (incoming) => void incoming.socket.destroy()],
    [
      'that is closed within a chunked answer',
      (incoming, response) => {
        response.writeHead(200);
        response.write('{"metadata":', () => incoming.socket.destroy());
      },
    ],
    [
      'that is closed within an answer of known length',
      (incoming, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"metadata":{}}', () => incoming.socket.destroy());
      },
    ],
    ['that speaks something else', (incoming) => void incoming.socket.end('SSH-2.0-OpenSSH\r\n')],
  ])('%s is a KubeError', async (_, listener) => {
    expect(await failureOf(listener)).toMatchObject({ name: 'KubeError', status: 0 });
  });

  test('to nobody says so', async () => {
    const { server, transport } = await start((_, response) => reply(response, {}));
    await server.close();
    const error = await transport(request()).catch((failure: unknown) => networkError('get Pod a', failure));
    expect(error).toMatchObject({ status: 0, reason: 'ECONNREFUSED' });
    expect((error as Error).message).toContain('ECONNREFUSED');
  });

  test('that nobody reads harms nobody', async () => {
    const { server, transport } = await start((_, response) => void response.writeHead(200).write('x'));
    const answer = await transport(request({ streaming: true }));
    for (const socket of server.open) socket.resetAndDestroy();
    await vi.waitFor(() => expect(server.open.size).toBe(0), FREE);
    await expect(textOf(answer.body)).rejects.toThrow(/closed|reset|terminated/i);
  });
});

describe('a signal', () => {
  test('ends a request that waits for its answer, and its connection', async () => {
    const { server, transport } = await start(() => {});
    const stop = new AbortController();
    const answer = transport(request({ signal: stop.signal }));
    answer.catch(() => {});
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), FREE);
    stop.abort(new Error('stopping'));
    await expect(answer).rejects.toThrow('stopping');
    await vi.waitFor(() => expect(server.open.size).toBe(0), FREE);
  });

  test('ends a body that is being read', async () => {
    const { transport } = await start((_, response) => void response.writeHead(200).write('x'));
    const stop = new AbortController();
    const answer = await transport(request({ signal: stop.signal }));
    const text = textOf(answer.body);
    stop.abort(new Error('stopping'));
    await expect(text).rejects.toThrow('stopping');
  });

  test('that fired before sends nothing', async () => {
    const { server, transport } = await start((_, response) => reply(response, {}));
    await expect(transport(request({ signal: AbortSignal.abort(new Error('stopping')) }))).rejects.toThrow(
      'stopping',
    );
    expect(server.requests).toEqual([]);
  });
});

describe('closing', () => {
  const closed = async (server: Loopback) => vi.waitFor(() => expect(server.open.size).toBe(0), FREE);

  test('ends what is under way, and refuses what comes after', async () => {
    const { server, transport } = await start(() => {});
    const answers = [transport(request()), transport(request({ streaming: true }))];
    const ended = Promise.allSettled(answers);
    await vi.waitFor(() => expect(server.requests).toHaveLength(2), FREE);
    await transport.close();
    expect((await ended).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    await closed(server);
    await expect(transport(request())).rejects.toThrow('the connection to the API server was closed');
  });

  test('twice, or before the first request, is harmless', async () => {
    const { transport } = await start((_, response) => reply(response, {}));
    await transport.close();
    await expect(transport.close()).resolves.toBeUndefined();
  });
});

test('a watch over a real wire tells events as they come, and its end', async () => {
  const responses: ServerResponse[] = [];
  const { transport } = await start((_, response) => {
    response.writeHead(200).flushHeaders();
    responses.push(response);
  });
  const { signal } = new AbortController();
  const from = { resourceVersion: '1', timeoutSeconds: 290 };
  const stream = clientOver(transport).watch(PODS, from, { signal, idleMs: 10_000 })[Symbol.asyncIterator]();
  const first = stream.next();
  await vi.waitFor(() => expect(responses).toHaveLength(1), FREE);
  responses[0]?.write(`${JSON.stringify({ type: 'ADDED', object: pod('ä', '2') })}\n`);
  expect((await first).value).toEqual({ type: 'ADDED', object: pod('ä', '2') });
  responses[0]?.end();
  expect((await stream.next()).done).toBe(true);
});
