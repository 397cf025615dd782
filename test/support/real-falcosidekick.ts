// The real Falcosidekick, with a webhook behind it that keeps what it is sent.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import { startDaemon } from './processes.ts';

/** See the file's first line. */
export interface RealFalcosidekick {
  readonly url: string;
  /** Bodies that it sent to its webhook. */
  readonly forwarded: string[];
  close(): Promise<void>;
}

const START_MS = 20_000;
const LOOK_MS = 50;

/** Starts that binary on loopback and waits until it is healthy. */
export async function startRealFalcosidekick(binary: string): Promise<RealFalcosidekick> {
  const forwarded: string[] = [];
  const webhook = createServer((request, response) => {
    void text(request).then((body) => {
      forwarded.push(body);
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const [port] = await freePorts(1);
  const folder = await mkdtemp(join(tmpdir(), 'die-operator-falcosidekick-'));
  const address = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`;
  const settings = ['LISTENADDRESS=127.0.0.1', `LISTENPORT=${port}`, `WEBHOOK_ADDRESS=${address}`];
  const daemon = await startDaemon('falcosidekick', 'env', [...settings, binary], folder);
  const close = async () => {
    await daemon.kill();
    webhook.closeAllConnections();
    await new Promise((resolve) => webhook.close(resolve));
    await rm(folder, { recursive: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const isHealthy = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let waited = 0; !(await isHealthy()); waited += LOOK_MS) {
    if (waited > START_MS || daemon.ended() !== undefined) {
      const log = daemon.logTail();
      await close();
      throw new Error(`Falcosidekick did not get healthy: ${log}`);
    }
    await sleep(LOOK_MS);
  }
  return { url, forwarded, close };
}
