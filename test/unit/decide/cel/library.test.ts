// The CEL library is loaded when the first condition is compiled, and not before: most processes never need it.
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { compileCondition } from '../../../../src/decide/cel/condition.ts';

const loaded = () =>
  Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('@bufbuild/cel/'));

test('the library is loaded by the first condition', () => {
  expect(compileCondition('x'.repeat(1025)).ok).toBe(false);
  expect(loaded()).toEqual([]);
  expect(compileCondition('true').ok).toBe(true);
  expect(loaded()).not.toEqual([]);
});
