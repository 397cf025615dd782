// A request that may be kept back until its first byte leaves, over real connections.
import { afterEach, describe, expect, test } from 'vitest';
import type { RequestListener } from 'node:http';
import type { Connection } from '../../../src/kube/connection.ts';
import type { HttpRequest, Transport } from '../../../src/kube/transport.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { received, reply, serve, serveProxy, type Loopback } from './support/loopback.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** As many calls as the transport sends at the same time. */
const CONNECTIONS = 16;
const NO = new Error('not now');

interface Stage {
  server: Loopback;
  transport: Transport;
}

async function start(
  listener: RequestListener,
  change: (c: Connection) => Connection = (c) => c,
): Promise<Stage> {
  const server = await serve(listener);
  const credentials = () => Promise.resolve({ headers: {}, tls: { rejectUnauthorized: true } });
  const transport = createUndiciTransport(change({ server: server.url, credentials }));
  cleanups.push(server.close, () => transport.close());
  return { server, transport };
}

function request(rest: Partial<HttpRequest>): HttpRequest {
  const { signal } = new AbortController();
  return { method: 'PATCH', path: '/x', headers: {}, body: '{}', streaming: false, signal, ...rest };
}

/** What may be kept back: `asked` counts how often that was asked. */
function gate() {
  const made = {
    open: true,
    asked: 0,
    beforeSend: () => {
      made.asked += 1;
      if (!made.open) throw NO;
    },
  };
  return made;
}

const rejection = (work: Promise<unknown>) =>
  work.then(
    () => 'sent',
    (error: unknown) => error,
  );

describe('a request', () => {
  test('that may leave does so, whole, and its answer comes whole', async () => {
    const { transport } = await start(
      (incoming, response) => void received(incoming).then((body) => reply(response, { body })),
    );
    const { beforeSend } = gate();
    const answer = await transport(request({ body: '["é"]', beforeSend }));
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(Buffer.concat(await Array.fromAsync(answer.body)).toString()).toBe('{"body":"[\\"é\\"]"}');
  });

  test('that may not leave is not sent, and the next one is', async () => {
    const { server, transport } = await start((_, response) => reply(response, {}));
    const closed = gate();
    closed.open = false;
    expect(await rejection(transport(request({ beforeSend: closed.beforeSend })))).toBe(NO);
    expect(closed.asked).toBe(1);
    expect(await transport(request({ path: '/next' }))).toMatchObject({ status: 200 });
    expect(server.requests.map(({ url }) => url)).toEqual(['/next']);
  });

  test('is asked for after its connection was made and its credentials were read', async () => {
    const credentials = Promise.withResolvers<undefined>();
    const { server, transport } = await start(
      (_, response) => reply(response, {}),
      (connection) => ({
        ...connection,
        credentials: () => credentials.promise.then(() => connection.credentials()),
      }),
    );
    const late = gate();
    const sent = rejection(transport(request({ beforeSend: late.beforeSend })));
    late.open = false;
    credentials.resolve(undefined);
    expect(await sent).toBe(NO);
    expect(server.requests).toEqual([]);
    expect(server.connections).toBe(1);
  });

  test('that waited for a free connection is kept back, and those around it are not', async () => {
    const answers: (() => void)[] = [];
    const { server, transport } = await start((_, response) => answers.push(() => reply(response, {})));
    const busy = Array.from({ length: CONNECTIONS }, () => transport(request({ path: '/busy' })));
    while (server.requests.length < CONNECTIONS) await new Promise((resolve) => setImmediate(resolve));
    const late = gate();
    const waiting = rejection(transport(request({ path: '/late', beforeSend: late.beforeSend })));
    const after = transport(request({ path: '/after' }));
    late.open = false;
    for (const answer of answers) answer();
    expect(await waiting).toBe(NO);
    for (const { body } of await Promise.all(busy)) await Array.fromAsync(body);
    while (answers.length === CONNECTIONS) await new Promise((resolve) => setImmediate(resolve));
    for (const answer of answers.slice(CONNECTIONS)) answer();
    expect(await after).toMatchObject({ status: 200 });
    expect(server.requests.map(({ url }) => url)).not.toContain('/late');
  });

  test('that was given up by its signal is so also behind the guard', async () => {
    const { transport } = await start(() => {});
    const gone = new AbortController();
    const { beforeSend } = gate();
    const sent = rejection(transport(request({ signal: gone.signal, beforeSend })));
    await new Promise((resolve) => setTimeout(resolve, 20));
    gone.abort(new Error('enough'));
    expect(await sent).toMatchObject({ message: 'enough' });
  });

  test('that breaks rejects behind the guard too', async () => {
    const { transport } = await start((_, response) => void response.socket?.destroy());
    const { beforeSend } = gate();
    expect(await rejection(transport(request({ beforeSend })))).toMatchObject({ code: 'UND_ERR_SOCKET' });
  });

  test('through a proxy is kept back as well', async () => {
    const proxy = await serveProxy();
    cleanups.push(proxy.close);
    const { server, transport } = await start(
      (_, response) => reply(response, {}),
      (connection) => ({ ...connection, proxyUrl: proxy.url }),
    );
    const closed = gate();
    expect(await transport(request({ path: '/first', beforeSend: closed.beforeSend }))).toMatchObject({
      status: 200,
    });
    closed.open = false;
    expect(await rejection(transport(request({ path: '/second', beforeSend: closed.beforeSend })))).toBe(NO);
    expect(server.requests.map(({ url }) => url)).toEqual(['/first']);
  });
});
