// Nothing is lost, and nothing counted twice, whatever is killed.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { wantedStream } from '../../src/detect/stream/wanted.ts';
import { detected } from '../unit/detect/support.ts';
import { recordedBody } from '../support/alerts.ts';
import { NAMES } from '../support/nats-names.ts';
import { publishAll } from '../support/nats-publisher.ts';
import type { ReceiverTask } from '../support/nats-receiver.ts';
import { eventually, natsTest } from '../support/nats-test.ts';
import { startDaemon, type Daemon } from '../support/processes.ts';

const COUNT = 2_000;
/** Messages that one receiver has in hand at the most. */
const IN_HAND = 200;
const WORK_MS = 40;
const RECEIVER = join(import.meta.dirname, '../support/nats-receiver.ts');

/** Alerts of different containers: each opens an incident of its own. */
const ALERTS = Array.from({ length: COUNT }, (_, index) => {
  const body = recordedBody('01-normal');
  const fields = {
    ...(body['output_fields'] as object),
    'container.id': index.toString(16).padStart(12, '0'),
  };
  return { ...body, output_fields: fields };
});

function lines(folder: string, ending: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(ending));
  return files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean));
}

natsTest(
  '2,000 alerts, two receivers; one of them and the server are killed',
  async ({ running, folder, admin }) => {
    mkdirSync(join(folder.path, 'incidents'));
    const incidents = () => readdirSync(join(folder.path, 'incidents'));
    const receiver = async (name: string): Promise<Daemon> => {
      const task: ReceiverTask = { server: running.url, folder: folder.path, name, workMs: WORK_MS };
      const daemon = await startDaemon(name, process.execPath, [RECEIVER, JSON.stringify(task)], folder.path);
      folder.adopt(daemon.id);
      return daemon;
    };
    const { streams } = await admin();
    await streams.add(wantedStream(NAMES));
    await publishAll(running, ALERTS);
    // Published without an answer from the server: that it has them all is seen only here.
    expect((await streams.info(NAMES.stream)).state.messages).toBe(COUNT);

    const [first] = await Promise.all([receiver('first'), receiver('second')]);
    await eventually('some are done', () => incidents().length > 200);
    expect(incidents().length).toBeLessThan(COUNT - 2 * IN_HAND);

    await first.kill();
    await eventually('some more are done', () => incidents().length > 600);
    await running.kill();
    const whenKilled = incidents().length;
    expect(whenKilled).toBeLessThan(COUNT - IN_HAND);
    await running.start();
    await receiver('third');

    const after = await admin();
    const left = async () => (await after.streams.info(NAMES.stream)).state.messages;
    await eventually('nothing is left in the stream', async () => (await left()) === 0);
    const ids = ALERTS.map((alert) => detected(alert).summary.id);
    expect(incidents().toSorted()).toEqual(ids.toSorted());

    const outcomes = lines(folder.path, '.outcomes');
    const opened = outcomes.filter((line) => line.startsWith('Opened'));
    expect(new Set(opened).size).toBe(opened.length);
    // What was killed between opening and telling is told as a duplicate.
    const told = new Set(outcomes.map((line) => line.split(' ')[1]));
    expect(told.size).toBe(COUNT);
    // Handed out twice is only what somebody had in hand.
    expect(outcomes.length - COUNT).toBeLessThanOrEqual(3 * IN_HAND);
    expect(new Set(lines(folder.path, '.messages'))).not.toContain('SetAside');
    const { num_ack_pending: pending } = await after.consumers.info(NAMES.stream, NAMES.consumer);
    expect(pending).toBe(0);
  },
);
