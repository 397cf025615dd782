// What is kept of the fields of an alert, for conditions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIELD_LIMITS } from '../../../src/api/detection.ts';
import { keptFields } from '../../../src/detect/fields.ts';

describe('the fields of an alert', () => {
  it.each<[string, unknown, Record<string, string>]>([
    ['a text', 'nc', { f: 'nc' }],
    ['a number', 4711, { f: '4711' }],
    ['a boolean', true, { f: 'true' }],
    ['an empty text', '', { f: '' }],
    ['a number that is too large to be one', Infinity, {}],
    ['null', null, {}],
    ['a list', ['a'], {}],
    ['an object', { a: 1 }, {}],
    ['a text with control characters', 'a\u0000b\u202e', { f: 'a\uFFFDb\uFFFD' }],
  ])('%s', (_what, value, kept) => expect(keptFields({ f: value })).toEqual(kept));

  it('are cut where one is too long, and left out where its name is', () => {
    const fields = keptFields({ long: 'x'.repeat(5_000), ['n'.repeat(129)]: 'x', '': 'x' });
    expect(fields).toEqual({ long: 'x'.repeat(FIELD_LIMITS.value) });
  });

  it('are all kept, however long the process makes some of them: the longest are cut alike', () => {
    const padding = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [`proc.aname[${n}]`, 'x'.repeat(1_024)]),
    );
    const path = `/tmp/${'x'.repeat(1_010)}`;
    const told = { ...padding, 'proc.cmdline': 'x'.repeat(9_999), 'proc.exepath': path, 'proc.name': 'nc' };
    const kept = keptFields(told);
    expect(Object.keys(kept).toSorted()).toEqual(Object.keys(told).toSorted());
    expect(kept['proc.name']).toBe('nc');
    expect(kept['proc.exepath']).toMatch(/^\/tmp\/x{200,}$/);
    expect(new Set(Object.values(kept).map(({ length }) => length)).size).toBe(2);
  });

  it('may have the names of what every object has', () => {
    const told: unknown = JSON.parse('{"__proto__": "a", "constructor": "b"}');
    const kept = keptFields(told as Record<string, unknown>);
    expect(new Map(Object.entries(kept))).toEqual(
      new Map([
        ['__proto__', 'a'],
        ['constructor', 'b'],
      ]),
    );
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
  });

  it('stay within their limits, whatever is told, and do not depend on its order', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything(), { maxKeys: 100 }), (told) => {
        const kept = keptFields(told);
        const entries = Object.entries(kept);
        expect(entries.length).toBeLessThanOrEqual(FIELD_LIMITS.fields);
        expect(entries.flat().join('').length).toBeLessThanOrEqual(FIELD_LIMITS.total);
        expect(keptFields(Object.fromEntries(Object.entries(told).toReversed()))).toEqual(kept);
      }),
    );
  });
});
