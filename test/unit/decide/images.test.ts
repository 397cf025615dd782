// Image names and digests: every form that runtimes write, and names in full.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageDigest, pinnedDigest, qualifiedName } from '../../../src/decide/images.ts';
import { digest } from './builders.ts';

const A = digest('a');
const HEX = 'a'.repeat(64);

describe('the digest of an imageID', () => {
  test.each([
    ['containerd, from a registry', `docker.io/library/nginx@${A}`, A],
    ['containerd, loaded on the node', A, A],
    ['CRI-O, with a tag as well', `registry.example:5000/shop/web:1@${A}`, A],
    ['CRI-O, the bare ID', HEX, A],
    ['cri-dockerd, pulled', `docker-pullable://registry.example/web@${A}`, A],
    ['cri-dockerd, built on the node', `docker://${A}`, A],
    ['a name that holds an @ before the last', `odd@name@${A}`, A],
    ['sha512', `web@sha512:${'b'.repeat(128)}`, `sha512:${'b'.repeat(128)}`],
  ])('%s', (_, imageID, expected) => expect(imageDigest(imageID)).toBe(expected));

  test.each([
    '',
    'nginx:1.27',
    'docker.io/library/nginx',
    `nginx@sha256:${'a'.repeat(63)}`,
    `nginx@sha256:${'a'.repeat(65)}`,
    `nginx@sha256:${'A'.repeat(64)}`,
    `nginx@md5:${'a'.repeat(64)}`,
    `nginx@${A} `,
    `nginx@${A}\n`,
    `registry.example/${HEX}`,
    `nginx:${HEX}`,
    'sha256:',
    '@',
    '://',
  ])('is absent in %j', (imageID) => expect(imageDigest(imageID)).toBeUndefined());

  test('is the same in every form', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
    fc.assert(
      fc.property(hex, (text) => {
        const forms = [text, `sha256:${text}`, `a/b@sha256:${text}`, `docker-pullable://a/b@sha256:${text}`];
        expect(new Set(forms.map(imageDigest))).toEqual(new Set([`sha256:${text}`]));
      }),
    );
  });
});

describe('the digest that an image names', () => {
  test.each([
    [`nginx@${A}`, A],
    [`registry.example:5000/shop/web:1.2@${A}`, A],
    ['nginx', undefined],
    ['nginx:1.27', undefined],
    // A bare digest or ID is not a name that a pod spec pins with.
    [A, undefined],
    [`@${A}`, undefined],
    [HEX, undefined],
    ['nginx@sha256:short', undefined],
    [`nginx@${A}x`, undefined],
    ['', undefined],
  ])('%j: %j', (image, expected) => expect(pinnedDigest(image)).toBe(expected));
});

describe('the name in full', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    [`nginx@${A}`, `docker.io/library/nginx@${A}`],
    [`nginx:1.27@${A}`, `docker.io/library/nginx:1.27@${A}`],
    ['bitnami/nginx', 'docker.io/bitnami/nginx:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/library/nginx:1', 'docker.io/library/nginx:1'],
    ['index.docker.io/nginx:1', 'docker.io/library/nginx:1'],
    ['index.docker.io/bitnami/nginx', 'docker.io/bitnami/nginx:latest'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['localhost:5000/web:1', 'localhost:5000/web:1'],
    ['registry.example/web', 'registry.example/web:latest'],
    ['registry.example:5000/a/b/c:v1', 'registry.example:5000/a/b/c:v1'],
    ['REGISTRY/web', 'REGISTRY/web:latest'],
    ['[::1]:5000/web', '[::1]:5000/web:latest'],
    ['quay.io/org/web', 'quay.io/org/web:latest'],
  ])('of %s is %s', (image, expected) => expect(qualifiedName(image)).toBe(expected));

  test('is already its own full name', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const registry = fc.constantFrom(
      '',
      'docker.io/',
      'index.docker.io/',
      'localhost:5000/',
      'quay.io/',
      'Reg/',
    );
    const suffix = fc.constantFrom('', ':1.27', `@${A}`, `:1@${A}`);
    const image = fc
      .tuple(registry, fc.array(component, { minLength: 1, maxLength: 3 }), suffix)
      .map(([head, parts, tail]) => `${head}${parts.join('/')}${tail}`);
    fc.assert(
      fc.property(image, (text) => {
        const full = qualifiedName(text);
        expect(qualifiedName(full)).toBe(full);
        expect(pinnedDigest(full)).toBe(pinnedDigest(text));
        expect(full.endsWith(text.slice(text.lastIndexOf('/') + 1)) || full.endsWith(':latest')).toBe(true);
      }),
    );
  });

  // The reference grammar as regular expressions takes minutes from 22 of these on.
  test.each(['a', 'a-', 'a_', 'a/', 'a.', 'a:', 'a@', '/', 'A'])(
    'is found for any text, also 100 kB of %j',
    (part) => {
      const hostile = `${part.repeat(100_000 / part.length)}!`;
      expect(qualifiedName(hostile).length).toBeLessThan(hostile.length + 40);
      expect(pinnedDigest(hostile)).toBeUndefined();
      expect(imageDigest(hostile)).toBeUndefined();
    },
  );
});
