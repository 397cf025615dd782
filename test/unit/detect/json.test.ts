import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH, canonicalJson, formatPath, parseJson } from '../../../src/detect/json.ts';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('parseJson', () => {
  it('gives the value of good JSON', () => {
    expect(parseJson('{"a":[1,null]}')).toEqual({ value: { a: [1, null] } });
  });

  it.each(['', '{', '{"a":1', 'undefined', '{"a":1}x', "{'a':1}", '[1,]', '\u0000'])(
    'refuses %j as no JSON',
    (text) => {
      expect(parseJson(text)).toEqual({ problem: { path: 'body', message: 'is not valid JSON' } });
    },
  );

  it('accepts nesting up to the limit and names the place beyond it', () => {
    expect(parseJson(nested(MAX_DEPTH))).toHaveProperty('value');
    expect(parseJson(nested(MAX_DEPTH + 1))).toEqual({
      problem: { path: '[0]'.repeat(MAX_DEPTH), message: 'is nested over 32 levels' },
    });
  });

  it('survives nesting as deep as a body can hold', () => {
    expect(parseJson(nested(131_072))).toHaveProperty('problem.message', 'is nested over 32 levels');
  });

  it.each([
    ['{"__proto__":{"rule":"x"}}', '__proto__'],
    ['{"a":[{"\\u005f_proto__":1}]}', 'a[0].__proto__'],
  ])('refuses %s and says where', (text, path) => {
    expect(parseJson(text)).toEqual({ problem: { path, message: 'is not an accepted key' } });
  });

  it('quotes no value of the body and cleans the keys in a path', () => {
    const outcome = parseJson(`{"\\u001b]0;${'x'.repeat(500)}":{"__proto__":"secret"}}`);
    const { problem } = outcome as { problem: { path: string } };
    expect(problem.path.length).toBeLessThanOrEqual(128);
    expect(problem.path).not.toContain('\u001b');
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });
});

describe('canonicalJson', () => {
  it('is the same for keys in any order, at any depth', () => {
    const shuffled = fc
      .jsonValue()
      .chain((value) => fc.tuple(fc.constant(value), fc.constant(reversed(value))));
    fc.assert(
      fc.property(shuffled, ([value, other]) => {
        expect(canonicalJson(other)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('tells different values apart', () => {
    const texts = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, {}, { b: 1 }, [], [{ a: 1 }]].map(
      canonicalJson,
    );
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('formatPath', () => {
  it.each([
    [[], 'body'],
    [['priority'], 'priority'],
    [['output_fields', 'container.id'], 'output_fields["container.id"]'],
    [['tags', 3], 'tags[3]'],
  ])('writes %j as %s', (path, text) => {
    expect(formatPath(path)).toBe(text);
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}
