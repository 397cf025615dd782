// The CEL rules of the schemas and the functions that say them again stay in step.
import { describe, expect, it } from 'vitest';
import { CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import { isPattern, RULE_TEXTS, ruleFunction, ruleProblems } from '../../../src/api/rules.ts';
import type { CelRule, StructuralSchema } from '../../../src/api/structural.ts';
import { walk, type Json } from './structural-rules.ts';

const rules: CelRule[] = [];
for (const kind of CUSTOM_KINDS) {
  walk(openApiSchema(kind) as unknown as Json, (node) => {
    rules.push(...((node['x-kubernetes-validations'] ?? []) as CelRule[]));
  });
}
const texts = [...new Set(rules.map(({ rule }) => rule))];
const EITHER = "!('Evict' in self.actions && 'Restart' in self.actions)";
const IN_STEP = texts.find((text) => text.startsWith('self.operator')) ?? '';

describe('every rule', () => {
  it('of the schemas has a function', () => {
    for (const rule of rules.filter((one) => !isPattern(one))) expect(() => ruleFunction(rule)).not.toThrow();
  });

  it('that has a function is in the schemas', () => {
    expect(RULE_TEXTS.filter((text) => !texts.includes(text))).toEqual([]);
  });

  it('without a function is an error, not a pass', () => {
    expect(() => ruleFunction({ rule: 'self.size() < 9', message: '' })).toThrow('self.size() < 9');
  });

  it('that is changed in a schema has no function any more', () => {
    expect(() => ruleFunction({ rule: `${IN_STEP} `, message: '' })).toThrow('no function');
  });
});

// What CEL says of each, evaluated by an API server; written out here so that a changed function is noticed.
const CASES: readonly (readonly [rule: string, self: unknown, oldSelf: unknown, holds: boolean])[] = [
  ['self == oldSelf', { a: [1, { b: '' }] }, { a: [1, { b: '' }] }, true],
  ['self == oldSelf', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ['self == oldSelf', { a: 1 }, { a: 1, b: undefined }, false],
  ['self == oldSelf', { a: ['x', 'y'] }, { a: ['y', 'x'] }, false],
  ['self == oldSelf', { a: '' }, {}, false],
  [IN_STEP, { operator: 'In', values: ['a'] }, undefined, true],
  [IN_STEP, { operator: 'In', values: [] }, undefined, false],
  [IN_STEP, { operator: 'In' }, undefined, false],
  [IN_STEP, { operator: 'NotIn', values: ['a', 'b'] }, undefined, true],
  [IN_STEP, { operator: 'NotIn' }, undefined, false],
  [IN_STEP, { operator: 'Exists' }, undefined, true],
  [IN_STEP, { operator: 'Exists', values: [] }, undefined, true],
  [IN_STEP, { operator: 'Exists', values: ['a'] }, undefined, false],
  [IN_STEP, { operator: 'DoesNotExist' }, undefined, true],
  [IN_STEP, { operator: 'DoesNotExist', values: ['a'] }, undefined, false],
  ['has(self.responses) || has(self.grants)', { responses: [] }, undefined, true],
  ['has(self.responses) || has(self.grants)', { grants: {} }, undefined, true],
  ['has(self.responses) || has(self.grants)', { mode: 'Audit' }, undefined, false],
  [EITHER, { actions: ['Evict'] }, undefined, true],
  [EITHER, { actions: ['Label', 'Restart'] }, undefined, true],
  [EITHER, { actions: ['Evict', 'Restart'] }, undefined, false],
  ["self.action != 'Approve' || has(self.planHash)", { action: 'Approve' }, undefined, false],
  ["self.action != 'Approve' || has(self.planHash)", { action: 'Approve', planHash: 'a' }, undefined, true],
  ["self.action != 'Approve' || has(self.planHash)", { action: 'Deny' }, undefined, true],
  ['self.all(key, size(key) <= 63)', {}, undefined, true],
  ['self.all(key, size(key) <= 63)', { ['k'.repeat(63)]: 1 }, undefined, true],
  ['self.all(key, size(key) <= 63)', { short: 1, ['k'.repeat(64)]: 1 }, undefined, false],
];

describe('the functions', () => {
  it.each(CASES)('%s of %j, once %j: %j', (rule, self, oldSelf, holds) => {
    expect(ruleFunction({ rule, message: '' })(self, oldSelf)).toBe(holds);
  });

  it('are all in this table', () => {
    expect(RULE_TEXTS.filter((text) => !CASES.some(([rule]) => rule === text))).toEqual([]);
  });
});

describe('where rules are asked', () => {
  const text: StructuralSchema = { type: 'string' };
  const frozen = { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'no' }] };
  const object = (properties: Record<string, StructuralSchema>): StructuralSchema => ({
    type: 'object',
    properties,
  });

  it('compares a field with what it was, also in a map', () => {
    const schema = object({ a: { type: 'object', additionalProperties: object({ b: frozen }) } });
    expect(ruleProblems(schema, { a: { x: { b: '1' } } }, { a: { x: { b: '2' } } })).toEqual([
      { field: 'a.x.b', reason: 'FieldValueInvalid', message: 'Invalid value: no' },
    ]);
  });

  it('asks nothing about the past of a field that is new, or of an object that is', () => {
    expect(ruleProblems(object({ a: frozen }), { a: '1' }, {})).toEqual([]);
    expect(ruleProblems(object({ a: frozen }), { a: '1' })).toEqual([]);
  });

  it('names each item that is there twice, with its place', () => {
    const set: StructuralSchema = { type: 'array', items: text, 'x-kubernetes-list-type': 'set' };
    const problems = ruleProblems(object({ a: set }), { a: ['x', 'y', 'x', 'x'] });
    expect(problems.map(({ field }) => field)).toEqual(['a[2]', 'a[3]']);
  });

  it('compares items of a list with keys by their keys', () => {
    const items = object({ name: text, value: text });
    const map: StructuralSchema = {
      type: 'array',
      items,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    };
    const same = [
      { name: 'x', value: '1' },
      { name: 'x', value: '2' },
    ];
    expect(ruleProblems(object({ a: map }), { a: same })).toEqual([
      { field: 'a[1]', reason: 'FieldValueDuplicate', message: 'Duplicate value: {"name":"x"}' },
    ]);
    expect(ruleProblems(object({ a: map }), { a: [{ name: 'x' }, { name: 'y' }] })).toEqual([]);
  });

  it('lets other lists hold an item twice', () => {
    const list: StructuralSchema = { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' };
    expect(ruleProblems(object({ a: list }), { a: ['x', 'x'] })).toEqual([]);
  });
});
