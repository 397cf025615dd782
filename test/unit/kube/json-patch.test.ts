// Patch paths name the member that they were built from, whatever its key holds.
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import type { JsonPatchOp } from '../../../src/kube/client.ts';
import * as patch from '../../../src/kube/json-patch.ts';

const apply = (document: object, ...ops: JsonPatchOp[]) => applyPatch(document, ops);

describe('JSON pointers', () => {
  test.each([
    ['app', 'app'],
    ['die-operator.dev/incident', 'die-operator.dev~1incident'],
    ['a~b', 'a~0b'],
    ['~1', '~01'],
    ['', ''],
  ])('escape %o as %o', (segment, expected) => {
    expect(patch.escapePointer(segment)).toBe(expected);
  });

  test('join segments', () => {
    expect(patch.pointer('metadata', 'labels', 'a/b')).toBe('/metadata/labels/a~1b');
  });

  test('name the whole document without segments', () => {
    expect(patch.pointer()).toBe('');
  });

  test('reach exactly the key that they were built from', () => {
    const keys = fc
      .string({ minLength: 1 })
      .filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key));
    fc.assert(
      fc.property(keys, keys, (key, other) => {
        fc.pre(key !== other);
        const document = { metadata: { labels: { [other]: 'kept' } } };
        const errors = apply(document, patch.add(patch.pointer('metadata', 'labels', key), 'set'));
        expect(errors).toEqual([null]);
        expect(document.metadata.labels).toEqual({ [other]: 'kept', [key]: 'set' });
      }),
    );
  });
});

describe('operations', () => {
  const document = () => ({ metadata: { uid: 'u', labels: { app: 'web' } } });

  test('test, replace and remove what they say', () => {
    const given = document();
    const errors = apply(
      given,
      patch.test('/metadata/uid', 'u'),
      patch.replace('/metadata/labels', { quarantine: 'true' }),
      patch.remove('/metadata/uid'),
    );
    expect(errors).toEqual([null, null, null]);
    expect(given).toEqual({ metadata: { labels: { quarantine: 'true' } } });
  });

  test('fail where a test does not hold', () => {
    expect(apply(document(), patch.test('/metadata/uid', 'other'))[0]).toBeInstanceOf(Error);
  });
});
