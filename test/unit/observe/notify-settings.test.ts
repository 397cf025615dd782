// The settings of notifications: which are wrong together, and what they become.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { notifyOf } from '../../../src/commands/run/notify.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { readSettings } from '../../../src/settings.ts';
import { startStrictFalcosidekick, type StrictFalcosidekick } from '../../support/strict-falcosidekick.ts';

const read = (given: object) => readSettings({ tokenFile: '/tokens', ...given });

describe('these settings can be used:', () => {
  test.each<[string, object]>([
    [
      'Falcosidekick in the cluster, without TLS',
      { falcosidekickUrl: 'http://falcosidekick.falco.svc:2801' },
    ],
    ['a webhook without a token, without TLS', { notifyWebhookUrl: 'http://hooks.example/in' }],
    [
      'a webhook with a token, over TLS',
      { notifyWebhookUrl: 'https://h.example', notifyWebhookTokenFile: '/t' },
    ],
    ['the same on loopback', { notifyWebhookUrl: 'http://127.0.0.1:9', notifyWebhookTokenFile: '/t' }],
    ['a client certificate', { notifyCertFile: '/c', notifyKeyFile: '/k' }],
  ])('%s', (_what, given) => {
    expect(read(given)).toMatchObject({ ...given, notifyMinimumPriority: 'Informational' });
  });
});

describe('these cannot, and the flag is named:', () => {
  test.each<[string, object, RegExp]>([
    [
      'a token over the network for everybody to read',
      { notifyWebhookUrl: 'http://hooks.example/in', notifyWebhookTokenFile: '/t' },
      /--notify-webhook-url: would carry the token/,
    ],
    ['a token for nobody', { notifyWebhookTokenFile: '/t' }, /--notify-webhook-url: is missing/],
    ['a certificate without its key', { notifyCertFile: '/c' }, /--notify-key-file: and --notify-cert-file/],
    ['a key without its certificate', { notifyKeyFile: '/k' }, /--notify-key-file: and --notify-cert-file/],
    ['another scheme', { falcosidekickUrl: 'ftp://x/' }, /--falcosidekick-url/],
    ['no URL', { falcosidekickUrl: 'falcosidekick:2801' }, /--falcosidekick-url/],
    [
      'a password in it',
      { notifyWebhookUrl: 'https://u:p@h.example' },
      /--notify-webhook-url: must have no user/,
    ],
    ['a user in it', { falcosidekickUrl: 'http://u@h.example' }, /--falcosidekick-url: must have no user/],
    ['a priority that there is not', { notifyMinimumPriority: 'High' }, /--notify-minimum-priority/],
  ])('%s', (_what, given, message) => {
    expect(() => read(given)).toThrow(message);
  });
});

describe('they become', () => {
  let folder: string;
  let double: StrictFalcosidekick;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'notify-'))));
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => void (double = await startStrictFalcosidekick()));
  afterEach(() => double.close());

  test('nobody, if no server is named', async () => {
    expect(await notifyOf(read({}), systemClock)).toEqual({});
  });

  test('both servers; the token is for the webhook, and read for each request', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'first');
    const given = { falcosidekickUrl: double.url, notifyWebhookUrl: double.url };
    const { notify } = await notifyOf(
      read({ ...given, notifyWebhookTokenFile: tokenFile, notifyMinimumPriority: 'Error' }),
      systemClock,
    );
    expect(notify?.minimumPriority).toBe('Error');
    expect(notify?.targets.map(({ name }) => name)).toEqual(['falcosidekick', 'webhook']);
    for (const { post } of notify?.targets ?? []) await post('{}');
    writeFileSync(tokenFile, 'second');
    await notify?.targets[1]?.post('{}');
    const tokens = double.headers.map(({ authorization }) => authorization);
    expect(tokens).toEqual([undefined, 'Bearer first', 'Bearer second']);
  });

  test('an error at the start, if a file is not there', async () => {
    const settings = read({ falcosidekickUrl: double.url, notifyCaFile: join(folder, 'no-ca.crt') });
    await expect(notifyOf(settings, systemClock)).rejects.toThrow('no-ca.crt cannot be read (ENOENT)');
  });
});
