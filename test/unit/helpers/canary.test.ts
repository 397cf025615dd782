// Two canaries on loopback, and what stands between them: a relay that can be cut as a network cuts, without a word.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test as base } from 'vitest';
import type { CanaryReport } from '../../../src/helpers/canary-report.ts';
import { runCanary, type CanaryOptions } from '../../../src/helpers/programs/canary.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { freePorts } from '../../support/ports.ts';

const HOST = '127.0.0.1';

/** Passes connections on until it is cut: then nothing passes, and who has a connection is not told. */
class Relay {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #isSilent = false;

  constructor(to: number) {
    this.#to = to;
  }

  async open(port: number): Promise<void> {
    this.#isSilent = false;
    this.#server = createServer((socket) => this.#pass(socket)).listen(port, HOST);
    await once(this.#server, 'listening');
  }

  /** A dropped packet cannot be had on loopback: new connections are refused. */
  cut(what: 'new' | 'all'): void {
    this.#isSilent = what === 'all';
    this.#server?.close();
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(socket: Socket): void {
    const other = connect(this.#to, HOST);
    for (const [from, into] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => into.destroy());
      from.on('data', (data) => !this.#isSilent && into.write(data));
      from.on('end', () => !this.#isSilent && into.end());
    }
  }
}

interface Running {
  said: CanaryReport[];
  stop: () => Promise<void>;
  until: (what: string, holds: (last: CanaryReport) => boolean) => Promise<CanaryReport>;
}

const test = base
  .extend('start', ({}, { onCleanup }) => {
    const running: Running[] = [];
    onCleanup(async () => void (await Promise.all(running.map((one) => one.stop()))));
    return (options: Omit<CanaryOptions, 'clock' | 'say' | 'host' | 'pair'> & { pair?: string }): Running => {
      const stopped = new AbortController();
      const said: CanaryReport[] = [];
      const say = (report: CanaryReport) => said.push(report);
      const full = { pair: 'p1', ...options, host: HOST, clock: systemClock, say };
      const ended = runCanary(full, stopped.signal);
      const one: Running = {
        said,
        stop: async () => {
          stopped.abort();
          await ended;
        },
        until: async (what, holds) => {
          for (let waited = 0; waited < 15_000; waited += 25) {
            const last = said.at(-1);
            if (last && holds(last)) return last;
            await sleep(25);
          }
          throw new Error(`not: ${what}; said ${JSON.stringify(said)}`);
        },
      };
      running.push(one);
      return one;
    };
  })
  .extend('relay', ({}, { onCleanup }) => {
    const relays: Relay[] = [];
    onCleanup(() => relays.forEach((relay) => relay.close()));
    return async (port: number, to: number) => {
      const relay = new Relay(to);
      relays.push(relay);
      await relay.open(port);
      return relay;
    };
  });

const isConnected = ({ state }: CanaryReport) => state === 'Connected';
const isCut = ({ state }: CanaryReport) => state === 'Cut';

test('both sides are connected: the one that waits calls back the one that called', async ({ start }) => {
  const [peerPort = 0, subjectPort = 0] = await freePorts(2);
  const peer = start({ port: peerPort, peerPort: subjectPort });
  const subject = start({ port: subjectPort, peerPort, peer: HOST });
  await Promise.all([peer.until('connected', isConnected), subject.until('connected', isConnected)]);
  expect(peer.said).toEqual([{ state: 'Listening' }, { state: 'Connected' }]);
});

test('a side that ends is not taken for a cut', async ({ start }) => {
  const [peerPort = 0, subjectPort = 0] = await freePorts(2);
  const peer = start({ port: peerPort, peerPort: subjectPort });
  const subject = start({ port: subjectPort, peerPort, peer: HOST });
  await Promise.all([peer.until('connected', isConnected), subject.until('connected', isConnected)]);
  await subject.stop();
  await peer.until('listening', ({ state }) => state === 'Listening');
  await sleep(4_000);
  expect(peer.said.map(({ state }) => state)).toEqual(['Listening', 'Connected', 'Listening']);
});

test.for([
  ['new', 'Carries'],
  ['all', 'Cut'],
] as const)(
  'when %s connections are cut, the held one is said to be: %s',
  async ([cut, established], { start, relay }) => {
    const [peerPort = 0, subjectPort = 0, between = 0] = await freePorts(3);
    const way = await relay(between, peerPort);
    start({ port: peerPort, peerPort: subjectPort });
    const subject = start({ port: subjectPort, peerPort: between, peer: HOST });
    await subject.until('connected', isConnected);
    way.cut(cut);
    expect(await subject.until('cut', isCut)).toMatchObject({ state: 'Cut', established });
    await way.open(between);
    await subject.until('connected again', isConnected);
  },
);

test('whoever does not know the pair is not called back, and is shown out', async ({ start }) => {
  const [peerPort = 0, subjectPort = 0] = await freePorts(2);
  const peer = start({ port: peerPort, peerPort: subjectPort });
  await peer.until('listening', () => true);
  const other = start({ port: subjectPort, peerPort, peer: HOST, pair: 'p2' });
  const stranger = connect(peerPort, HOST);
  stranger.on('error', () => {});
  stranger.write('GET / HTTP/1.1\r\n\r\n');
  stranger.resume();
  await once(stranger, 'close');
  await sleep(1_500);
  expect([peer.said, other.said]).toEqual([[{ state: 'Listening' }], [{ state: 'Listening' }]]);
});

test('a flood of greetings and of beats fills nothing', async ({ start }) => {
  const [peerPort = 0, subjectPort = 0] = await freePorts(2);
  const peer = start({ port: peerPort, peerPort: subjectPort });
  await peer.until('listening', () => true);
  const flood = connect(peerPort, HOST);
  flood.on('error', () => {});
  flood.write('die-operator-canary p1\n');
  const before = process.memoryUsage().arrayBuffers;
  for (let sent = 0; sent < 200; sent++) if (!flood.write(Buffer.alloc(65_536))) await sleep(5);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  flood.destroy();
});

test('says why it cannot listen', async () => {
  const [port = 0] = await freePorts(1);
  const taken = createServer().listen(port, HOST);
  await once(taken, 'listening');
  const options = { clock: systemClock, say: () => {}, pair: 'p1', host: HOST, port };
  await expect(runCanary(options, AbortSignal.abort())).rejects.toThrow('EADDRINUSE');
  taken.close();
});
