// Traffic by which is found out what a network lets through: a listener, and calls to it. A word that only the two know comes
// back, so that a proxy which takes every connection is not taken for the other end.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { z } from 'zod';
import type { Clock } from '../../kube/clock.ts';

/**
 * What came of a call. `Answered`: it got through, and the answer back. `Silent`: nothing came back. `Unclear`: something did
 * and not the answer, such as a refusal, which the other end may have sent as well as somebody on the way.
 */
export const CALL_RESULTS = ['Answered', 'Silent', 'Unclear'] as const;
/** See {@link CALL_RESULTS}. */
export type CallResult = (typeof CALL_RESULTS)[number];

/** Protocols that are tried. */
export const PROTOCOLS = ['TCP', 'UDP'] as const;
/** See {@link PROTOCOLS}. */
export type Protocol = (typeof PROTOCOLS)[number];

/** A word for each protocol, or what came of it. */
export type PerProtocol<T> = Readonly<Record<Protocol, T>>;
/** {@link PerProtocol} as it is written. */
export const PerProtocolSchema = z.object({ TCP: z.enum(CALL_RESULTS), UDP: z.enum(CALL_RESULTS) });

/** Where a call goes, and how long an answer may take in milliseconds. */
export interface Call {
  clock: Clock;
  address: string;
  port: number;
  withinMs: number;
}

const DATAGRAM_EVERY_MS = 200;
const MAX_WORD = 128;
const MAX_CONNECTIONS = 16;
// Nothing came back, or nothing could be sent at all.
const SILENCE = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPERM', 'EACCES']);

/** Listens for calls. */
export interface Listener {
  /** What came in: a protocol and a word, as `UDP <word>`. Also if the answer did not get back. */
  readonly heard: ReadonlySet<string>;
  close(): void;
}

/**
 * Listens on one address, TCP and UDP alike, and sends back the words that it was told to expect, and no others.
 * @throws a system error when it cannot listen, such as `EADDRINUSE`.
 */
export async function listen(address: string, port: number, words: readonly string[]): Promise<Listener> {
  const heard = new Set<string>();
  const expected = new Set(words);
  const hear = (protocol: Protocol, word: string): boolean => {
    if (!expected.has(word)) return false;
    heard.add(`${protocol} ${word}`);
    return true;
  };
  const server = createServer((socket) => answerStream(socket, (word) => hear('TCP', word)));
  server.maxConnections = MAX_CONNECTIONS;
  const udp = createSocket(familyOf(address));
  // What cannot be answered is nothing to end for.
  udp.on('message', (data, { address: from, port: to }) => {
    const word = data.toString('latin1');
    if (hear('UDP', word)) udp.send(word, to, from, () => {});
  });
  const close = () => {
    server.close();
    udp.close();
  };
  try {
    await Promise.all([listening(server, address, port), bound(udp, address, port)]);
  } catch (error) {
    close();
    throw error;
  }
  udp.on('error', () => {});
  return { heard, close };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port });
  await once(server, 'listening');
}

async function bound(udp: UdpSocket, address: string, port: number): Promise<void> {
  udp.bind({ address, port });
  await once(udp, 'listening');
}

function answerStream(socket: Socket, hear: (word: string) => boolean): void {
  let text = '';
  socket.on('error', () => {});
  socket.unref();
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const end = text.indexOf('\n');
    const word = text.slice(0, end);
    if (end >= 0 && hear(word)) socket.end(`${word}\n`);
    else if (end >= 0 || text.length > MAX_WORD) socket.destroy();
  });
}

/** Calls a {@link listen}er with both protocols. Never rejects. */
export async function call(to: Call, word: string): Promise<PerProtocol<CallResult>> {
  const [TCP, UDP] = await Promise.all([callTcp(to, word), callUdp(to, word)]);
  return { TCP, UDP };
}

function callTcp({ clock, address, port, withinMs }: Call, word: string): Promise<CallResult> {
  const socket = connect({ host: address, port });
  socket.once('connect', () => socket.write(`${word}\n`));
  let text = '';
  return outcomeOf(socket, clock, withinMs, (answered) => {
    socket.on('data', (data) => {
      text = `${text}${data.toString('latin1')}`.slice(0, MAX_WORD);
      if (text.startsWith(`${word}\n`)) answered();
    });
  });
}

/** Shakes hands with a TLS server, whoever it is. Never rejects. */
export function callTls({ clock, address, port, withinMs }: Call): Promise<CallResult> {
  // Nothing is sent that a stranger might not know; that somebody answers is all that counts.
  const socket = connectTls({ host: address, port, rejectUnauthorized: false });
  return outcomeOf(socket, clock, withinMs, (answered) => socket.once('secureConnect', answered));
}

function outcomeOf(
  socket: Socket,
  clock: Clock,
  withinMs: number,
  watch: (answered: () => void) => void,
): Promise<CallResult> {
  return new Promise((resolve) => {
    let isConnected = false;
    const end = (result: CallResult) => {
      cancel();
      socket.destroy();
      resolve(result);
    };
    const cancel = clock.after(withinMs, () => end(isConnected ? 'Unclear' : 'Silent'));
    socket.once('connect', () => (isConnected = true));
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) =>
      end(!isConnected && SILENCE.has(code) ? 'Silent' : 'Unclear'),
    );
    socket.once('close', () => end('Unclear'));
    watch(() => end('Answered'));
  });
}

function callUdp({ clock, address, port, withinMs }: Call, word: string): Promise<CallResult> {
  const socket = createSocket(familyOf(address));
  return new Promise((resolve) => {
    let cancelNext = () => {};
    const end = (result: CallResult) => {
      cancel();
      cancelNext();
      socket.close();
      resolve(result);
    };
    const cancel = clock.after(withinMs, () => end('Silent'));
    const next = () => {
      // What the network says about a datagram is no answer.
      socket.send(word, port, address, () => {});
      cancelNext = clock.after(DATAGRAM_EVERY_MS, next);
    };
    socket.on('error', () => {});
    socket.on('message', (data) => data.toString('latin1') === word && end('Answered'));
    next();
  });
}

function familyOf(address: string): 'udp4' | 'udp6' {
  return isIPv6(address) ? 'udp6' : 'udp4';
}
