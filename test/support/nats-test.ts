// `test` for the suite of the stream: a folder and a real NATS server for each test, and receivers to read from it.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { inject, test } from 'vitest';
import type { Detection } from '../../src/api/detection.ts';
import type { Intake, Submission } from '../../src/detect/intake.ts';
import type { OutcomeName } from '../../src/detect/outcome.ts';
import type { StreamOptions } from '../../src/detect/stream/options.ts';
import type { MessageResult } from '../../src/detect/stream/results.ts';
import { createStream, type AlertStream } from '../../src/detect/stream/stream.ts';
import { systemClock, systemRandom } from '../../src/kube/clock.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { NAMES } from './nats-names.ts';
import type { NatsServer } from './nats-setup.ts';
import { prepareNats, type TestNats } from './nats.ts';
import { createRunFolder, type RunFolder } from './run-folder.ts';

const POLL_MS = 20;
const UNTIL_MS = 40_000;

/** An intake that answers as it is told and keeps what it was given. */
export class TellingIntake implements Intake {
  readonly detections: Detection[] = [];
  answer: (detection: Detection, times: number) => Submission = () => accepted();

  submit(detection: Detection): Submission {
    this.detections.push(detection);
    const times = this.detections.filter(({ summary }) => summary.id === detection.summary.id).length;
    return this.answer(detection, times);
  }
}

/** Accepted; safe when `durable` resolves. */
export function accepted(durable: Promise<unknown> = Promise.resolve()): Submission {
  return {
    accepted: true,
    outcome: Promise.resolve({ outcome: 'Opened', message: 'opened' }),
    durable: durable.then(() => {}),
  };
}

/** A receiver that runs in this process. */
export interface Reading {
  intake: TellingIntake;
  stream: AlertStream;
  /** What became of each delivery, in order. */
  results: MessageResult[];
  outcomes: OutcomeName[];
  /** SIGTERM, so to speak: resolves when it has stopped. */
  stop: () => Promise<void>;
}

/** See the file's first line. `nats` is not started yet; `running` is. */
export const natsTest = test
  .extend('binary', ({ skip }): string => {
    const server = inject('natsServer') as NatsServer | undefined;
    if (server === undefined)
      throw new Error('no NATS server: this suite needs the globalSetup nats-setup.ts');
    return 'binary' in server ? server.binary : skip(server.missing);
  })
  .extend('folder', ({}, { onCleanup }): RunFolder => {
    const folder = createRunFolder();
    onCleanup(() => folder.remove());
    return folder;
  })
  .extend('nats', ({ binary, folder }): Promise<TestNats> => prepareNats({ binary, folder }))
  .extend('running', async ({ nats }): Promise<TestNats> => {
    await nats.start();
    return nats;
  })
  .extend('admin', ({ nats }, { onCleanup }) => {
    const connections: NatsConnection[] = [];
    onCleanup(async () => void (await Promise.all(connections.map((connection) => connection.close()))));
    return async (options: NodeConnectionOptions = {}): Promise<JetStreamManager> => {
      const connection = await connect({ servers: nats.url, reconnect: false, ...options });
      connections.push(connection);
      return jetstreamManager(connection);
    };
  })
  .extend('read', ({ nats }, { onCleanup }) => {
    const readings: Reading[] = [];
    onCleanup(async () => void (await Promise.all(readings.map(({ stream }) => stream.close()))));
    return (options: Partial<StreamOptions> = {}): Reading => {
      const reading = startReading(nats, options);
      readings.push(reading);
      return reading;
    };
  });

function startReading(nats: TestNats, options: Partial<StreamOptions>): Reading {
  const intake = new TellingIntake();
  const results: MessageResult[] = [];
  const outcomes: OutcomeName[] = [];
  const stream = createStream({
    ...NAMES,
    intake,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    metrics: { message: (result) => results.push(result), detection: (outcome) => outcomes.push(outcome) },
    servers: [nats.url],
    create: true,
    ...options,
  });
  const stopping = new AbortController();
  const running = stream.run(stopping.signal);
  const stop = () => {
    stopping.abort();
    return running;
  };
  return { intake, stream, results, outcomes, stop };
}

/** Asks again until the answer pleases, and returns it; after 40 s rejects with `what` and the last answer. */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  pleases: (answer: T) => boolean = Boolean,
): Promise<T> {
  const end = performance.now() + UNTIL_MS;
  for (;;) {
    const answer = await ask();
    if (pleases(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`not within ${UNTIL_MS} ms: ${what}; last ${JSON.stringify(answer)}`);
    await sleep(POLL_MS);
  }
}

/** Resolves when the receiver reads. */
export async function ready({ stream }: Pick<Reading, 'stream'>): Promise<void> {
  await eventually(
    'the receiver reads',
    () => stream.check.reason() ?? 'ready',
    (reason) => reason === 'ready',
  );
}
