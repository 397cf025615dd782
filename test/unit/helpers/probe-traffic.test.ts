// The traffic of a probe, on loopback: an answer counts only if it is the word that was sent, and what arrives counts also
// when no answer gets back.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  call,
  callTls,
  listen,
  type Listener,
  type Protocol,
} from '../../../src/helpers/programs/probe-traffic.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { freePorts } from '../../support/ports.ts';

const HOST = '127.0.0.1';
const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function aPort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('there is no port');
  return port;
}
const to = (port: number, address = HOST) => ({ clock: systemClock, address, port, withinMs: 600 });

async function listening(words: string[]): Promise<{ listener: Listener; port: number }> {
  const port = await aPort();
  const listener = await listen(HOST, port, words);
  open.push(listener);
  return { listener, port };
}

async function taking(answer: string): Promise<number> {
  const port = await aPort();
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    if (answer !== '') socket.write(answer);
    open.push({ close: () => socket.destroy() });
  }).listen(port, HOST);
  await once(server, 'listening');
  open.push(server);
  return port;
}

describe('a call', () => {
  test('is answered by the listener that expects its word, which hears it', async () => {
    const { listener, port } = await listening(['a', 'b']);
    expect(await call(to(port), 'a')).toEqual({ TCP: 'Answered', UDP: 'Answered' });
    expect([...listener.heard].toSorted()).toEqual(['TCP a', 'UDP a']);
  });

  test('is neither answered nor heard with another word, however long', async () => {
    const { listener, port } = await listening(['a']);
    for (const word of ['b', 'a'.repeat(1_000)])
      expect(await call(to(port), word)).toEqual({ TCP: 'Unclear', UDP: 'Silent' });
    expect(listener.heard.size).toBe(0);
  });

  test.each<[string, string]>([
    ['takes it and says nothing', ''],
    ['answers something else', 'HTTP/1.1 503 Service Unavailable\r\n\r\n'],
  ])('is unclear when a proxy %s', async (_what, answer) => {
    expect(await call(to(await taking(answer)), 'a')).toMatchObject({ TCP: 'Unclear' });
  });

  test('is unclear when it is refused, and silent when a datagram gets no answer', async () => {
    expect(await call(to(await aPort()), 'a')).toEqual({ TCP: 'Unclear', UDP: 'Silent' });
  });

  test('is silent when it cannot leave', async () => {
    // The address of documentation (RFC 3849) on a socket that has no way there, or none that answers.
    expect(await call(to(9, '2001:db8::1'), 'a')).toEqual({ TCP: 'Silent', UDP: 'Silent' });
  });

  test('arrives also when the answer goes astray', async () => {
    const { listener, port } = await listening(['a']);
    const socket = createSocket('udp4');
    await new Promise((sent) => socket.send('a', port, HOST, sent));
    socket.close();
    await expect.poll(() => [...listener.heard]).toEqual(['UDP a' satisfies `${Protocol} a`]);
  });
});

describe('a TLS handshake', () => {
  test('is unclear with somebody who does not speak it, or refuses', async () => {
    expect(await callTls(to(await taking('hello')))).toBe('Unclear');
    expect(await callTls(to(await taking('')))).toBe('Unclear');
    expect(await callTls(to(await aPort()))).toBe('Unclear');
  });
});

test('a listener says when its port is taken, and leaves nothing open', async () => {
  const port = await taking('');
  await expect(listen(HOST, port, [])).rejects.toMatchObject({ code: 'EADDRINUSE' });
  const udp = createSocket('udp4').bind(port, HOST);
  open.push(udp);
  await once(udp, 'listening');
});
