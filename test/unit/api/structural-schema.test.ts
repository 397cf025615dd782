// A zod schema becomes a structural schema, or an error that names the field.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { limitedRecord } from '../../../src/api/meta.ts';
import { structuralSchema } from '../../../src/api/structural.ts';

const field = (schema: z.ZodType) => structuralSchema(z.object({ field: schema })).properties?.['field'];

describe('what a schema becomes', () => {
  const time = z.iso.datetime({ offset: true }).max(40);
  it.each<[string, z.ZodType, object]>([
    ['a limited string', z.string().min(1).max(5), { type: 'string', minLength: 1, maxLength: 5 }],
    ['a pattern', z.string().regex(/^a$/), { type: 'string', pattern: '^a$' }],
    ['an enum', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    ['a boolean', z.boolean(), { type: 'boolean' }],
    ['an integer without the limits of JavaScript', z.int(), { type: 'integer' }],
    ['an integer with one limit', z.int().min(0), { type: 'integer', minimum: 0 }],
    ['an integer with two limits', z.int().min(1).max(9), { type: 'integer', minimum: 1, maximum: 9 }],
    ['a time, without zod’s pattern', time, { type: 'string', format: 'date-time', maxLength: 40 }],
    ['a default', z.enum(['a']).default('a'), { type: 'string', enum: ['a'], default: 'a' }],
    [
      'an object that is filled in',
      z.object({}).prefault({}),
      { type: 'object', default: {}, properties: {} },
    ],
    ['a description', z.boolean().describe('Text.'), { type: 'boolean', description: 'Text.' }],
    ['a strict object, as servers prune', z.strictObject({}), { type: 'object', properties: {} }],
    ['an open object, as servers prune', z.looseObject({}), { type: 'object', properties: {} }],
    [
      'what meta adds',
      z.array(z.string()).meta({ 'x-kubernetes-list-type': 'set' }),
      { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ],
  ])('%s', (_, schema, expected) => expect(field(schema)).toEqual(expected));

  it('requires what has no default and is not optional', () => {
    const schema = z.object({
      a: z.string(),
      b: z.string().optional(),
      c: z.string().default(''),
      d: z.object({}).prefault({}),
    });
    expect(structuralSchema(schema).required).toEqual(['a']);
  });

  it('turns a limit on keys into a rule, and keeps the rules that are there', () => {
    const own = { rule: 'size(self) > 0', message: 'must not be empty' };
    const map = limitedRecord(9, z.string().max(5), 3);
    expect(field(map.meta({ 'x-kubernetes-validations': [own] }))).toEqual({
      type: 'object',
      maxProperties: 3,
      additionalProperties: { type: 'string', maxLength: 5 },
      'x-kubernetes-validations': [
        own,
        { rule: 'self.all(key, size(key) <= 9)', message: 'keys may not be more than 9 characters' },
      ],
    });
  });

  it('writes keywords in one order, whatever the order in the source', () => {
    const one = field(z.string().max(5).describe('Text.').default('a'));
    const other = field(z.string().default('a').describe('Text.'));
    expect(Object.keys(one ?? {})).toEqual(['description', 'type', 'default', 'maxLength']);
    expect(Object.keys(other ?? {})).toEqual(['description', 'type', 'default']);
  });
});

describe('what a structural schema cannot say', () => {
  it.each<[string, z.ZodType, string]>([
    ['a union', z.union([z.string(), z.int()]), '$.field: a structural schema has no place for "anyOf"'],
    ['a literal', z.literal('a'), '$.field: a structural schema has no place for "const"'],
    [
      'two patterns',
      z.string().regex(/^a/).regex(/b$/),
      '$.field: a structural schema has no place for "allOf"',
    ],
    ['a number beside a null', z.int().nullable(), '$.field: a structural schema has no place for "anyOf"'],
    [
      'a number with a fraction, which no field of ours is',
      z.number(),
      '$.field: a structural schema needs one type',
    ],
    ['anything at all', z.unknown(), '$.field: a structural schema needs one type'],
    [
      'keys with a pattern',
      z.record(z.string().regex(/^a$/), z.string()),
      '$.field: a structural schema has no place for "propertyNames"',
    ],
    [
      'keys without a limit',
      z.record(z.string(), z.string()),
      '$.field: a structural schema has no place for "propertyNames"',
    ],
    [
      'something wrong in a list',
      z.array(z.object({ a: z.literal('a') })),
      '$.field[].a: a structural schema has no place for "const"',
    ],
    [
      'something wrong in a map',
      limitedRecord(9, z.literal('a'), 3),
      '$.field.*: a structural schema has no place for "const"',
    ],
    [
      'meta that nobody knows',
      z.string().meta({ color: 'red' }),
      '$.field: a structural schema has no place for "color"',
    ],
  ])('%s', (_, schema, message) => expect(() => field(schema)).toThrow(message));
});
