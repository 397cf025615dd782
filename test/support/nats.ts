// A real NATS server for a test: started, killed and started again on the same port with the same store.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import { startDaemon, type Daemon } from './processes.ts';
import type { RunFolder } from './run-folder.ts';

/** How a server is set up. */
export interface NatsSetup {
  binary: string;
  folder: RunFolder;
  /** More of the configuration file, such as `authorization {...}`. */
  config?: string;
}

/** See the file's first line. */
export interface TestNats {
  readonly url: string;
  readonly port: number;
  /** Starts it, if it does not run, and waits until it takes connections. */
  start(config?: string): Promise<void>;
  /** Ends it with KILL. */
  kill(): Promise<void>;
}

const READY_MS = 20_000;
const POLL_MS = 20;

/** Takes a port and makes a store; starts nothing. */
export async function prepareNats({ binary, folder, config = '' }: NatsSetup): Promise<TestNats> {
  const [port = 0] = await freePorts(1);
  const name = `nats-${port}`;
  const store = join(folder.path, `${name}-store`);
  mkdirSync(store);
  const file = join(folder.path, `${name}.conf`);
  let daemon: Daemon | undefined;
  let starts = 0;
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    start: async (changed = config) => {
      if (daemon && daemon.ended() === undefined) return;
      const jetStream = `jetstream { store_dir: "${store}", max_mem: 64MB, max_file: 4GB }`;
      writeFileSync(file, [`listen: "127.0.0.1:${port}"`, jetStream, changed].join('\n'));
      // A log of its own for each start: what an earlier one said is not taken for this one's.
      daemon = await startDaemon(`${name}-${++starts}`, binary, ['-c', file], folder.path);
      folder.adopt(daemon.id);
      await ready(port, daemon);
    },
    kill: async () => {
      await daemon?.kill();
      daemon = undefined;
    },
  };
}

/** Starts a server at once. */
export async function startNats(setup: NatsSetup): Promise<TestNats> {
  const nats = await prepareNats(setup);
  await nats.start();
  return nats;
}

async function ready(port: number, daemon: Daemon): Promise<void> {
  const end = performance.now() + READY_MS;
  while (!(await greets(port))) {
    const ended = daemon.ended();
    if (ended !== undefined) throw new Error(`nats-server ${ended}:\n${daemon.logTail()}`);
    if (performance.now() > end) throw new Error(`nats-server is not ready:\n${daemon.logTail()}`);
    await sleep(POLL_MS);
  }
  // It takes connections a moment before JetStream has read its store.
  while (!/Server is ready/.test(daemon.logTail(40))) await sleep(POLL_MS);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1');
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => done(data.toString().startsWith('INFO')));
    socket.once('error', () => done(false));
    socket.once('close', () => resolve(false));
  });
}
