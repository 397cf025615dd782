// Exceptions end, in sight and not yet, and name one image.
import { expect, test } from 'vitest';
import { AGENT, codes, DIGEST, SOUND_EXCEPTION } from './support.ts';

const exception = (fields: Record<string, unknown>) =>
  codes({ exceptions: [{ ...SOUND_EXCEPTION, ...fields }] });

// The clock of these tests stands at 2026-11-22T00:00:00Z.
test.each([
  ['2026-11-21T23:59:59Z', ['ExpiredException']],
  ['2026-11-22T00:00:00Z', ['ExpiredException']],
  ['2026-11-22T00:30:00+01:00', ['ExpiredException']],
  ['2026-11-22T00:00:01Z', ['ExpiresSoon']],
  ['2026-12-06T00:00:00Z', ['ExpiresSoon']],
  ['2026-12-06T00:00:01Z', []],
  ['2027-11-23T00:00:00Z', []],
  ['2027-11-23T00:00:01Z', ['LongException']],
  ['9999-12-31T00:00:00Z', ['LongException']],
])('an exception that ends at %s: %o', (expires, found) => {
  expect(exception({ expires })).toEqual(found.map((code) => `${code} spec.exceptions[0].expires`));
});

test.each([
  [AGENT, []],
  [`docker-pullable://${AGENT}`, []],
  [`*@${DIGEST}`, []],
  [DIGEST, []],
  ['*', ['WideException']],
  ['registry.example/agent:*', ['WideException']],
  ['registry.example/*', ['WideException']],
  ['registry.example/agent@*', ['WideException']],
  ['registry.example/agent:1.2', ['ExceptionByTag']],
  ['registry.example/agent', ['ExceptionByTag', 'ImageWithoutTag']],
])('an exception for %s: %o', (image, found) => {
  expect(exception({ image })).toEqual(found.map((code) => `${code} spec.exceptions[0].image`));
});

test.each([
  ['registry.example/web', ['ImageWithoutTag spec.match.images[0]']],
  ['registry.example:5000/web', ['ImageWithoutTag spec.match.images[0]']],
  ['nginx', ['ImageWithoutTag spec.match.images[0]']],
  ['registry.example/*', []],
  ['registry.example/web:*', []],
  ['registry.example/web*', []],
  [AGENT, []],
  [DIGEST, []],
])('a policy for %s: %o', (image, found) => {
  expect(codes({ match: { images: [image] } })).toEqual(found);
});
