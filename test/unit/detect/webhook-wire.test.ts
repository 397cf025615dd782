import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebhookOptions } from '../../../src/detect/webhook.ts';
import { TOKEN, WebhookBench, alert } from './support.ts';

let bench: WebhookBench;
const sockets: Socket[] = [];

async function open(options: Partial<WebhookOptions> = {}): Promise<URL> {
  bench = new WebhookBench(options);
  return new URL(await bench.webhook.listen({ host: '127.0.0.1', port: 0 }));
}

function dial(url: URL): Socket {
  const socket = connect(Number(url.port), url.hostname);
  sockets.push(socket);
  return socket;
}

/** All that the server sends until it closes the connection. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}

const head = (...lines: string[]) => ['POST /v1/falco HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n');

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bench.webhook.close();
});

describe('over a socket', () => {
  it('an alert is answered', async () => {
    const url = await open();
    const response = await fetch(new URL('/v1/falco', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(alert()),
    });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ outcome: 'Opened' });
  });

  it('401 comes before the body does', async () => {
    const socket = dial(await open());
    socket.write(head('Content-Type: application/json', 'Content-Length: 1000'));
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1.1 401 /);
  });

  it('a body that is announced too large is refused before it is sent', async () => {
    const socket = dial(await open());
    socket.write(
      head(`Authorization: Bearer ${TOKEN}`, 'Content-Type: application/json', 'Content-Length: 9999999'),
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1.1 413 /);
  });

  it('a body without a length is cut off at the limit', async () => {
    const socket = dial(await open({ bodyLimit: 1000 }));
    socket.on('error', () => {});
    const answer = readAll(socket);
    socket.write(
      head(`Authorization: Bearer ${TOKEN}`, 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
    );
    socket.write(`7d0\r\n${' '.repeat(2000)}\r\n`);
    expect(await answer).toMatch(/^HTTP\/1.1 413 /);
  });

  it.each([
    ['headers', 'POST /v1/falco HTTP/1.1\r\nHost: x\r\n'],
    [
      'a body',
      `${head(`Authorization: Bearer ${TOKEN}`, 'Content-Type: application/json', 'Content-Length: 50')}{"a`,
    ],
  ])('a client that does not finish %s is cut off', async (_what, start) => {
    const socket = dial(await open({ requestTimeoutMs: 100 }));
    socket.on('error', () => {});
    const answer = readAll(socket);
    socket.write(start);
    expect(await answer).toMatch(/^HTTP\/1.1 408 /);
    expect(bench.intake.detections).toEqual([]);
  });

  it('connections beyond the limit are closed', async () => {
    const url = await open({ maxConnections: 2 });
    const [first, second] = [dial(url), dial(url)];
    await Promise.all([once(first, 'connect'), once(second, 'connect')]);
    const third = dial(url);
    third.on('error', () => {});
    await once(third, 'close');
    expect([first.destroyed, second.destroyed]).toEqual([false, false]);
  });

  it('nothing listens to the network in clear text, unless told to', async () => {
    await open();
    await expect(bench.webhook.listen({ host: '192.0.2.1', port: 0 })).rejects.toThrow(/without TLS/);
    // An address for documentation: no machine has it, so listening there gets as far as the system and no further.
    const { webhook } = new WebhookBench();
    await expect(webhook.listen({ host: '192.0.2.1', port: 0, insecure: true })).rejects.toThrow(
      /EADDRNOTAVAIL/,
    );
  });

  it('nobody is asked for a token on loopback if somebody said so, and nothing listens elsewhere then', async () => {
    const url = await open({ tokens: () => [], allowUnauthenticated: true });
    const response = await fetch(new URL('/v1/falco', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alert()),
    });
    expect(response.status).toBe(202);
    const { webhook } = new WebhookBench({ tokens: () => [], allowUnauthenticated: true });
    await expect(webhook.listen({ host: '192.0.2.1', port: 0, insecure: true })).rejects.toThrow(
      /loopback only/,
    );
  });

  it('nobody is let in when there is no token, no client certificate, and nobody said so', async () => {
    const url = await open({ tokens: () => [] });
    const headers = { 'content-type': 'application/json', authorization: 'Bearer ' };
    const response = await fetch(new URL('/v1/falco', url), { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(401);
  });
});
