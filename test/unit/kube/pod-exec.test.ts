// A command in a container, against a server that speaks as an API server does: what is asked, kept, cut and told.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { createUndiciTransport } from '../../../src/kube/undici-transport.ts';
import { createPodExec } from '../../../src/kube/pod-exec.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A message of one stream as a frame that a server sends. */
function frame(stream: number, text: string): Buffer {
  const payload = Buffer.concat([Buffer.from([stream]), Buffer.from(text)]);
  const head = Buffer.alloc(payload.length < 126 ? 2 : 4);
  head[0] = 0x82;
  head[1] = payload.length < 126 ? payload.length : 126;
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

const CLOSE = Buffer.from([0x88, 0x00]);
const success = frame(3, JSON.stringify({ status: 'Success' }));
const exit = (code: string) =>
  frame(
    3,
    JSON.stringify({ status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: code }] } }),
  );

interface Scene {
  /** What is sent after the handshake. */
  frames?: Buffer[];
  /** Answers so instead of a handshake. */
  refuses?: number;
  maxBytes?: number;
  withinMs?: number;
}

async function stage({ frames = [], refuses, maxBytes = 1_000, withinMs = 5_000 }: Scene) {
  const seen: IncomingMessage[] = [];
  const denied = {
    kind: 'Status',
    status: 'Failure',
    reason: 'Forbidden',
    message: 'pod web-1 is quarantined',
  };
  const server: Server = createServer((_request, response) => {
    response.writeHead(refuses ?? 400, { 'content-type': 'application/json' }).end(JSON.stringify(denied));
  });
  const sockets = new Set<Socket>();
  server.on('upgrade', (request, socket) => {
    sockets.add(socket as Socket);
    socket.on('error', () => {});
    seen.push(request);
    if (refuses !== undefined) return void socket.end(`HTTP/1.1 ${refuses} No\r\ncontent-length: 0\r\n\r\n`);
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: v5.channel.k8s.io\r\n\r\n`,
    );
    for (const one of frames) socket.write(one);
    if (frames.at(-1) === CLOSE) socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const connection = {
    server: `http://127.0.0.1:${port}`,
    credentials: async () => ({ headers: { authorization: 'Bearer t' }, tls: { rejectUnauthorized: true } }),
  };
  const { signal } = new AbortController();
  const transport = createUndiciTransport(connection);
  cleanups.push(() => void transport.close());
  const outcome = await createPodExec({ connection, transport, clock: systemClock }).run(
    { namespace: 'shop', pod: 'web-1', container: 'web', command: ['ls', '-l', '/tmp dir'] },
    { withinMs, maxBytes, signal },
  );
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return { ...outcome, out: text(outcome.stdout.bytes), err: text(outcome.stderr.bytes), seen };
}

describe('a command', () => {
  test('is asked for as it is, and both its streams come', async () => {
    const frames = [frame(1, 'one\n'), frame(2, 'oops\n'), frame(1, 'two\n'), success, CLOSE];
    const { out, err, exitCode, problem, stdout, seen } = await stage({ frames });
    expect({ out, err, exitCode, problem, truncated: stdout.truncated }).toEqual({
      out: 'one\ntwo\n',
      err: 'oops\n',
      exitCode: 0,
      problem: undefined,
      truncated: false,
    });
    const [request] = seen;
    expect(request?.url).toBe(
      '/api/v1/namespaces/shop/pods/web-1/exec?container=web&stdout=true&stderr=true&command=ls&command=-l&command=%2Ftmp+dir',
    );
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer t',
      'sec-websocket-protocol': 'v5.channel.k8s.io, v4.channel.k8s.io',
    });
  });

  test('that fails has its exit code', async () => {
    expect(await stage({ frames: [exit('127'), CLOSE] })).toMatchObject({ exitCode: 127 });
  });

  test.each<[string, Scene, object, RegExp]>([
    [
      'prints for ever',
      { frames: Array.from({ length: 50 }, () => frame(1, 'x'.repeat(100))), maxBytes: 250 },
      { out: 'x'.repeat(250), stdout: { truncated: true } },
      /it printed more than is kept/,
    ],
    [
      'does not end',
      { frames: [frame(1, 'so far')], withinMs: 400 },
      { out: 'so far', stdout: { truncated: true } },
      /given up: no answer within 400 ms/,
    ],
    [
      'loses its connection',
      { frames: [frame(1, 'so far'), CLOSE] },
      { out: 'so far', stdout: { truncated: true } },
      /connection ended before the command/,
    ],
    [
      'may not run',
      { refuses: 403 },
      { out: '' },
      /^cannot exec in pod shop\/web-1: .*pod web-1 is quarantined/,
    ],
    ['gets no WebSocket', { refuses: 400 }, { out: '' }, /lets no WebSocket through/],
    [
      'cannot be started',
      { frames: [frame(3, '{"status":"Failure","message":"no such file"}')] },
      { out: '' },
      /it could not be run: no such file/,
    ],
    ['ends in a way that cannot be read', { frames: [frame(3, '}')] }, { out: '' }, /cannot be read/],
  ])('that %s is told so, and what came is kept', async (_what, scene, expected, why) => {
    const outcome = await stage(scene);
    expect(outcome).toMatchObject(expected);
    expect(outcome.problem).toMatch(why);
    expect(outcome).not.toHaveProperty('exitCode');
  });
});
