// The table of functions: how types fit, and that the library really has every function of it with these types.
import { describe, expect, test } from 'vitest';
import { celLibrary } from '../../../../src/decide/cel/library.ts';
import {
  common,
  elementType,
  KNOWN_FUNCTIONS,
  listOf,
  resultType,
  signaturesOf,
} from '../../../../src/decide/cel/signatures.ts';

/** A value of each type, in CEL. */
const VALUES: Readonly<Record<string, string>> = {
  bool: 'true',
  int: '7',
  string: '"7"',
  timestamp: 'timestamp("2026-11-22T00:00:00Z")',
  duration: 'duration("7s")',
  T: '"x"',
  'list<T>': '["x"]',
  'map<string>': '{"7": "x"}',
};

/** Text that its type's conversion takes, where any other text would fail. */
const TEXTS: Readonly<Record<string, string>> = {
  timestamp: '"2026-11-22T00:00:00Z"',
  duration: '"7s"',
  get: '"UTC"',
};

const valueFor = (name: string, type: string) =>
  (type === 'string' ? TEXTS[name.startsWith('get') ? 'get' : name] : undefined) ?? VALUES[type] ?? type;

const calls = KNOWN_FUNCTIONS.flatMap((name) =>
  [true, false].flatMap((isMethod) =>
    (signaturesOf(name, isMethod) ?? []).map(({ args, result }) => {
      const [target = '', ...rest] = args.map((type) => valueFor(name, type));
      return {
        call: isMethod ? `${target}.${name}(${rest.join(', ')})` : `${name}(${[target, ...rest].join(', ')})`,
        result,
      };
    }),
  ),
);

describe('the library', () => {
  test.each(calls)('has $call, which yields $result', ({ call, result }) => {
    const { run, celType, isCelError } = celLibrary();
    const value = run(call);
    const names: Readonly<Record<string, string>> = {
      timestamp: 'google.protobuf.Timestamp',
      duration: 'google.protobuf.Duration',
    };
    expect(isCelError(value) ? value.message : celType(value).name).toBe(names[result] ?? result);
  });

  test.each(
    [
      '_+_',
      '_-_',
      '_*_',
      '_/_',
      '_%_',
      '_==_',
      '_!=_',
      '_<_',
      '_<=_',
      '_>_',
      '_>=_',
      '@in',
      '_&&_',
      '_||_',
    ].flatMap((name) => (signaturesOf(name, false) ?? []).map(({ args }) => ({ name, args }))),
  )('has $name for $args', ({ name, args }) => {
    const { run, isCelError } = celLibrary();
    const [left = '', right = ''] = args.map((type) => valueFor(name, type));
    const value = run(`${left} ${name.replaceAll(/[_@]/g, '')} ${right}`);
    expect(isCelError(value) ? value.message : '').toBe('');
  });
});

describe('types', () => {
  test.each([
    ['int', 'int', 'int'],
    ['int', 'string', undefined],
    ['list<never>', 'list<int>', 'list<int>'],
    ['list<int>', 'list<never>', 'list<int>'],
    ['list<list<never>>', 'list<list<int>>', 'list<list<int>>'],
    ['list<int>', 'list<string>', undefined],
    ['list<int>', 'int', undefined],
    ['map<string>', 'list<string>', undefined],
  ])('%s and %s have in common %s', (one, other, expected) => {
    expect(common(one, other)).toBe(expected);
    expect(common(other, one)).toBe(expected);
  });

  test('a list is of its elements', () => {
    expect(elementType(listOf('list<int>'))).toBe('list<int>');
    expect([listOf(), elementType('map<string>'), elementType('int')]).toEqual([
      'list<never>',
      undefined,
      undefined,
    ]);
  });

  test.each([
    ['_?_:_', ['bool', 'list<never>', 'list<int>'], 'list<int>'],
    ['_?_:_', ['bool', 'int', 'string'], undefined],
    ['_+_', ['list<int>', 'list<never>'], 'list<int>'],
    ['_+_', ['list<int>', 'list<string>'], undefined],
    ['_[_]', ['list<list<int>>', 'int'], 'list<int>'],
    ['@in', ['int', 'list<never>'], 'bool'],
    ['@in', ['int', 'list<string>'], undefined],
    ['size', ['list<map<string>>'], 'int'],
    ['size', [], undefined],
    ['size', ['string', 'string'], undefined],
  ])('%s of %j yields %s', (name, types, expected) => {
    expect(resultType(signaturesOf(name, false) ?? [], types)).toBe(expected);
  });

  test.each(['__proto__', 'constructor', 'toString', ''])('there is no function %j', (name) => {
    expect([signaturesOf(name, true), signaturesOf(name, false)]).toEqual([undefined, undefined]);
  });
});
