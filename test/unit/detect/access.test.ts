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

describe('listening without TLS', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost', '::ffff:127.0.0.1'])('is allowed on %s', (host) => {
    expect(() => assertSafeListen(host, false)).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', 'example.com', '127.0.0.1.example.com', '', '128.0.0.1', '::2'])(
    'is refused on %j, with what to do about it',
    (host) => {
      expect(() => assertSafeListen(host, false)).toThrow(/without TLS.*127\.0\.0\.1.*--insecure-intake/);
    },
  );

  it('is allowed anywhere if somebody said so', () => {
    expect(() => assertSafeListen('0.0.0.0', true)).not.toThrow();
  });
});
