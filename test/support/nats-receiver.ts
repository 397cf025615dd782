// A receiver as a process of its own, for tests that kill it: the stream and the real intake, and in place of the API
// server a folder, in which the first to make a file for a detection has opened its incident.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Detection } from '../../src/api/detection.ts';
import { DurableIntake } from '../../src/detect/intake.ts';
import type { DetectionOutcome } from '../../src/detect/outcome.ts';
import { createStream } from '../../src/detect/stream/stream.ts';
import { systemClock, systemRandom } from '../../src/kube/clock.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { NAMES } from './nats-names.ts';

/** How the process is told what to do: as JSON, its only argument. */
export interface ReceiverTask {
  server: string;
  /** Gets `incidents/<id>`, made before the start, and `<name>.outcomes`, a line for each. */
  folder: string;
  name: string;
  /** How long opening an incident takes, in milliseconds. */
  workMs: number;
}

const { server, folder, name, workMs } = JSON.parse(process.argv[2] ?? '') as ReceiverTask;

async function open({ summary }: Detection): Promise<DetectionOutcome> {
  await sleep(workMs);
  try {
    writeFileSync(join(folder, 'incidents', summary.id), name, { flag: 'wx' });
    return { outcome: 'Opened', message: 'opened' };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    return { outcome: 'Duplicate', message: 'counted before' };
  }
}

const intake = new DurableIntake({
  handle: open,
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
  onOutcome: ({ outcome }, { summary }) =>
    appendFileSync(join(folder, `${name}.outcomes`), `${outcome} ${summary.id}\n`),
});
const stream = createStream({
  ...NAMES,
  intake,
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
  metrics: {
    message: (result) => appendFileSync(join(folder, `${name}.messages`), `${result}\n`),
    detection: () => {},
  },
  servers: [server],
  create: true,
});
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
await stream.run(stopping.signal);
