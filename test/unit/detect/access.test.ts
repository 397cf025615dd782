import type * as nodeCrypto from 'node:crypto';
import { timingSafeEqual } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { bearerMatches } from '../../../src/detect/bearer.ts';
import { assertSafeListen } from '../../../src/detect/listen.ts';

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof nodeCrypto>();
  return { ...crypto, timingSafeEqual: vi.fn<typeof timingSafeEqual>(crypto.timingSafeEqual) };
});

const OLD = 'old-token-of-enough-length';
const NEW = 'new-token-of-enough-length';

describe('a bearer token', () => {
  it.each([
    [`Bearer ${OLD}`, [OLD], true],
    [`bearer ${OLD}`, [OLD], true],
    [`BEARER   ${OLD}`, [OLD], true],
    [`Bearer ${NEW}`, [OLD, NEW], true],
    [`Bearer ${OLD}`, [OLD, NEW], true],
    [`Bearer ${OLD}`, [NEW], false],
    [`Bearer ${OLD}`, [], false],
    [`Bearer ${OLD}x`, [OLD], false],
    [`Bearer ${OLD.slice(0, -1)}`, [OLD], false],
    [`Bearer ${OLD.toUpperCase()}`, [OLD], false],
    [`Bearer ${OLD} x`, [OLD], false],
    [`Bearer ${OLD} `, [OLD], false],
    [`Basic ${OLD}`, [OLD], false],
    [OLD, [OLD], false],
    ['Bearer ', [OLD, ''], false],
    ['Bearer', [''], false],
    ['', [''], false],
    [undefined, [''], false],
    [undefined, [OLD], false],
    [`Bearer ${'x'.repeat(100_000)}`, [OLD], false],
  ])('in %j with %j valid: %s', (header, tokens, expected) => {
    expect(bearerMatches(header, tokens)).toBe(expected);
  });

  it.each([`Bearer ${OLD}`, `Bearer ${NEW}`, 'Bearer wrong', 'Basic x', undefined])(
    'is compared in constant time with every token, whatever matches first (%s)',
    (header) => {
      const compare = vi.mocked(timingSafeEqual);
      compare.mockClear();
      bearerMatches(header, [OLD, NEW]);
      expect(compare).toHaveBeenCalledTimes(2);
      expect(compare.mock.calls.flat().map((side) => side.byteLength)).toEqual([32, 32, 32, 32]);
    },
  );
});

describe('listening', () => {
  const LOOPBACK = ['127.0.0.1', '127.8.9.10', '::1', 'localhost', '::ffff:127.0.0.1'];
  const NETWORK = [
    '0.0.0.0',
    '::',
    '10.0.0.7',
    'example.com',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '',
    '128.0.0.1',
    '::2',
  ];
  const plain = { encrypted: false, authenticated: true, insecure: false };

  it.each(LOOPBACK)('is always allowed on %s', (host) => {
    expect(() => assertSafeListen(host, plain)).not.toThrow();
    expect(() => assertSafeListen(host, { ...plain, authenticated: false })).not.toThrow();
  });

  it.each(NETWORK)('without TLS is refused on %j, with what to do about it', (host) => {
    expect(() => assertSafeListen(host, plain)).toThrow(
      /without TLS.*--tls-cert-file and --tls-key-file.*127\.0\.0\.1.*--insecure-intake/,
    );
  });

  it.each(NETWORK)('with TLS is allowed on %j', (host) => {
    expect(() => assertSafeListen(host, { ...plain, encrypted: true })).not.toThrow();
  });

  it('without TLS is allowed anywhere if somebody said so', () => {
    expect(() => assertSafeListen('0.0.0.0', { ...plain, insecure: true })).not.toThrow();
  });

  it.each([
    { encrypted: true, insecure: false },
    { encrypted: false, insecure: true },
    { encrypted: true, insecure: true },
  ])('for anybody is refused beyond loopback, whatever else is set: %j', (rest) => {
    expect(() => assertSafeListen('0.0.0.0', { authenticated: false, ...rest })).toThrow(
      /from anybody.*--allow-unauthenticated-intake works on loopback only.*--token-file or --tls-client-ca-file/,
    );
  });
});
