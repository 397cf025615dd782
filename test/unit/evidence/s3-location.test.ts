import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attemptKey,
  attemptOf,
  bundleKey,
  MAX_PREFIX,
  parseS3Location,
  parseS3Url,
  rootKey,
  s3Url,
} from '../../../src/evidence/s3-location.ts';
import { MAX_PATH } from '../../../src/evidence/path.ts';

describe('the place of evidence in a bucket', () => {
  it.each([
    ['s3://evidence', 'evidence', ''],
    ['s3://evidence/', 'evidence', ''],
    ['s3://my.evidence-1/cluster-1', 'my.evidence-1', 'cluster-1'],
    ['s3://evidence/a/B_c/d.e/', 'evidence', 'a/B_c/d.e'],
  ])('is read from %s', (text, bucket, prefix) => {
    expect(parseS3Location(text)).toEqual({ bucket, prefix });
  });

  it.each([
    'evidence',
    'https://evidence/a',
    's3://',
    's3://Evidence',
    's3://e',
    's3:///a',
    's3://evidence//a',
    's3://evidence/a//b',
    's3://evidence/../b',
    's3://evidence/a b',
    's3://evidence/a?b',
    `s3://evidence/${'a'.repeat(MAX_PREFIX + 1)}`,
  ])('is not read from %s', (text) => {
    expect(() => parseS3Location(text)).toThrow(
      /form s3:|is not the name of a bucket|not usable as a prefix/,
    );
  });

  it('has keys that S3 takes, whatever the names are', () => {
    const hostile = fc.constantFrom('..', '/', 'ü'.repeat(200), '\u0000', '\ud800', 'A', 'a'.repeat(300), '');
    const name = fc.oneof(fc.string({ maxLength: 130 }), hostile);
    fc.assert(
      fc.property(name, name, name, (namespace, incident, uid) => {
        const key = bundleKey('p'.repeat(MAX_PREFIX), { namespace, name: incident, uid });
        expect(Buffer.byteLength(`${attemptKey(key, 999_999_999)}${'x'.repeat(MAX_PATH)}`)).toBeLessThan(
          1024,
        );
        expect(key.split('/')).toHaveLength(3);
        expect(parseS3Url(s3Url('evidence', key))).toEqual({ bucket: 'evidence', key });
      }),
      { numRuns: 30 },
    );
  });

  it('is at the top of a bucket without a prefix', () => {
    const incident = { namespace: 'shop', name: 'web-1', uid: 'u' };
    expect([rootKey(''), rootKey('a/b')]).toEqual(['', 'a/b/']);
    expect(bundleKey('', incident)).toBe('shop/web-1-u');
    expect(bundleKey('a/b', incident)).toBe('a/b/shop/web-1-u');
  });

  it('is no place for what is not a bundle', () => {
    for (const url of ['/var/lib/evidence', 's3://evidence', 's3://evidence/', 'file:///s3://evidence/a'])
      expect(parseS3Url(url)).toBeUndefined();
  });

  it('numbers attempts from 1', () => {
    expect(['attempt-1', 'attempt-12'].map(attemptOf)).toEqual([1, 12]);
    for (const name of ['attempt-0', 'attempt-', 'attempt-01', 'attempt-1.5', 'attempt-1234567890', 'x'])
      expect(attemptOf(name)).toBeUndefined();
  });
});
