// Digest equivalence: what an index contains is the same image, what somebody put beside it is not.
import { describe, expect, test } from 'vitest';
import {
  MAX_MANIFESTS,
  readDocument,
  sameImage,
  unknownOf,
  type ImageDocument,
} from '../../../src/decide/digest-set.ts';
import { digest } from './builders.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const [I, AMD, ARM, CONFIG, OTHER, GOOD] = ['1', '2', '3', '4', '5', '6'].map(digest) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const entry = (of: string, os = 'linux', architecture = 'amd64') => ({
  digest: of,
  platform: { os, architecture },
});
const json = (value: unknown) => JSON.stringify(value);

describe('a document', () => {
  test.each([INDEX, LIST])('of type %s names its manifests, without attestations', (type) => {
    const manifests = [
      entry(AMD),
      entry(ARM, 'linux', 'arm64'),
      entry(OTHER, 'unknown', 'unknown'),
      entry(AMD),
    ];
    expect(readDocument(json({ mediaType: type, manifests }), type)).toEqual({
      kind: 'Index',
      manifests: [AMD, ARM],
    });
  });

  test('for one platform names its configuration', () => {
    expect(readDocument(json({ config: { digest: CONFIG }, layers: [] }), MANIFEST)).toEqual({
      kind: 'Manifest',
      config: CONFIG,
    });
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', INDEX],
    ['no object', '[]', INDEX],
    ['null', 'null', INDEX],
    ['a type that nobody knows', json({ manifests: [] }), 'text/html'],
    ['another type than it says', json({ mediaType: MANIFEST, manifests: [] }), INDEX],
    ['an index that is a manifest, too', json({ manifests: [], config: { digest: CONFIG } }), INDEX],
    ['a manifest that is an index, too', json({ manifests: [], config: { digest: CONFIG } }), MANIFEST],
    ['too many manifests', json({ manifests: Array(MAX_MANIFESTS + 1).fill(entry(AMD)) }), INDEX],
    ['manifests that are no list', json({ manifests: {} }), INDEX],
    ['a configuration without a digest', json({ config: {} }), MANIFEST],
    ['a configuration with a wrong digest', json({ config: { digest: '../x' } }), MANIFEST],
  ])('is none with %s', (_, text, type) => {
    expect(readDocument(text, type)).toBeUndefined();
  });

  test('leaves out what is no digest', () => {
    const manifests = [entry('sha256:..'), { digest: 7 }, null, 'x', entry(AMD)];
    expect(readDocument(json({ manifests }), INDEX)).toEqual({ kind: 'Index', manifests: [AMD] });
  });
});

const documents = new Map<string, ImageDocument | null>([
  [I, { kind: 'Index', manifests: [AMD, ARM] }],
  [AMD, { kind: 'Manifest', config: CONFIG }],
  [ARM, { kind: 'Manifest', config: OTHER }],
  [CONFIG, null],
  [OTHER, null],
]);
const known = (of: string) => documents.get(of);
const same = (expected: string, runs: string) => sameImage(expected, runs, known);

describe('the same image', () => {
  test.each([
    ['the digest itself, of which nothing is known', GOOD, GOOD],
    ['a manifest of the expected index', I, AMD],
    ['the configuration of one', I, CONFIG],
    ['the configuration of the expected manifest', AMD, CONFIG],
    ['the manifest of the expected configuration', CONFIG, AMD],
  ])('is %s', (_, expected, runs) => expect(same(expected, runs)).toBe(true));

  test.each([
    ['the manifest for another platform', AMD, ARM],
    ['the configuration for another platform', AMD, OTHER],
    ['an index with more than the expected manifest, which anybody may push', AMD, I],
    ['nor with more than the expected configuration', CONFIG, I],
  ])('is not %s', (_, expected, runs) => expect(same(expected, runs)).toBe(false));

  test('is an index with nothing but the expected manifest', () => {
    documents.set(GOOD, { kind: 'Index', manifests: [AMD] });
    expect(same(AMD, GOOD)).toBe(true);
    expect(same(CONFIG, GOOD)).toBe(true);
    expect(same(ARM, GOOD)).toBe(false);
    documents.delete(GOOD);
  });

  test('is not known before everything was read, and what that is gets told', () => {
    const nothing = () => undefined;
    expect(sameImage(I, CONFIG, nothing)).toBeUndefined();
    expect(unknownOf(I, CONFIG, nothing)).toEqual([I, CONFIG]);
    const index = (of: string) => (of === I || of === CONFIG ? known(of) : undefined);
    expect(sameImage(I, CONFIG, index)).toBeUndefined();
    expect(unknownOf(I, CONFIG, index)).toEqual([AMD, ARM]);
    expect(unknownOf(I, AMD, index)).toEqual([]);
    expect(unknownOf(I, CONFIG, known)).toEqual([]);
  });
});
