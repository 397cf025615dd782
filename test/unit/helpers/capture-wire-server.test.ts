// A capture pod and its reader on real sockets: only who has the key gets the evidence, once, as fast as he takes it.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { describe, expect, test as base } from 'vitest';
import type { CaptureOrder } from '../../../src/helpers/capture-order.ts';
import type { CaptureReport } from '../../../src/helpers/capture-report.ts';
import { dialCapture } from '../../../src/helpers/capture-dial.ts';
import { KEY_IDENTITY, TLS_OPTIONS } from '../../../src/helpers/capture-wire.ts';
import type { NodeCollector } from '../../../src/helpers/programs/capture/collector.ts';
import { folderOf, runCapture } from '../../../src/helpers/programs/capture/run.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { head, take } from '../../support/capture-stream.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const LOCAL = '127.0.0.1';
const MIB = 1024 * 1024;
const order: CaptureOrder = {
  podUid: '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f',
  containers: [{ name: 'web', id: 'a'.repeat(64), ended: false }],
  collectors: ['Processes', 'Filesystem'],
  contents: true,
  limits: { deadlineMs: 20_000, maxBytes: 64 * MIB, maxFileBytes: MIB, maxEntries: 100, maxProcesses: 10 },
  recipients: [],
};
const nothing: NodeCollector = { name: 'filesystem', collect: async () => {} };
const oneFile: NodeCollector = {
  name: 'processes',
  collect: async (_context, sink) => {
    await sink.file(head('node/processes.json'), [Buffer.from('[]')]);
    sink.problem('processes', 'one was gone');
  },
};

interface Scene {
  processes?: NodeCollector;
  filesystem?: NodeCollector;
  order?: Partial<CaptureOrder>;
  clock?: VirtualClock;
}

const test = base.extend('pod', ({}, { onCleanup }) => {
  const given = new AbortController();
  onCleanup(() => given.abort());
  return async ({ processes = oneFile, filesystem = nothing, clock, ...scene }: Scene = {}) => {
    const key = randomBytes(32);
    const { promise, resolve } = Promise.withResolvers<number>();
    const report = runCapture({
      clock: clock ?? systemClock,
      order: { ...order, ...scene.order },
      proc: '/nowhere',
      collectors: { Processes: processes, Filesystem: filesystem },
      folders: [],
      serve: { key, port: 0, host: LOCAL, listening: resolve },
    });
    const port = await promise;
    const dial = (with_ = key) => {
      const tried = AbortSignal.any([given.signal, AbortSignal.timeout(10_000)]);
      const where = { clock: systemClock, host: LOCAL, port, key: with_, deadlineMs: 10_000 };
      return dialCapture({ ...where, dialing: tried, signal: tried }, () => {});
    };
    return { key, port, report, dial };
  };
});

/** What becomes of a connection: the error that it ends with, or that it got through. */
async function tlsWith(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({ host: LOCAL, port, checkServerIdentity: () => undefined, ...options });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.once('close', () => resolve('closed'));
  socket.once('secureConnect', () => resolve('open'));
  const result = await promise;
  socket.destroy();
  return result;
}

const psk = (key: Uint8Array, identity = KEY_IDENTITY) => ({
  ...TLS_OPTIONS,
  pskCallback: () => ({ psk: key, identity }),
});

describe('who comes for the evidence', () => {
  test('with the key gets it, and the pod says what it sent', async ({ pod }) => {
    const { dial, report } = await pod();
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    const taken = await take(connection.source);
    expect(taken.files.map(({ head: { path } }) => path)).toEqual(['node/processes.json']);
    expect(taken.problems).toEqual(['one was gone']);
    expect(await report).toEqual({ result: 'Sent', ...taken.done });
  });

  test.each<[string, (key: Buffer) => ConnectionOptions]>([
    ['another key', () => psk(randomBytes(32))],
    ['another name', (key) => psk(key, 'somebody')],
    ['a part of the key', (key) => psk(key.subarray(0, 31))],
    ['no key', () => ({ rejectUnauthorized: false })],
    ['a weaker cipher', (key) => ({ ...psk(key), ciphers: 'PSK-AES128-CBC-SHA:@SECLEVEL=0' })],
    ['TLS 1.3 only', (key) => ({ ...psk(key), minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })],
  ])('with %s is turned away, and the one with the key still comes', async (_what, options) => {
    const { key, port, dial, report } = await podFor();
    expect(await tlsWith(port, options(key))).not.toBe('open');
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    await take(connection.source);
    expect(await report).toMatchObject({ result: 'Sent' });
  });

  test('later finds nobody, also with the key', async ({ pod }) => {
    const going = new AbortController();
    const processes: NodeCollector = {
      name: 'processes',
      collect: async () => void (await once(going.signal, 'abort')),
    };
    const { key, port, dial, report } = await pod({ processes });
    const before = connectTcp({ host: LOCAL, port });
    before.on('error', () => {});
    await once(before, 'connect');
    const closed = once(before, 'close');
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    // One that was there before, without a key, is closed as soon as the right one has come.
    await closed;
    expect(await tlsWith(port, psk(key))).toBe('ECONNREFUSED');
    going.abort();
    await take(connection.source);
    expect(await report).toMatchObject({ result: 'Sent' });
  });

  test('cannot keep others out by many connections that say nothing', async ({ pod }) => {
    const { port, dial, report } = await pod();
    const idle = Array.from({ length: 40 }, () => connectTcp({ host: LOCAL, port }).on('error', () => {}));
    // Those that say nothing are closed after the time of a handshake; the reader tries on.
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    await take(connection.source);
    expect(await report).toMatchObject({ result: 'Sent' });
    for (const socket of idle) socket.destroy();
  });

  test('not at all ends the pod', async ({ pod }) => {
    const clock = new VirtualClock();
    const { report } = await pod({ clock });
    await clock.advance(61_000);
    expect(await report).toMatchObject({ result: 'Refused', reason: 'NoReader' });
  });

  test('and goes away ends the pod', async ({ pod }) => {
    const begun = new AbortController();
    const processes: NodeCollector = {
      name: 'processes',
      collect: async ({ signal }) => {
        begun.abort();
        await once(signal, 'abort');
      },
    };
    const { dial, report } = await pod({ processes });
    const connection = await dial();
    if (!begun.signal.aborted) await once(begun.signal, 'abort');
    connection?.close();
    expect(await report).toMatchObject({ result: 'Refused', reason: 'Broken' });
  });
});

// `test.each` of an extended test has no fixtures besides the row.
async function podFor() {
  const key = randomBytes(32);
  const { promise, resolve } = Promise.withResolvers<number>();
  const report: Promise<CaptureReport> = runCapture({
    clock: systemClock,
    order,
    proc: '/nowhere',
    collectors: { Processes: oneFile, Filesystem: nothing },
    folders: [],
    serve: { key, port: 0, host: LOCAL, listening: resolve },
  });
  const port = await promise;
  const signal = AbortSignal.timeout(10_000);
  const dial = () =>
    dialCapture(
      { clock: systemClock, host: LOCAL, port, key, deadlineMs: 10_000, dialing: signal, signal },
      () => {},
    );
  return { key, port, report, dial };
}

describe('what collects', () => {
  test('is held back while nobody takes what it found', async ({ pod }) => {
    let made = 0;
    const processes: NodeCollector = {
      name: 'processes',
      collect: async (_context, sink) => {
        const content = (function* () {
          for (; made < 64; made += 1) yield Buffer.alloc(MIB);
        })();
        await sink.file(head('node/large'), content);
      },
    };
    const { dial, report } = await pod({ processes });
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    const pieces = connection.source[Symbol.asyncIterator]();
    await pieces.next();
    // What the kernel holds of a connection on one machine, and no more: looked at until it does not grow.
    for (let quiet = 0, before = -1; quiet < 500; quiet = before === made ? quiet + 1 : 0) {
      before = made;
      await turn();
    }
    expect(made).toBeLessThan(32);
    connection.close();
    expect(await report).toMatchObject({ reason: 'Broken' });
  });

  test('and fails is a problem, and the next one runs', async ({ pod }) => {
    const processes: NodeCollector = {
      name: 'processes',
      collect: () => Promise.reject(new Error('no /proc')),
    };
    const { dial } = await pod({ processes, filesystem: oneFile });
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    const { files, problems } = await take(connection.source);
    expect(files).toHaveLength(1);
    expect(problems).toEqual(['failed: no /proc', 'one was gone']);
  });

  test('and does not end is given up, with its file where it is, and the next one runs', async ({ pod }) => {
    const processes: NodeCollector = {
      name: 'processes',
      collect: (_context, sink) =>
        sink
          .file(
            head('node/hanging'),
            (async function* () {
              yield Buffer.from('begun');
              await new Promise(() => {});
            })(),
          )
          .then(() => {}),
    };
    const hangs: NodeCollector = { name: 'filesystem', collect: () => new Promise(() => {}) };
    const limits = { ...order.limits, deadlineMs: 5_000 };
    const { dial, report } = await pod({ processes, filesystem: hangs, order: { limits } });
    const connection = await dial();
    if (!connection) throw new Error('no connection');
    const { files, problems } = await take(connection.source);
    expect(files).toMatchObject([{ head: { path: 'node/hanging' }, end: { size: 5, truncated: true } }]);
    expect(problems).toHaveLength(2);
    expect(await report).toMatchObject({ result: 'Sent', files: 1 });
  });
});

test('a path of the node is found where its folder is mounted, and nowhere else', () => {
  const folders = [{ path: '/var/lib/containerd', mountedAt: '/host/containerd' }];
  expect(folderOf(folders, '/var/lib/containerd/a/fs')).toBe('/host/containerd/a/fs');
  expect(folderOf(folders, '/var/lib/containerd')).toBe('/host/containerd');
  for (const path of ['/etc/shadow', '/var/lib/containerd-2/a', '/var/lib/containerd/../x', 'a', ''])
    expect(folderOf(folders, path)).toBeUndefined();
});
