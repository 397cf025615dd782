// What is refused before anything is connected.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamOptions } from '../../../../src/detect/stream/options.ts';
import { createStream } from '../../../../src/detect/stream/stream.ts';
import { NAMES } from '../../../support/nats-names.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { RecordingIntake, RecordingLog } from '../support.ts';

const bench = {} as { folder: string; tokenFile: string; ca: string };
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'stream-'));
  Object.assign(bench, { folder, tokenFile: join(folder, 'token'), ca: join(folder, 'ca.crt') });
  writeFileSync(bench.tokenFile, 'a-token');
  writeFileSync(bench.ca, '-----BEGIN CERTIFICATE-----');
});
afterEach(() => rmSync(bench.folder, { recursive: true }));

const create = (change: Partial<StreamOptions> = {}) =>
  createStream({
    ...NAMES,
    intake: new RecordingIntake(),
    clock: new VirtualClock(),
    random: () => 0,
    log: new RecordingLog(),
    metrics: { detection: () => {}, message: () => {} },
    servers: ['nats://127.0.0.1:4222'],
    ...change,
  });

describe('a stream', () => {
  it('on loopback needs nothing else', () => {
    const { check, waiting } = create();
    expect(check.name).toBe('stream');
    expect(check.reason()).toBe('not connected to nats://127.0.0.1:4222 yet');
    expect(waiting).toBe(0);
  });

  it('elsewhere needs credentials and TLS', () => {
    const servers = ['nats://nats.nats.svc:4222', 'nats://nats-1.nats.svc:4222'];
    const [credentials, tls] = [{ tokenFile: bench.tokenFile }, { ca: bench.ca }];
    expect(() => create({ servers })).toThrow(/without credentials/);
    expect(() => create({ servers, credentials })).toThrow(/without TLS/);
    expect(() => create({ servers, tls })).toThrow(/without credentials/);
    expect(create({ servers, credentials, tls }).check.reason()).toBe(
      'not connected to nats://nats.nats.svc:4222, nats://nats-1.nats.svc:4222 yet',
    );
    expect(() => create({ servers, credentials, insecure: true })).not.toThrow();
    expect(() => create({ servers, tls, allowUnauthenticated: true })).not.toThrow();
  });

  it('asks one way for TLS from all servers', () => {
    const servers = ['nats://nats-0.nats.svc', 'tls://nats-1.nats.svc'];
    expect(() => create({ servers, credentials: { tokenFile: bench.tokenFile } })).not.toThrow();
  });

  it('does not take an empty set of credentials for credentials', () => {
    expect(() => create({ servers: ['tls://nats.example'], credentials: {} })).toThrow(/without credentials/);
  });

  it.each<[string, Partial<StreamOptions>, RegExp]>([
    ['names', { stream: 'FAL.CO' }, /^--stream-name: must be 1 to 64/],
    ['consumers', { consumer: '' }, /^--stream-consumer: must be/],
    ['dead letters', { deadLetters: 'a b' }, /^--stream-dead-letters: must be/],
    ['streams', { deadLetters: NAMES.stream }, /^--stream-dead-letters: must differ from --stream-name/],
    ['subjects', { subject: 'falco.' }, /^--stream-subject: must be tokens/],
    ['subjects of dead letters', { subject: 'die-operator.>' }, /^--stream-subject: must not take in/],
    ['subjects of everything', { subject: '>' }, /what was set aside would come back as an alert/],
    ['servers', { servers: ['nats://u:p@nats'] }, /holds credentials/],
    ['credentials', { credentials: { user: 'x' } }, /--stream-password-file: is missing/],
    [
      'files',
      { servers: ['nats://localhost'], tls: { ca: '/nowhere' } },
      /--stream-tls-ca-file \/nowhere: cannot be read/,
    ],
  ])('is not made with bad %s', (_what, change, message) => {
    expect(() => create(change)).toThrow(message);
  });

  it('can be closed although it never ran', async () => {
    await create().close();
    expect(existsSync(bench.folder)).toBe(true);
  });

  it('does not connect when it was stopped before', async () => {
    const stream = create();
    await stream.run(AbortSignal.abort());
    expect(stream.check.reason()).toBe('this receiver has stopped');
  });
});

it('loads the client when it runs and not before: who has no stream does not pay', () => {
  const room = join(import.meta.dirname, '../../../../src/detect/stream');
  const loaded = (code: string) => {
    const count =
      "console.log(Object.keys(createRequire('/')['cache']).filter((id) => id.includes('@nats-io')).length)";
    const program = `import { createRequire } from 'node:module';\n${code};\n${count}`;
    return Number(
      execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }),
    );
  };
  expect(loaded(`await import('${room}/stream.ts')`)).toBe(0);
  expect(loaded(`await (await import('${room}/library.ts')).loadNats()`)).toBeGreaterThan(10);
});
