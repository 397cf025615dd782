// What anybody may have written is parsed or refused: no value makes the parsing itself fail.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseAny } from '../../../src/api/parse.ts';
import { validateSpec } from '../../../src/decide/validate.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import { parseJson } from '../../../src/detect/json.ts';
import { alert } from '../detect/support.ts';

// zod compares the length of this with a number, which throws.
const HOSTILE = { length: { toString: 0 } };
const RECEIVED_AT = '2026-11-22T00:00:00.000Z';

describe('a field "length" that cannot be compared', () => {
  test.each<[string, z.ZodType]>([
    ['a text', z.string().max(3)],
    ['a list', z.array(z.string()).min(1)],
  ])('is an issue where %s must be', (_, schema) => {
    expect(parseAny(z.object({ a: schema }), { a: HOSTILE })).toMatchObject({
      success: false,
      issues: [{ path: [], message: expect.stringContaining('"length"') }],
    });
  });

  test.each(['rule', 'time', 'priority', 'tags', 'hostname', 'output_fields'])(
    'makes a bad alert of %s',
    (key) => {
      const read = parseJson(JSON.stringify({ ...alert(), [key]: HOSTILE }));
      if ('problem' in read) throw new Error('it is JSON');
      const kind = key === 'output_fields' ? 'Detection' : 'Invalid';
      expect(parseFalco(read.value, RECEIVED_AT)).toMatchObject({ kind });
    },
  );

  test.each([{ responses: HOSTILE }, { match: { images: [HOSTILE] }, responses: [] }])(
    'makes a bad policy of %j',
    (spec) => {
      expect(validateSpec(spec)).toMatchObject({
        valid: false,
        problems: [{ path: 'spec', message: expect.stringContaining('"length"') }],
      });
    },
  );
});

test('everything else is what zod says', () => {
  const schema = z.object({ a: z.string().max(3) });
  expect(parseAny(schema, { a: 'abc' })).toEqual({ success: true, data: { a: 'abc' } });
  const issues = schema.safeParse({ a: 'abcd' }).error?.issues;
  expect(parseAny(schema, { a: 'abcd' })).toEqual({ success: false, issues });
});

test('a defect in a schema is not hidden', () => {
  const schema = z.string().refine(() => {
    throw new RangeError('a defect');
  });
  expect(() => parseAny(schema, 'a')).toThrow('a defect');
});
