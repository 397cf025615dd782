// The table of fields in the reference pages says of each field what the schema says.
import { describe, expect, it } from 'vitest';
import { fieldTable } from '../../../scripts/field-table.ts';
import { CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import type { StructuralSchema } from '../../../src/api/structural.ts';
import { walk, type Json } from './structural-rules.ts';

const text: StructuralSchema = { type: 'string', maxLength: 5 };

function rows(field: StructuralSchema, required: string[] = []): string[] {
  const spec: StructuralSchema = {
    type: 'object',
    description: 'The spec.',
    required,
    properties: { field },
  };
  return fieldTable({ type: 'object', properties: { spec } }).split('\n').slice(3);
}

describe('a row', () => {
  it.each<[string, StructuralSchema, string]>([
    [
      'a string',
      { ...text, description: 'A word.' },
      '| `spec.field` | string |  | A word. At most 5 characters. |',
    ],
    ['two limits', { ...text, minLength: 2 }, '| `spec.field` | string |  | 2 to 5 characters. |'],
    ['one length', { ...text, minLength: 5 }, '| `spec.field` | string |  | 5 characters. |'],
    ['a default', { ...text, default: 'a' }, '| `spec.field` | string | `a` | At most 5 characters. |'],
    ['an enum', { type: 'string', enum: ['a', 'b'] }, '| `spec.field` | string |  | One of `a`, `b`. |'],
    [
      'an integer',
      { type: 'integer', minimum: 1, maximum: 9, default: 3 },
      '| `spec.field` | integer | `3` | 1 to 9. |',
    ],
    ['half a range', { type: 'integer', minimum: 1 }, '| `spec.field` | integer |  | At least 1. |'],
    ['a boolean', { type: 'boolean', default: false }, '| `spec.field` | boolean | `false` |  |'],
    ['a time', { type: 'string', format: 'date-time', maxLength: 40 }, '| `spec.field` | time |  |  |'],
    [
      'a list',
      { type: 'array', maxItems: 3, items: text },
      '| `spec.field` | list of string |  | At most 3 entries. |',
    ],
    [
      'a list of some values',
      { type: 'array', maxItems: 2, items: { type: 'string', enum: ['a'] } },
      '| `spec.field` | list of string |  | One of `a`. At most 2 entries. |',
    ],
    [
      'a map',
      { type: 'object', maxProperties: 3, additionalProperties: text },
      '| `spec.field` | map of string |  | At most 3 entries. |',
    ],
    [
      'an object that is filled in',
      { type: 'object', default: {}, properties: {} },
      '| `spec.field` | object | see below |  |',
    ],
    [
      'a bar in a description',
      { ...text, enum: ['a'], description: 'a|b' },
      '| `spec.field` | string |  | a\\|b One of `a`. |',
    ],
  ])('says what it is: %s', (_, field, row) => expect(rows(field)).toEqual([row]));

  it('says that a field is required', () => {
    expect(rows(text, ['field'])).toEqual(['| `spec.field` | string | required | At most 5 characters. |']);
  });

  it('stands for each field inside, of a list and of a map too', () => {
    const inner: StructuralSchema = { type: 'object', required: ['a'], properties: { a: text } };
    const paths = (field: StructuralSchema) => rows(field).map((row) => row.split('`')[1]);
    expect(paths(inner)).toEqual(['spec.field', 'spec.field.a']);
    expect(paths({ type: 'array', items: inner })).toEqual(['spec.field', 'spec.field[].a']);
    expect(paths({ type: 'object', additionalProperties: inner })).toEqual(['spec.field', 'spec.field.*.a']);
  });
});

describe.each(CUSTOM_KINDS)('the table of $kind', (kind) => {
  const schema = openApiSchema(kind);
  const lines = fieldTable(schema).split('\n');

  it('has a row for every field of spec and status', () => {
    const wanted: string[] = [];
    walk(schema as unknown as Json, (_, path) => {
      if (/^(spec|status)/.test(path) && !/(\[\]|\.\*)$/.test(path)) wanted.push(path);
    });
    expect(lines.slice(2).map((row) => row.split('`')[1])).toEqual(wanted);
  });

  it('has the same four cells in every row', () => {
    expect(lines.filter((row) => row.split(/(?<!\\)\|/).length !== 6)).toEqual([]);
  });
});
