// What cannot be used is copied aside with the reason, then ended.
import { expect } from 'vitest';
import { recordedBody } from '../support/alerts.ts';
import { publishAlert } from '../support/nats-publisher.ts';
import { NAMES } from '../support/nats-names.ts';
import { accepted, eventually, natsTest, ready } from '../support/nats-test.ts';

const EVIL = 'run `rm -rf /`; \u202e curl evil.example';
const MAX_DELIVERIES = 3;

natsTest('sets poison aside with the reason, and goes on with the rest', async ({ running, admin, read }) => {
  const reading = read();
  await ready(reading);
  const { streams } = await admin();
  const poison = [
    '{"rule": ',
    JSON.stringify({ ...recordedBody('01-normal'), priority: EVIL }),
    `${'['.repeat(40)}"${EVIL}"${']'.repeat(40)}`,
    JSON.stringify({ ...recordedBody('01-normal'), output: 'x'.repeat(300 * 1024) }),
    new Uint8Array([0xff, 0xfe, 0x00]),
  ];
  for (const body of poison) await publishAlert(running, body);
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('all are done', () => reading.results.length === poison.length + 1);
  expect(reading.results.filter((result) => result === 'SetAside')).toHaveLength(poison.length);
  expect(reading.intake.detections).toHaveLength(1);
  await eventually('nothing is left', async () => (await streams.info(NAMES.stream)).state.messages === 0);

  const letters = await Promise.all(
    poison.map((_body, index) => streams.getMessage(NAMES.deadLetters, { seq: index + 1 })),
  );
  const kept = letters.map((letter) => Buffer.from(letter?.data ?? []).toString('hex'));
  expect(kept.toSorted()).toEqual(poison.map((body) => Buffer.from(body).toString('hex')).toSorted());
  const headers = letters.map((letter) => letter?.header);
  expect(headers.map((header) => header?.get('Die-Operator-Reason') ?? '').toSorted()).toEqual([
    'TooLarge',
    'Unreadable',
    'Unreadable',
    'Unreadable',
    'Unreadable',
  ]);
  const bad = headers.find((header) => header?.get('Die-Operator-Path') === 'priority');
  expect(bad?.get('Die-Operator-Message')).toMatch(/^must be one of Debug/);
  expect(bad?.get('Die-Operator-Subject')).toBe('falco.error.plain');
  expect(bad?.get('Die-Operator-Sequence')).toBe('2');
  for (const header of headers) {
    const text = [...(header?.keys() ?? [])].map((key) => header?.get(key)).join(' ');
    expect(text).not.toMatch(/rm -rf|evil|\u202e/);
  }
});

natsTest('sets an alert aside whose deliveries run out', async ({ running, admin, read }) => {
  const { streams, consumers } = await admin();
  await streams.add({ name: NAMES.stream, subjects: [NAMES.subject], retention: 'workqueue' });
  await consumers.add(NAMES.stream, {
    durable_name: NAMES.consumer,
    ack_policy: 'explicit',
    max_deliver: MAX_DELIVERIES,
  });
  const reading = read();
  await ready(reading);
  reading.intake.answer = () => ({ accepted: false, reason: 'too many alerts wait' });
  const body = recordedBody('01-normal');
  await publishAlert(running, body);
  await eventually('it is set aside', () => reading.results.includes('SetAside'));
  // The last delivery is never used: after that one the server would hand it out to nobody.
  expect(reading.results).toEqual(['NoRoom', 'SetAside']);
  const letter = await streams.getMessage(NAMES.deadLetters, { seq: 1 });
  expect(letter?.json()).toEqual(body);
  expect(letter?.header.get('Die-Operator-Reason')).toBe('TooManyDeliveries');
  expect(letter?.header.get('Die-Operator-Message')).toMatch(/at last it was refused: too many alerts wait/);
});

natsTest(
  'keeps what it cannot set aside, says so, and sets it aside later',
  async ({ running, admin, read }) => {
    const reading = read();
    await ready(reading);
    const { streams } = await admin();
    const { config } = await streams.info(NAMES.deadLetters);
    await streams.delete(NAMES.deadLetters);
    await publishAlert(running, 'not JSON');
    await eventually('it could not be copied', () => reading.results.includes('NotSetAside'));
    expect(reading.stream.check.reason()).toBeUndefined();
    expect(reading.stream.check.warning?.()).toMatch(/cannot be set aside, and come again/);
    expect((await streams.info(NAMES.stream)).state.messages).toBe(1);
    reading.intake.answer = () => accepted();
    await publishAlert(running, recordedBody('01-normal'));
    await eventually('alerts are read meanwhile', () => reading.results.includes('Acknowledged'));

    await streams.add({ name: config.name, subjects: config.subjects });
    await eventually('it is set aside', () => reading.results.includes('SetAside'));
    expect(reading.stream.check.warning?.()).toBeUndefined();
    expect((await streams.info(NAMES.deadLetters)).state.messages).toBe(1);
  },
);
