import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileTls, type IntakeTls } from '../../../src/detect/tls.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { Authority, type KeyPair } from '../kube/support/certificates.ts';
import { RecordingLog } from './support.ts';
import { CertificateFolder, SAN } from './tls-support.ts';

const HOUR_MS = 3_600_000;

let authority: Authority;
let first: KeyPair;
let second: KeyPair;
beforeAll(async () => {
  authority = await Authority.create('root');
  [first, second] = await Promise.all([authority.issue('first', SAN), authority.issue('second', SAN)]);
});
afterAll(() => authority.remove());

let folder: CertificateFolder;
let clock: VirtualClock;
let log: RecordingLog;
let tls: IntakeTls;
beforeEach(() => {
  folder = new CertificateFolder();
  folder.write(first);
  clock = new VirtualClock(Date.now());
  log = new RecordingLog();
  const { cert, key } = folder.files;
  tls = fileTls({ cert, key }, clock, log);
});
afterEach(() => folder.remove());

describe('a certificate', () => {
  it('that does not change stays the same object and says nothing', async () => {
    const material = tls.current();
    for (let n = 0; n < 10; n++) {
      await clock.advance(5_000);
      expect(tls.current()).toBe(material);
    }
    expect(log.lines).toEqual([]);
  });

  it('that is renewed is used from then on, looked at once in 5 seconds', async () => {
    folder.write(second);
    await clock.advance(4_999);
    expect(tls.current().cert).toBe(first.cert);
    await clock.advance(1);
    expect(tls.current()).toMatchObject(second);
    expect(log.lines).toMatchObject([
      { level: 'info', fields: { path: folder.files.cert }, message: expect.stringContaining('renewed') },
    ]);
    expect(tls.check.warning?.()).toBeUndefined();
  });

  it.each([
    ['whose key does not fit', () => folder.write({ cert: second.cert }), /key does not belong/],
    ['that is half written', () => folder.write({ cert: second.cert.slice(0, 100) }), /no certificate/],
    ['that is gone', () => rmSync(folder.files.cert), /no such file/],
  ])('%s leaves the old one in use, is logged once and shown in readiness', async (_what, spoil, problem) => {
    spoil();
    for (let n = 0; n < 3; n++) {
      await clock.advance(5_000);
      expect(tls.current()).toMatchObject(first);
    }
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({
      level: 'error',
      fields: { path: folder.files.cert, problem: expect.stringMatching(problem) },
      message: 'certificate is not good; what was read before stays in use',
    });
    expect(tls.check.warning?.()).toMatch(problem);
    expect(tls.check.warning?.()).toMatch(/The one read before is served, until 20\S+Z\.$/);
    // What is served is good: taking the receiver out of its Service would lose alerts.
    expect(tls.check.reason()).toBeUndefined();

    folder.write(second);
    await clock.advance(5_000);
    expect(tls.current()).toMatchObject(second);
    expect(tls.check.warning?.()).toBeUndefined();
    expect(log.lines.at(-1)).toMatchObject({ level: 'info', message: 'certificate is good again' });
  });

  it('is good again when the old files come back', async () => {
    folder.write({ key: second.key });
    await clock.advance(5_000);
    expect(tls.check.warning?.()).toBeDefined();
    folder.write(first);
    await clock.advance(5_000);
    expect(tls.check.warning?.()).toBeUndefined();
  });

  it('is read again by asking for readiness, without a sender', async () => {
    folder.write(second);
    await clock.advance(5_000);
    expect(tls.check.reason()).toBeUndefined();
    expect(log.text).toContain('renewed');
  });

  it('that ends within a day is logged each hour, and not shown in readiness before it has ended', async () => {
    await clock.advance(23 * HOUR_MS);
    expect(tls.check.reason()).toBeUndefined();
    expect(log.lines).toEqual([]);
    await clock.advance(2 * HOUR_MS);
    for (let n = 0; n < 60; n++) {
      await clock.advance(60_000);
      expect(tls.check.reason()).toBeUndefined();
    }
    const expected = { level: 'warn', message: expect.stringContaining('expires within 24 hours') };
    expect(log.lines).toMatchObject([expected]);
    await clock.advance(60_000);
    tls.current();
    expect(log.lines).toMatchObject([expected, expected]);
  });

  it('that has ended makes the process unready and is logged as an error', async () => {
    await clock.advance(48 * HOUR_MS);
    expect(tls.check.reason()).toMatch(/tls\.crt expired at 20\S+Z$/);
    expect(log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('has expired') }]);
    expect(tls.current()).toMatchObject(first);
  });
});
