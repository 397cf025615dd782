// What is shown to the server: read from files, and again when they change.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTlsFiles, readCredentials } from '../../../../src/detect/stream/credentials.ts';
import { loadNats } from '../../../../src/detect/stream/library.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { RecordingLog } from '../support.ts';

const SEED = new TextDecoder().decode(nkeys.createUser().getSeed());

const CREDS = [
  '-----BEGIN NATS USER JWT-----',
  'eyJ0eXAiOiJKV1QifQ.eyJqdGkiOiJ4In0.c2lnbmF0dXJl',
  '------END NATS USER JWT------',
  '',
  '-----BEGIN USER NKEY SEED-----',
  SEED,
  '------END USER NKEY SEED------',
].join('\n');

const bench = {} as { folder: string; clock: VirtualClock; log: RecordingLog };
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'stream-'));
  Object.assign(bench, { folder, clock: new VirtualClock(), log: new RecordingLog() });
});
afterEach(() => rmSync(bench.folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(bench.folder, name);
  writeFileSync(path, text);
  return path;
}

const read = (credentials: Parameters<typeof readCredentials>[0]) =>
  readCredentials(credentials, bench.clock, bench.log);

describe('credentials', () => {
  it('may be absent', async () => {
    expect(read({})(await loadNats())).toBeUndefined();
  });

  it('may be a token', async () => {
    const show = read({ tokenFile: file('token', ' a-token \n') })(await loadNats());
    expect(show?.()).toEqual({ auth_token: 'a-token' });
  });

  it('may be a user and a password', async () => {
    const show = read({ user: 'receiver', passwordFile: file('password', 'pass:word\n') })(await loadNats());
    expect(show?.()).toEqual({ user: 'receiver', pass: 'pass:word' });
  });

  it.each([
    ['as it is written', `${CREDS}\n\n*****\n`],
    ['without a last line end', CREDS],
    ['with the line ends of Windows', CREDS.replaceAll('\n', '\r\n')],
  ])('may be a creds file %s, with which the nonce of the server is signed', async (_what, text) => {
    const show = read({ credsFile: file('user.creds', text) })(await loadNats());
    const shown = show?.('nonce') as { jwt: string; nkey: string; sig: string } | undefined;
    expect(shown?.jwt).toBe('eyJ0eXAiOiJKV1QifQ.eyJqdGkiOiJ4In0.c2lnbmF0dXJl');
    expect(shown?.nkey).toMatch(/^U/);
    expect(shown?.sig).toMatch(/^[A-Za-z0-9+/=]{80,}$/);
  });

  it('are read again before a connection, once a second at the most', async () => {
    const path = file('token', 'old-token');
    const show = read({ tokenFile: path })(await loadNats());
    writeFileSync(path, 'new-token');
    await bench.clock.advance(999);
    expect(show?.()).toEqual({ auth_token: 'old-token' });
    await bench.clock.advance(1);
    expect(show?.()).toEqual({ auth_token: 'new-token' });
  });

  it('stay what they were while the file is not good, and the log says why', async () => {
    const path = file('token', 'good-token');
    const show = read({ tokenFile: path })(await loadNats());
    writeFileSync(path, 'sekrit two');
    await bench.clock.advance(1_000);
    expect(show?.()).toEqual({ auth_token: 'good-token' });
    expect(bench.log.text).toMatch(/token file of the stream is not good/);
    expect(bench.log.text).not.toContain('sekrit');
  });

  it.each([
    ['two kinds', { tokenFile: 'a', credsFile: 'b' }, /several kinds: keep one of/],
    ['a token and a user', { tokenFile: 'a', user: 'b' }, /several kinds/],
    ['a token and a password', { tokenFile: 'a', passwordFile: 'b' }, /several kinds/],
    ['a user without a password', { user: 'receiver' }, /--stream-password-file: is missing/],
    ['a password without a user', { passwordFile: '/x' }, /--stream-user: is missing/],
    [
      'a file that is not there',
      { tokenFile: '/nowhere/token' },
      /--stream-token-file \/nowhere\/token: cannot be read/,
    ],
  ])('may not be %s', (_what, credentials, message) => {
    expect(() => read(credentials)).toThrow(message);
  });

  it.each([
    ['nothing', ' \n', /is empty/],
    ['two lines', 'one\ntwo', /must hold one line/],
    ['a space', 'one two', /must hold one line/],
    ['too much', 'x'.repeat(513), /up to 512/],
    ['another alphabet', 'pässword', /visible ASCII/],
  ])('may not hold %s in their file', (_what, text, message) => {
    const path = file('secret', text);
    expect(() => read({ tokenFile: path })).toThrow(message);
    expect(() => read({ user: 'u', passwordFile: path })).toThrow(message);
  });

  it('are not quoted in an error', () => {
    const path = file('secret', 'sekrit one');
    expect(() => read({ tokenFile: path })).toThrow(expect.not.stringContaining('sekrit') as string);
  });

  it.each([
    ['a token', 'a-token'],
    ['the JWT alone', CREDS.slice(0, CREDS.indexOf('-----BEGIN USER'))],
    ['the seed alone', CREDS.slice(CREDS.indexOf('-----BEGIN USER'))],
  ])('are no creds file if it holds %s', (_what, text) => {
    const path = file('bad.creds', text);
    expect(() => read({ credsFile: path })).toThrow(/is not a creds file of NATS/);
    expect(() => read({ credsFile: path })).toThrow(expect.not.stringContaining(SEED) as string);
  });
});

describe('TLS files', () => {
  const CERT = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
  const KEY = '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n';

  it('may be a CA, with or without a client certificate', () => {
    const [ca, cert, key] = [file('ca', CERT), file('cert', CERT), file('key', KEY)];
    expect(() => checkTlsFiles({})).not.toThrow();
    expect(() => checkTlsFiles({ ca })).not.toThrow();
    expect(() => checkTlsFiles({ ca, cert, key })).not.toThrow();
  });

  it('need the key with the certificate, and the other way round', () => {
    expect(() => checkTlsFiles({ cert: file('cert', CERT) })).toThrow(/--stream-tls-key-file: is missing/);
    expect(() => checkTlsFiles({ key: file('key', KEY) })).toThrow(/--stream-tls-cert-file: is missing/);
  });

  it('have to be in PEM form', () => {
    expect(() => checkTlsFiles({ ca: file('ca', 'DER') })).toThrow(/--stream-tls-ca-file .*not in PEM form/);
    const swapped = { cert: file('cert', KEY), key: file('key', CERT) };
    expect(() => checkTlsFiles(swapped)).toThrow(/--stream-tls-cert-file .*not in PEM form/);
    expect(() => checkTlsFiles({ ca: '/nowhere/ca' })).toThrow(
      /--stream-tls-ca-file \/nowhere\/ca: cannot be read/,
    );
  });
});
