// What the receiver says, and does not do, when the server or what is on it is not as it should be.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { expect } from 'vitest';
import { recordedBody } from '../support/alerts.ts';
import { publishAlert } from '../support/nats-publisher.ts';
import { NAMES } from '../support/nats-names.ts';
import { eventually, natsTest, ready, type Reading } from '../support/nats-test.ts';

/** Waits until the readiness check says that. */
async function says({ stream }: Reading, pattern: RegExp): Promise<void> {
  await eventually(
    `readiness says ${String(pattern)}`,
    () => stream.check.reason() ?? 'ready',
    (reason) => pattern.test(reason),
  );
}

natsTest('starts before the server does, and reads as soon as it is there', async ({ nats, read }) => {
  const reading = read();
  await says(
    reading,
    /^not connected to nats:\/\/127\.0\.0\.1:\d+: connection refused.*tried again for ever$/,
  );
  await nats.start();
  await ready(reading);
  await publishAlert(nats, recordedBody('01-normal'));
  await eventually('it is done', () => reading.results.includes('Acknowledged'));
});

natsTest('comes back when the server was killed and started again', async ({ running, read }) => {
  const reading = read();
  await ready(reading);
  await running.kill();
  await says(reading, /^not connected to/);
  await running.start();
  await ready(reading);
  await publishAlert(running, recordedBody('01-normal'));
  await eventually('it is done', () => reading.results.includes('Acknowledged'));
});

natsTest(
  'says that credentials are not accepted, and takes new ones from the file',
  async ({ nats, folder, read }) => {
    const tokenFile = join(folder.path, 'token');
    writeFileSync(tokenFile, 'an-old-token\n');
    await nats.start('authorization { token: "the-new-token" }');
    const reading = read({ credentials: { tokenFile } });
    await says(reading, /^not connected.*does not accept the credentials.*Authorization Violation/);
    expect(reading.stream.check.reason()).not.toContain('an-old-token');
    writeFileSync(tokenFile, 'the-new-token\n');
    await ready(reading);
  },
);

natsTest('signs with the seed of a creds file', async ({ nats, folder, read }) => {
  const user = nkeys.createUser();
  const seed = new TextDecoder().decode(user.getSeed());
  const credsFile = join(folder.path, 'user.creds');
  const part = (what: string, text: string) => `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
  // A server without an operator asks for the key only, not for the JWT.
  writeFileSync(credsFile, part('NATS USER JWT', 'a.b.c') + part('USER NKEY SEED', seed));
  await nats.start(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`);
  await ready(read({ credentials: { credsFile } }));
});

natsTest(
  'says with which commands to make what is missing, and makes nothing',
  async ({ nats, admin, read }) => {
    await nats.start();
    const reading = read({ create: false });
    await says(
      reading,
      /stream FALCO does not exist\. Make it with `nats stream add FALCO --subjects 'falco\.>'/,
    );
    const { streams, consumers } = await admin();
    await streams.add({ name: NAMES.stream, subjects: [NAMES.subject], retention: 'workqueue' });
    await says(
      reading,
      /stream FALCO_DEAD_LETTERS.*does not exist\. Make it with `nats stream add FALCO_DEAD_LETTERS/,
    );
    await streams.add({ name: NAMES.deadLetters, subjects: ['die-operator.dead-letters.>'] });
    await says(
      reading,
      /consumer die-operator of stream FALCO does not exist.*`nats consumer add FALCO die-operator/,
    );
    await consumers.add(NAMES.stream, { durable_name: NAMES.consumer, ack_policy: 'explicit' });
    await ready(reading);
  },
);

natsTest(
  'changes nothing that exists, and tells what is risky about it',
  async ({ running, admin, read }) => {
    const { streams, consumers } = await admin();
    const subjects = ['falco.>', 'other.>'];
    await streams.add({ name: NAMES.stream, subjects, storage: 'memory', discard: 'new' });
    await consumers.add(NAMES.stream, {
      durable_name: NAMES.consumer,
      ack_policy: 'explicit',
      max_deliver: 5,
    });
    const reading = read();
    await ready(reading);
    const { config } = await streams.info(NAMES.stream);
    expect(config).toMatchObject({ subjects, storage: 'memory', discard: 'new', max_age: 0 });
    expect((await consumers.info(NAMES.stream, NAMES.consumer)).config.max_deliver).toBe(5);
    const warning = reading.stream.check.warning?.() ?? '';
    expect(warning).toMatch(/stream FALCO is kept in memory/);
    expect(warning).toMatch(/stream FALCO refuses new alerts when it is full/);
    expect(warning).toMatch(/consumer die-operator gives up after 5 deliveries/);
    await publishAlert(running, recordedBody('01-normal'));
    await eventually('it is done', () => reading.results.includes('Acknowledged'));
  },
);

natsTest('does not read through a consumer that would lose alerts', async ({ running, admin, read }) => {
  const { streams, consumers } = await admin();
  await streams.add({ name: NAMES.stream, subjects: [NAMES.subject] });
  await consumers.add(NAMES.stream, { durable_name: NAMES.consumer, ack_policy: 'none' });
  await publishAlert(running, recordedBody('01-normal'));
  const reading = read();
  await says(reading, /no alert can be read: consumer die-operator has ack policy none, which loses alerts/);
  expect(reading.intake.detections).toEqual([]);
});

natsTest(
  'makes the consumer again when somebody deleted it, and repeats nothing',
  async ({ running, admin, read }) => {
    const reading = read();
    await ready(reading);
    await publishAlert(running, recordedBody('01-normal'));
    await eventually('it is done', () => reading.results.includes('Acknowledged'));
    const { consumers } = await admin();
    await consumers.delete(NAMES.stream, NAMES.consumer);
    await publishAlert(running, { ...recordedBody('01-normal'), rule: 'DIE Another' });
    await eventually('the next is done', () => reading.results.length === 2);
    expect(reading.intake.detections.map(({ summary }) => summary.rule)).toEqual([
      recordedBody('01-normal')['rule'],
      'DIE Another',
    ]);
  },
);

natsTest('says that JetStream is not enabled', async ({ nats, read }) => {
  await nats.start('accounts { A: { users: [{ user: a, password: b }] } }\nno_auth_user: a');
  await says(read(), /no alert can be read: .*JetStream does not answer: it is not enabled for this account/);
});

/** The users of docs/stream.md, with passwords, and an administrator. */
const LEAST_RIGHTS = (() => {
  const page = readFileSync(new URL('../../docs/stream.md', import.meta.url), 'utf8');
  const [, users = ''] = /^```conf\n(.*?)^```$/ms.exec(page) ?? [];
  return users
    .replace('$FALCOSIDEKICK_PASSWORD', 'publishes-only')
    .replace('$DIE_OPERATOR_PASSWORD', 'reads-only')
    .replace('users: [', 'users: [ { user: admin, password: may-all }');
})();

natsTest(
  'reads and sets aside with the rights that the documentation gives',
  async ({ nats, folder, admin, read }) => {
    await nats.start(LEAST_RIGHTS);
    const { streams } = await admin({ user: 'admin', pass: 'may-all' });
    const passwordFile = join(folder.path, 'password');
    writeFileSync(passwordFile, 'may-all');
    const first = read({ credentials: { user: 'admin', passwordFile } });
    await ready(first);
    await first.stop();

    writeFileSync(passwordFile, 'reads-only');
    const reading = read({ create: false, credentials: { user: 'die-operator', passwordFile } });
    await ready(reading);
    const sidekick = { user: 'falcosidekick', pass: 'publishes-only' };
    await publishAlert(nats, recordedBody('01-normal'), sidekick);
    await publishAlert(nats, 'not JSON', sidekick);
    await eventually('both are done', () => reading.results.length === 2);
    expect(reading.results.toSorted()).toEqual(['Acknowledged', 'SetAside']);
    expect((await streams.info(NAMES.deadLetters)).state.messages).toBe(1);
  },
);

natsTest('says which right is missing when it may not acknowledge', async ({ nats, folder, admin, read }) => {
  await nats.start(LEAST_RIGHTS);
  const passwordFile = join(folder.path, 'password');
  writeFileSync(passwordFile, 'may-all');
  const first = read({ credentials: { user: 'admin', passwordFile } });
  await ready(first);
  await first.stop();
  await nats.kill();
  await nats.start(LEAST_RIGHTS.replace('"$JS.ACK.FALCO.die-operator.>"', ''));

  writeFileSync(passwordFile, 'reads-only');
  const reading = read({ create: false, credentials: { user: 'die-operator', passwordFile } });
  await publishAlert(nats, recordedBody('01-normal'), { user: 'falcosidekick', pass: 'publishes-only' });
  await says(reading, /no alert can be read: the server does not allow it.*\$JS\.ACK\.FALCO/);
  const { streams } = await admin({ user: 'admin', pass: 'may-all' });
  expect((await streams.info(NAMES.stream)).state.messages).toBe(1);
});
