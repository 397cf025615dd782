import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafePath, MAX_PATH, MAX_SEGMENT, pathSegment } from '../../../src/evidence/path.ts';

// Any string that JavaScript can hold, lone surrogates and control characters too.
const anyName = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
  .map((units) => String.fromCharCode(...units));
const hostile = fc.constantFrom(
  '',
  '.',
  '..',
  '../..',
  '/',
  '/etc/passwd',
  'a/b',
  'a\\b',
  '\0',
  'a\nb',
  '~',
  '-rf',
  'A',
  'a'.repeat(253),
);
const name = fc.oneof(anyName, hostile, fc.string({ maxLength: 10 }));

describe('pathSegment', () => {
  it.each(['web-1', 'kube-system', '0a', 'shop.example.com', 'web-1-0123456789-1', 'a'.repeat(MAX_SEGMENT)])(
    'keeps the Kubernetes name %s as it is',
    (plain) => expect(pathSegment(plain)).toBe(plain),
  );

  it.each([
    ['', 'x~'],
    ['.', 'x~'],
    ['..', 'x~'],
    ['../../etc/passwd', 'etc-passwd~'],
    ['Web', 'web~'],
    ['a\nb\u202Ec', 'a-b-c~'],
    ['-rf', 'rf~'],
    ['a~b', 'a-b~'],
  ])('makes of the hostile name %j something readable with a hash', (hostileName, start) => {
    const segment = pathSegment(hostileName);
    expect(segment.startsWith(start)).toBe(true);
    expect(segment.slice(start.length)).toMatch(/^[0-9a-f]{32}$/);
  });

  it('makes a safe, bounded segment of any name', () => {
    fc.assert(
      fc.property(name, (any) => {
        const segment = pathSegment(any);
        expect(segment).toMatch(/^[a-z0-9][a-z0-9._~-]*$/);
        expect(segment.length).toBeLessThanOrEqual(MAX_SEGMENT);
        expect(isSafePath(`logs/${segment}/current.log`)).toBe(true);
        expect(isSafePath(`${segment}.json`)).toBe(true);
      }),
    );
  });

  it('gives different names different segments', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(pathSegment(a) === pathSegment(b)).toBe(a === b);
      }),
    );
  });

  it.each([
    ['\ud800', '\ud801'],
    ['Web', 'web'],
    ['a'.repeat(MAX_SEGMENT + 1), 'a'.repeat(MAX_SEGMENT + 2)],
    ['a b', 'a-b'],
  ])('tells %j from %j', (a, b) => expect(pathSegment(a)).not.toBe(pathSegment(b)));

  it('keeps names with a hash apart from names that look like one', () => {
    fc.assert(
      fc.property(name, (any) => {
        const hashed = pathSegment(`${any}~`);
        expect(pathSegment(hashed)).not.toBe(hashed);
      }),
    );
  });
});

describe('isSafePath', () => {
  it.each(['pod.json', 'api/owners/replicaset-web.json', 'logs/app~0123/current.log'])('accepts %s', (path) =>
    expect(isSafePath(path)).toBe(true),
  );

  it.each([
    '',
    '.',
    '..',
    '/etc/passwd',
    'a/../b',
    'a//b',
    'a/',
    './a',
    'a/.hidden',
    'a\\b',
    'a\0',
    'a\n',
    'A',
    'ä',
    'a'.repeat(MAX_SEGMENT + 21),
    'a/'.repeat(MAX_PATH / 2) + 'a',
  ])('refuses %j', (path) => expect(isSafePath(path)).toBe(false));
});
