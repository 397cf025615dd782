import { generateKeyPairSync } from 'node:crypto';
import type * as nodeFs from 'node:fs';
import { readFileSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkTls, readTlsTexts, type TlsFiles } from '../../../src/detect/tls-files.ts';
import { Authority, type KeyPair } from '../kube/support/certificates.ts';
import { CertificateFolder, SAN } from './tls-support.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof nodeFs>();
  return { ...fs, readFileSync: vi.fn<typeof readFileSync>(fs.readFileSync) };
});

const DAY_MS = 86_400_000;

let authority: Authority;
let middle: Authority;
let good: KeyPair;
let other: KeyPair;
let expired: KeyPair;
let root: string;
let folder: CertificateFolder;

beforeAll(async () => {
  authority = await Authority.create('root');
  [middle, good, other, expired, root] = await Promise.all([
    authority.intermediate('middle'),
    authority.issue('intake', SAN),
    authority.issue('other', SAN),
    authority.issue('late', SAN, { days: -1 }),
    authority.ca(),
  ]);
});
afterAll(() => Promise.all([authority.remove(), middle.remove()]));
beforeEach(() => {
  folder = new CertificateFolder();
});
afterEach(() => folder.remove());

const load = (files: TlsFiles, now = Date.now()) => checkTls(files, readTlsTexts(files), now);

describe('certificate files', () => {
  it('that are good say how long they are', () => {
    folder.write(good);
    const { cert, key } = folder.files;
    const material = load({ cert, key });
    expect(material).toMatchObject({ ...good, authorities: [] });
    expect(material).not.toHaveProperty('clientCa');
    expect(material.expiresAt).toBeGreaterThan(Date.now() + 1.9 * DAY_MS);
    expect(material.expiresAt).toBeLessThan(Date.now() + 2.1 * DAY_MS);
  });

  it('may hold a chain, with the server’s own certificate first', async () => {
    const leaf = await middle.issue('chained', SAN);
    folder.write({ ...leaf, cert: leaf.cert + (await middle.ca()), clientCa: (await middle.ca()) + root });
    expect(load(folder.files).authorities.map(({ subject }) => subject)).toEqual(['CN=middle', 'CN=root']);
    folder.write({ cert: (await middle.ca()) + leaf.cert });
    expect(() => load(folder.files)).toThrow(/own certificate comes first/);
  });

  it.each<[string, () => void | Promise<void>, RegExp]>([
    [
      'the certificate is missing',
      () => rmSync(folder.files.cert),
      /^--tls-cert-file \S+tls\.crt: there is no such file\. Mount/,
    ],
    [
      'the key is missing',
      () => rmSync(folder.files.key),
      /^--tls-key-file \S+tls\.key: there is no such file/,
    ],
    [
      'the client CA is missing',
      () => rmSync(folder.files.clientCa),
      /^--tls-client-ca-file \S+ca\.crt: there is no such/,
    ],
    [
      'the key belongs to another certificate',
      () => folder.write({ key: other.key }),
      /^--tls-key-file \S+: the key does not belong to the first certificate in \S+tls\.crt\./,
    ],
    [
      'the certificate has expired',
      () => folder.write(expired),
      /^--tls-cert-file \S+: the certificate expired at 20\S+Z\. Renew it/,
    ],
    [
      'the certificate is empty',
      () => folder.write({ cert: '' }),
      /^--tls-cert-file \S+: has no certificate in PEM form/,
    ],
    [
      'the certificate is torn',
      () => folder.write({ cert: good.cert.slice(0, -40) }),
      /has no certificate in PEM form/,
    ],
    [
      'the certificate is damaged',
      () => folder.write({ cert: good.cert.replace('MII', 'AAA') }),
      /certificate 1 in it cannot be read/,
    ],
    [
      'the key is no key',
      () => folder.write({ key: 'x' }),
      /^--tls-key-file \S+: has no private key in PEM form/,
    ],
    [
      'the key has a passphrase',
      () => folder.write({ key: encryptedKey() }),
      /^--tls-key-file \S+: the key is encrypted with a passphrase/,
    ],
    [
      'the client CA is empty',
      () => folder.write({ clientCa: '\n' }),
      /^--tls-client-ca-file \S+: has no certificate/,
    ],
    [
      'the client CA has no root',
      async () => folder.write({ clientCa: await middle.ca() }),
      /^--tls-client-ca-file \S+: has intermediate certificates only\. Add the root/,
    ],
  ])('are refused when %s, with the flag, the file and what to do', async (_what, spoil, message) => {
    folder.write({ ...good, clientCa: root });
    expect(load(folder.files).authorities).toHaveLength(1);
    await spoil();
    expect(() => load(folder.files)).toThrow(message);
  });

  it.each([
    ['expired', 3 * DAY_MS, /^--tls-cert-file .* expired at/],
    ['not valid yet', -DAY_MS, /^--tls-cert-file .* is not valid before .*Check the clocks/],
  ])('are judged by the clock that is given: %s', (_what, offset, message) => {
    folder.write(good);
    const { cert, key } = folder.files;
    expect(() => load({ cert, key }, Date.now() + offset)).toThrow(message);
  });

  it('are refused when every root among the client CAs has expired', async () => {
    const long = await authority.issue('long', SAN, { days: 10 });
    folder.write({ ...long, clientCa: root });
    expect(() => load(folder.files, Date.now() + 3 * DAY_MS)).toThrow(
      /^--tls-client-ca-file .*expired\. Renew/,
    );
  });

  it.each([
    ['EACCES', /^--tls-key-file \S+tls\.key: may not be read by this user\. .*fsGroup/],
    ['EIO', /^--tls-key-file \S+tls\.key: EIO: as the system said/],
  ])('that the system does not let us read (%s) are named', (code, message) => {
    folder.write(good);
    const { cert, key } = folder.files;
    const read = vi.mocked(readFileSync);
    const real = read.getMockImplementation();
    read.mockImplementation((path, options) => {
      if (path === key) throw Object.assign(new Error(`${code}: as the system said`), { code });
      return real?.(path, options) ?? '';
    });
    try {
      expect(() => load({ cert, key })).toThrow(message);
    } finally {
      if (real) read.mockImplementation(real);
    }
  });

  it('that are folders are named', () => {
    folder.write(good);
    expect(() => load({ cert: folder.path, key: folder.files.key })).toThrow(
      /--tls-cert-file .* is a folder/,
    );
  });

  it('are never quoted', () => {
    const secret = good.key.split('\n')[1] ?? '';
    folder.write({ cert: good.cert, key: good.key.replace('BEGIN', 'BEGIM') });
    const { cert, key } = folder.files;
    expect(secret).toMatch(/^.{64}$/);
    expect(() => load({ cert, key })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) as string }) as Error,
    );
  });
});

function encryptedKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const terms = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  return privateKey.export(terms);
}
