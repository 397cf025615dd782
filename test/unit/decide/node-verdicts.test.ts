// When a node is tested, what is kept of the result, and how long it counts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NODE_TEST_VALID_MS, type NodeEnforcement } from '../../../src/decide/isolated.ts';
import {
  afterTest,
  isForgotten,
  MAX_RECORDS,
  readRecords,
  testDueIn,
  verdictOf,
  writeRecord,
  type NodeRecord,
} from '../../../src/decide/node-verdicts.ts';

const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const proof = (agoMs: number, verdict: NodeEnforcement['verdict'] = 'Enforced'): NodeEnforcement => ({
  verdict,
  at: NOW - agoMs,
  tookMs: 130,
  establishedCut: true,
});
const trouble = (agoMs: number, failures = 1) => ({ at: NOW - agoMs, failures, message: 'no room' });

test.each<[string, NodeRecord | undefined, number, number]>([
  ['one of which nothing is known: now', undefined, 0, 0],
  ['one that was just tested: when half of its time is over', { proof: proof(0) }, 12 * HOUR, 12 * HOUR],
  ['one that does not enforce: just so', { proof: proof(HOUR, 'Unenforced') }, 11 * HOUR, 11 * HOUR],
  ['one that was tested half a day ago: now', { proof: proof(12 * HOUR) }, 0, 0],
  ['one after a first failure: in a minute', { trouble: trouble(0) }, MINUTE, MINUTE],
  ['one after a third: in four', { trouble: trouble(0, 3) }, 4 * MINUTE, 4 * MINUTE],
  ['one after many: in an hour, or five minutes', { trouble: trouble(0, 60) }, HOUR, 5 * MINUTE],
  ['one that failed long ago: now', { trouble: trouble(2 * HOUR, 9) }, 0, 0],
  ['one that was tested by a clock that is a year ahead: now', { proof: proof(-8_760 * HOUR) }, 0, 0],
  ['one that failed by such a clock: now', { trouble: trouble(-8_760 * HOUR) }, 0, 0],
  ['one whose second test fails: later', { proof: proof(13 * HOUR), trouble: trouble(0) }, MINUTE, MINUTE],
])('tests %s', (_, record, due, whileQuarantined) => {
  expect(testDueIn(record, NOW, false)).toBe(due);
  expect(testDueIn(record, NOW, true)).toBe(whileQuarantined);
});

describe('a test', () => {
  test('that tells something takes the place of all before', () => {
    const { verdict, at, tookMs, establishedCut } = proof(0, 'Unenforced');
    const result = { verdict, at, tookMs, establishedCut, message: 'new connections still worked' };
    const before = { proof: proof(HOUR), trouble: trouble(MINUTE, 4) };
    expect(afterTest(before, result)).toEqual({ proof: proof(0, 'Unenforced') });
  });

  test('that tells nothing leaves what was known, and is counted', () => {
    const result = { verdict: 'Unknown' as const, at: NOW, message: 'no room' };
    const first = afterTest({ proof: proof(HOUR) }, result);
    expect(first).toEqual({ proof: proof(HOUR), trouble: trouble(0, 1) });
    expect(afterTest(first, result)).toEqual({ proof: proof(HOUR), trouble: trouble(0, 2) });
  });

  test('counts for a day', () => {
    expect(verdictOf({ proof: proof(NODE_TEST_VALID_MS - 1) }, NOW)).toBe('Enforced');
    expect(verdictOf({ proof: proof(NODE_TEST_VALID_MS) }, NOW)).toBe('Unknown');
    expect(verdictOf({ proof: proof(-MINUTE) }, NOW)).toBe('Enforced');
    expect(verdictOf({ proof: proof(-HOUR) }, NOW)).toBe('Unknown');
    expect(verdictOf({ trouble: trouble(0) }, NOW)).toBe('Unknown');
    expect(verdictOf(undefined, NOW)).toBe('Unknown');
  });

  test('is forgotten when nobody has tried for a day', () => {
    expect(isForgotten({ proof: proof(NODE_TEST_VALID_MS) }, NOW)).toBe(true);
    expect(isForgotten({ proof: proof(NODE_TEST_VALID_MS), trouble: trouble(HOUR) }, NOW)).toBe(false);
  });
});

describe('the ConfigMap', () => {
  const milliseconds = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
  const record: fc.Arbitrary<NodeRecord> = fc
    .record(
      {
        proof: fc.record({
          verdict: fc.constantFrom('Enforced' as const, 'Unenforced' as const),
          at: milliseconds,
          tookMs: fc.nat(),
          establishedCut: fc.boolean(),
          boot: fc.uuid(),
        }),
        trouble: fc.record({
          at: milliseconds,
          failures: fc.integer({ min: 1, max: 1_000_000 }),
          message: fc
            .string({ maxLength: 200, unit: fc.constantFrom('a', '"', '\\', ' x') })
            .map((text) => text.trim()),
        }),
      },
      { requiredKeys: [] },
    )
    .filter((one) => one.proof !== undefined || one.trouble !== undefined);

  test('gives back what was written', () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(readRecords({ 'node-1': writeRecord(one) })).toEqual(new Map([['node-1', one]]));
      }),
    );
  });

  test('is read by people', () => {
    expect(JSON.parse(writeRecord({ proof: proof(0), trouble: trouble(0) }))).toEqual({
      verdict: 'Enforced',
      at: '2026-11-22T00:00:00.000Z',
      tookMs: 130,
      establishedCut: true,
      trouble: { at: '2026-11-22T00:00:00.000Z', failures: 1, message: 'no room' },
    });
    expect(JSON.parse(writeRecord({ trouble: trouble(0) }))).toMatchObject({ verdict: 'Unknown' });
  });

  test.each([
    ['no data', undefined],
    ['no JSON', { a: 'Enforced' }],
    ['another verdict', { a: '{"verdict":"Fine","at":"2026-11-22T00:00:00Z"}' }],
    ['no time', { a: '{"verdict":"Enforced","tookMs":1,"establishedCut":true}' }],
    [
      'a negative time',
      { a: '{"verdict":"Enforced","at":"2026-11-22T00:00:00Z","tookMs":-1,"establishedCut":true}' },
    ],
    ['no text', { a: 7 }],
  ])('with %s says nothing', (_, data) => {
    expect(readRecords(data)).toEqual(new Map());
  });

  test('stays below what a ConfigMap may hold', () => {
    const worst = ['"', 'ü', '\u0001', '漢', '\u{1f600}'].map((character) =>
      Buffer.byteLength(
        writeRecord({ proof: proof(0), trouble: { ...trouble(0), message: character.repeat(999) } }),
      ),
    );
    const name = 'n'.repeat(63);
    expect(MAX_RECORDS * (Math.max(...worst) + name.length)).toBeLessThan(1024 * 1024);
    const many = Object.fromEntries(
      Array.from({ length: MAX_RECORDS + 9 }, (_, n) => [`node-${n}`, writeRecord({ proof: proof(0) })]),
    );
    expect(readRecords(many).size).toBe(MAX_RECORDS);
  });
});
