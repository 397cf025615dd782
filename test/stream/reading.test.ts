// Alerts come in from the stream, and are acknowledged when they are safe and not before.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { recordedBody } from '../support/alerts.ts';
import { publishAlert } from '../support/nats-publisher.ts';
import { NAMES } from '../support/nats-names.ts';
import { accepted, eventually, natsTest, ready } from '../support/nats-test.ts';

interface Recorded {
  subject: string;
  body: string;
}

const RECORDED = JSON.parse(
  readFileSync(new URL('../fixtures/falcosidekick/08-nats-messages.json', import.meta.url), 'utf8'),
) as Recorded[];

const SECOND_NS = 1_000_000_000;

natsTest(
  'reads what Falcosidekick published, and leaves nothing behind',
  async ({ running, admin, read }) => {
    const reading = read();
    await ready(reading);
    for (const { subject, body } of RECORDED) await publishAlert(running, body, { subject });
    await eventually(
      'all are done',
      () => reading.results.length,
      (count) => count === RECORDED.length,
    );
    expect(new Set(reading.results)).toEqual(new Set(['Acknowledged']));
    expect(reading.intake.detections.map(({ summary }) => summary.rule).toSorted()).toEqual(
      RECORDED.map(({ body }) => (JSON.parse(body) as { rule: string }).rule).toSorted(),
    );
    expect((await (await admin()).streams.info(NAMES.stream)).state.messages).toBe(0);
  },
);

natsTest('reads what was published before there was a receiver', async ({ running, read }) => {
  const first = read();
  await ready(first);
  await first.stop();
  await publishAlert(running, recordedBody('01-normal'));
  const second = read();
  await eventually('it is done', () => second.results.includes('Acknowledged'));
  expect(first.results).toEqual([]);
});

natsTest('counts test events and alerts about the node, and acknowledges them', async ({ running, read }) => {
  const reading = read();
  await ready(reading);
  await publishAlert(running, recordedBody('04-test-event'));
  const normal = recordedBody('01-normal');
  const fields = { ...(normal['output_fields'] as object), 'container.id': 'host' };
  await publishAlert(running, { ...normal, output_fields: fields });
  await eventually('both are done', () => reading.results.length === 2);
  expect(reading.results).toEqual(['Acknowledged', 'Acknowledged']);
  expect(reading.outcomes.toSorted()).toEqual(['Ignored', 'NotAPod']);
  expect(reading.intake.detections).toEqual([]);
});

natsTest('hands an alert out again when the intake had no room', async ({ running, read }) => {
  const reading = read();
  await ready(reading);
  reading.intake.answer = (_detection, times) =>
    times < 3 ? { accepted: false, reason: 'too many alerts wait' } : accepted();
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('it is done', () => reading.results.includes('Acknowledged'));
  expect(reading.results).toEqual(['NoRoom', 'NoRoom', 'Acknowledged']);
});

natsTest('does not acknowledge what could not be kept safe', async ({ running, admin, read }) => {
  const reading = read();
  await ready(reading);
  const { consumers, streams } = await admin();
  let safe = false;
  reading.intake.answer = () =>
    accepted(safe ? Promise.resolve() : Promise.reject(new Error('the disk of the journal is full')));
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('it was tried twice', () => reading.results.length >= 2);
  expect(new Set(reading.results)).toEqual(new Set(['NotDurable']));
  expect((await consumers.info(NAMES.stream, NAMES.consumer)).num_ack_pending).toBe(1);
  expect((await streams.info(NAMES.stream)).state.messages).toBe(1);
  safe = true;
  await eventually('it is done', () => reading.results.at(-1) === 'Acknowledged');
  expect((await streams.info(NAMES.stream)).state.messages).toBe(0);
});

natsTest(
  'keeps an alert that takes longer than ack_wait, and hands it to nobody else',
  async ({ running, admin, read }) => {
    const first = read();
    await ready(first);
    const { consumers } = await admin();
    await consumers.update(NAMES.stream, NAMES.consumer, { ack_wait: 2 * SECOND_NS });
    await first.stop();

    const readings = [read(), read()];
    await Promise.all(readings.map(ready));
    const slow = Promise.withResolvers<undefined>();
    for (const { intake } of readings) intake.answer = () => accepted(slow.promise);
    await publishAlert(running, recordedBody('01-normal'));
    const submitted = () => readings.flatMap(({ intake }) => intake.detections).length;
    await eventually('one has it', submitted);
    const end = performance.now() + 5_000;
    await eventually('two and a half times ack_wait went by', () => performance.now() > end);
    expect(submitted()).toBe(1);
    slow.resolve(undefined);
    const results = () => readings.flatMap((reading) => reading.results);
    await eventually('it is done', () => results().length);
    expect(results()).toEqual(['Acknowledged']);
  },
);

natsTest('gives back at once what it could not finish when it stops', async ({ running, read }) => {
  const first = read({ stopGraceMs: 500 });
  await ready(first);
  first.intake.answer = () => accepted(new Promise(() => {}));
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('the first has it', () => first.intake.detections.length);
  const second = read();
  await ready(second);
  const stopped = performance.now();
  await first.stop();
  await eventually('the second has done it', () => second.results.includes('Acknowledged'));
  // Well before ack_wait, which is 10 s.
  expect(performance.now() - stopped).toBeLessThan(6_000);
  expect(first.results).toEqual(['Returned']);
  expect(first.stream.check.reason()).toBe('this receiver has stopped');
});

natsTest('finishes what is in hand when it stops', async ({ running, read }) => {
  const reading = read();
  await ready(reading);
  const safe = Promise.withResolvers<undefined>();
  reading.intake.answer = () => accepted(safe.promise);
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('it is in hand', () => reading.intake.detections.length);
  const stopped = reading.stop();
  safe.resolve(undefined);
  await stopped;
  expect(reading.results).toEqual(['Acknowledged']);
});

natsTest('gives back, and sets nothing aside, when the intake stopped first', async ({ running, read }) => {
  const first = read();
  await ready(first);
  // The request that is open when the stop comes may still bring an alert.
  const stopped = first.stop();
  first.intake.answer = () => ({ accepted: false, reason: 'this receiver stops' });
  await publishAlert(running, recordedBody('01-normal'));
  await stopped;
  expect(first.results).toEqual(['Returned']);
  const second = read();
  await eventually('the next has it', () => second.results.includes('Acknowledged'));
});
