// The checker that the other tests rely on finds what an API server refuses, and takes what it takes.
import { describe, expect, it } from 'vitest';
import { structuralErrors, undescribed, unlimited, walk, type Json } from './structural-rules.ts';

const text = { type: 'string', maxLength: 5 };
const root = (field: Json): Json => ({ type: 'object', properties: { field } });
const list = (items: Json, extra: Json = {}): Json => ({ type: 'array', items, ...extra });
const named = { type: 'object', properties: { name: text }, required: ['name'] };
const byName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };

describe('what an API server takes', () => {
  const good: [string, Json][] = [
    ['scalars', root(text)],
    ['a map', root({ type: 'object', additionalProperties: text })],
    ['a list', root(list(text))],
    ['a list with keys', root(list(named, byName))],
    [
      'a list with a key that has a default',
      root(list({ type: 'object', properties: { name: { ...text, default: 'a' } } }, byName)),
    ],
    ['a set', root(list(text, { 'x-kubernetes-list-type': 'set' }))],
    ['a default', root({ ...text, default: 'a' })],
    [
      'an empty default whose fields have defaults',
      root({ type: 'object', default: {}, required: ['a'], properties: { a: { ...text, default: '' } } }),
    ],
    [
      'a rule about what was, on a field',
      root({ ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'no' }] }),
    ],
    [
      'a rule about what was, in a list with keys',
      root(
        list({ ...named, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'no' }] }, byName),
      ),
    ],
    [
      'limits on the name',
      { type: 'object', properties: { metadata: { type: 'object', properties: { name: text } } } },
    ],
  ];
  it.each(good)('%s', (_, schema) => expect(structuralErrors(schema)).toEqual([]));
});

describe('what an API server refuses', () => {
  const rule = (cel: string, message: string): Json => ({
    'x-kubernetes-validations': [{ rule: cel, message }],
  });
  const bad: [string, Json, string][] = [
    [
      'a reference',
      root({ type: 'object', properties: {}, $ref: '#/definitions/a' }),
      'field: $ref is not allowed',
    ],
    ['const', root({ type: 'string', const: 'a' }), 'field: const is not allowed'],
    [
      'anyOf with types',
      root({ type: 'string', anyOf: [{ type: 'string' }] }),
      'field: anyOf is not allowed',
    ],
    [
      'propertyNames',
      root({ type: 'object', additionalProperties: text, propertyNames: text }),
      'field: propertyNames is not allowed',
    ],
    [
      '$schema',
      { ...root(text), $schema: 'https://json-schema.org/draft/2020-12/schema' },
      '(root): $schema is not allowed',
    ],
    ['a field without a type', root({ maxLength: 5 }), 'field: needs one type'],
    ['two types', root({ type: ['string', 'null'] }), 'field: needs one type'],
    ['a list without items', root({ type: 'array' }), 'field: a list needs items'],
    ['items of a string', root({ ...text, items: text }), 'field: only a list has items'],
    ['fields of a string', root({ ...text, properties: {} }), 'field: only an object has fields'],
    [
      'fields beside a map',
      root({ type: 'object', properties: {}, additionalProperties: text }),
      'field: properties and additionalProperties exclude each other',
    ],
    ['an object of nothing', root({ type: 'object' }), 'field: an object of what?'],
    [
      'a required field that is none',
      root({ type: 'object', properties: {}, required: ['a'] }),
      'field: requires a, which it does not have',
    ],
    [
      'a format that it does not know',
      root({ ...text, format: 'idn-hostname' }),
      'field: unknown format "idn-hostname"',
    ],
    ['look-ahead', root({ ...text, pattern: '^(?=a)' }), 'field: "^(?=a)" is no regular expression for Go'],
    [
      'look-behind',
      root({ ...text, pattern: '(?<!a)b' }),
      'field: "(?<!a)b" is no regular expression for Go',
    ],
    [
      'a reference back',
      root({ ...text, pattern: '(a)\\1' }),
      'field: "(a)\\\\1" is no regular expression for Go',
    ],
    ['a broken pattern', root({ ...text, pattern: '(' }), 'field: "(" is no regular expression for Go'],
    [
      'an enum of another type',
      root({ type: 'string', enum: ['a', 1] }),
      'field: enum holds values of another type',
    ],
    [
      'an enum with a value twice',
      root({ type: 'string', enum: ['a', 'a'] }),
      'field: enum holds a value twice',
    ],
    [
      'limits the wrong way round',
      root({ type: 'integer', minimum: 2, maximum: 1 }),
      'field: minimum is above maximum',
    ],
    [
      'a list type of a map',
      root({ type: 'object', additionalProperties: text, 'x-kubernetes-list-type': 'atomic' }),
      'field: only a list has a list type',
    ],
    [
      'a map type of a list',
      root(list(text, { 'x-kubernetes-map-type': 'atomic' })),
      'field: only an object has a map type',
    ],
    [
      'keys of an atomic list',
      root(list(named, { ...byName, 'x-kubernetes-list-type': 'atomic' })),
      'field: only a list of type map has keys',
    ],
    [
      'a list of type map without keys',
      root(list(named, { 'x-kubernetes-list-type': 'map' })),
      'field: a list of type map needs keys',
    ],
    [
      'a key that is no field',
      root(list({ type: 'object', properties: { a: text } }, byName)),
      'field: the key name is no scalar field',
    ],
    [
      'a key that may be missing',
      root(list({ type: 'object', properties: { name: text } }, byName)),
      'field: the key name may be missing',
    ],
    [
      'a set of objects',
      root(list(named, { 'x-kubernetes-list-type': 'set' })),
      'field: a set needs scalar items',
    ],
    ['a default of another type', root({ ...text, default: 1 }), 'field: the default 1 is no string'],
    [
      'a default that enum does not have',
      root({ type: 'string', enum: ['a'], default: 'b' }),
      'field: the default "b" is not in enum',
    ],
    [
      'a default that breaks the pattern',
      root({ ...text, pattern: '^a$', default: 'b' }),
      'field: the default breaks the pattern',
    ],
    [
      'a default with an unknown field',
      root({ type: 'object', properties: { a: text }, default: { b: '' } }),
      'field: the default holds b, which is pruned',
    ],
    [
      'a default that lacks a field',
      root({ type: 'object', properties: { a: text }, required: ['a'], default: {} }),
      'field: the default lacks a',
    ],
    [
      'a wrong default further inside',
      root({ type: 'object', properties: { a: text }, default: { a: 1 } }),
      'field: the default 1 is no string',
    ],
    ['an empty rule', root({ ...text, ...rule(' ', 'no') }), 'field: a rule is empty'],
    [
      'a rule without a message',
      root({ ...text, ...rule('true', '') }),
      'field: a rule needs a message on one line',
    ],
    [
      'a message of two lines',
      root({ ...text, ...rule('true', 'a\nb') }),
      'field: a rule needs a message on one line',
    ],
    [
      'a rule about what an item was',
      root(list({ ...text, ...rule('self == oldSelf', 'no') })),
      'field[]: items of this list have no oldSelf',
    ],
    ['a root that is a list', { type: 'array', items: text }, '(root): must be an object'],
    [
      'a root that is a map',
      { type: 'object', additionalProperties: text },
      '(root): additionalProperties is not allowed',
    ],
    [
      'a description of metadata',
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { name: text }, description: 'a' } },
      },
      '(root): metadata may restrict name and generateName only',
    ],
    [
      'limits on labels',
      { type: 'object', properties: { metadata: { type: 'object', properties: { labels: text } } } },
      '(root): metadata may restrict name and generateName only',
    ],
  ];
  it.each(bad)('%s', (_, schema, error) => expect(structuralErrors(schema)).toEqual([error]));

  it('finds errors in items, in maps and deep inside', () => {
    const schema = root(
      list({ type: 'object', additionalProperties: { type: 'object', properties: { a: {} } } }),
    );
    expect(structuralErrors(schema)).toEqual(['field[].*.a: needs one type']);
  });
});

describe('our own rules', () => {
  it('wants a limit on strings, lists and maps, wherever they are', () => {
    const schema = root({
      type: 'object',
      properties: {
        a: { type: 'string' },
        b: list({ type: 'string' }),
        c: { type: 'object', additionalProperties: { type: 'string' } },
      },
    });
    expect(unlimited(schema)).toEqual(['field.a', 'field.b', 'field.b[]', 'field.c', 'field.c.*']);
  });

  it('takes an enum for a limit, and wants none of numbers and booleans', () => {
    const properties = { a: { type: 'string', enum: ['a'] }, b: { type: 'integer' }, c: { type: 'boolean' } };
    expect(unlimited({ type: 'object', properties })).toEqual([]);
  });

  it('wants a description of every field but metadata, and none of items', () => {
    const properties = {
      metadata: { type: 'object', properties: {} },
      spec: list(text),
      kind: { ...text, description: 'Kind.' },
    };
    expect(undescribed({ type: 'object', properties })).toEqual(['', 'spec']);
  });

  it('walks every schema once', () => {
    const paths: string[] = [];
    walk(root(list({ type: 'object', additionalProperties: text })), (_, path) => paths.push(path));
    expect(paths).toEqual(['', 'field', 'field[]', 'field[].*']);
  });
});
