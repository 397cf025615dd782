// Raw noise: text, keys, numbers and JSON values that careless code stumbles over.
import fc from 'fast-check';

/** Part of what an attacker writes; it must never show up where no text of others may be. */
export const CANARY = 'qzxCANARYxzq';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toJSON',
  'hasOwnProperty',
  'length',
  '',
  '0',
  'then',
];

const TEXTS = [
  ...KEYS,
  ' ',
  'null',
  'undefined',
  'true',
  '-0',
  '1e999',
  '<NA>',
  'host',
  '\u0000',
  'a\u0000b',
  '\uFEFF',
  '\uFEFFrule',
  '\uD800',
  '\uDFFFx',
  'x\uD83D',
  '\u202Egnp.exe',
  '\u200B\u200D\u2060',
  '\u2028\u2029',
  '\u001B[2J\u001B]0;title\u0007',
  '\r\nX-Injected: 1\r\n\r\n',
  '\u0441ritical', // a Cyrillic letter
  '\uFF43ritical', // a full-width one
  '\u0130', // grows when it is lower-cased
  '\uFB03', // grows when it is upper-cased
  'Z\u0351\u036B\u0343',
  '👩‍👩‍👧‍👦',
  '../../../../etc/passwd',
  '..',
  '.',
  '/',
  '%2e%2e%2f',
  '$(touch /tmp/x)',
  '`id`',
  '{{7*7}}',
  '${jndi:ldap://x}',
  "'; DROP TABLE pods; --",
  '<script>alert(1)</script>',
  '%s%n%d',
  '*',
  '**',
  '.*',
  '(a+)+$',
  CANARY,
  `${CANARY}\n${CANARY}`,
];

/** Short text, mostly odd. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-composite', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 80 }) },
);

// What costs a matcher most: much of the same, then something else.
const PIECES = [
  'a',
  'ab',
  'a.',
  'a-',
  '/',
  '@',
  ':',
  '*',
  'a*',
  ' ',
  '\u0000',
  '\uD83D\uDE00',
  '\uD800',
  '1',
  'h',
  '1h',
];

/** Long text of one piece again and again, up to 200,000 characters. */
export const longText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...PIECES),
    fc.oneof(
      fc.integer({ min: 60, max: 70 }),
      fc.integer({ min: 200, max: 600 }),
      fc.integer({ max: 100_000, min: 1 }),
    ),
    fc.constantFrom('', '!', 'b', CANARY),
  )
  .map(([piece, times, end]) => piece.repeat(times) + end);

/** Any text: mostly short, now and then long. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 19, arbitrary: oddText },
  { weight: 1, arbitrary: longText },
);

/** A key of an object. */
export const oddKey: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...KEYS), oddText);

/** A number at the edge of something. */
export const oddNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    -1,
    1,
    0.5,
    1e-320,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 53 + 2,
    -(2 ** 63),
    1e308,
    -1e308,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
);

/** `inner` within so many lists or objects. */
export function nested(inner: Json, depth: number, asObjects: boolean): Json {
  let value = inner;
  for (let level = 0; level < depth; level++) value = asObjects ? { x: value } : [value];
  return value;
}

const leaf: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 2, arbitrary: oddNumber },
  { weight: 2, arbitrary: fc.constantFrom<Json[]>(null, true, false, [], {}) },
);

const nests: fc.Arbitrary<Json> = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.boolean())
  .map(([depth, asObjects]) => nested(null, depth, asObjects));

/** Any JSON value, small unless it is deep or has a long text. */
export const oddJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 6, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 1, arbitrary: objectOf(tie('value')) },
    { weight: 1, arbitrary: nests },
  ),
})).value;

function objectOf(value: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  // By entries: a key `__proto__` becomes a field, as JSON.parse makes it, and not the prototype.
  return fc
    .array(fc.tuple(oddKey, value), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries) as Json);
}
