// The functions that conditions may use, with their types; what is not in here is refused.

/** A type in CEL, as in `string`, `list<int>` or `map<string>` (keys are strings); the four names are types of their own. */
export type Type = string;

/** Arguments (the target of a method is the first) and result. `T` is any one type; `list<T>` a list of it. */
export interface Signature {
  readonly args: readonly Type[];
  readonly result: Type;
}

/** The type of the elements of `[]`. */
const NEVER = 'never';

const of = (result: Type, ...overloads: readonly (readonly Type[])[]): Signature[] =>
  overloads.map((args) => ({ args, result }));

const EQUALITY = of('bool', ['T', 'T']);
// Strings have no order here: the library compares UTF-16, and CEL code points.
const ORDER = of('bool', ['int', 'int'], ['timestamp', 'timestamp'], ['duration', 'duration']);
const INTEGER = of('int', ['int', 'int']);
const TEXT_TEST = of('bool', ['string', 'string']);
const PART_OF_TIME = of('int', ['timestamp'], ['timestamp', 'string']);
const PART_OF_SPAN = [...PART_OF_TIME, ...of('int', ['duration'])];

/** Operators, by the library's names, also those that its macros expand to. */
const OPERATORS: readonly (readonly [string, readonly Signature[]])[] = [
  ['_&&_', of('bool', ['bool', 'bool'])],
  ['_||_', of('bool', ['bool', 'bool'])],
  ['!_', of('bool', ['bool'])],
  ['@not_strictly_false', of('bool', ['bool'])],
  ['_?_:_', of('T', ['bool', 'T', 'T'])],
  ['_==_', EQUALITY],
  ['_!=_', EQUALITY],
  ['_<_', ORDER],
  ['_<=_', ORDER],
  ['_>_', ORDER],
  ['_>=_', ORDER],
  ['@in', of('bool', ['string', 'map<string>'], ['T', 'list<T>'])],
  ['_[_]', [...of('string', ['map<string>', 'string']), ...of('T', ['list<T>', 'int'])]],
  [
    '_+_',
    [
      ...INTEGER,
      ...of('string', ['string', 'string']),
      ...of('timestamp', ['timestamp', 'duration'], ['duration', 'timestamp']),
      ...of('duration', ['duration', 'duration']),
      ...of('list<T>', ['list<T>', 'list<T>']),
    ],
  ],
  [
    '_-_',
    [
      ...INTEGER,
      ...of('timestamp', ['timestamp', 'duration']),
      ...of('duration', ['timestamp', 'timestamp'], ['duration', 'duration']),
    ],
  ],
  ['_*_', INTEGER],
  ['_/_', INTEGER],
  ['_%_', INTEGER],
  ['-_', of('int', ['int'])],
];

const FUNCTIONS: readonly (readonly [string, readonly Signature[]])[] = [
  // Not of the library: timestamp(int), which takes milliseconds where CEL has seconds.
  ['int', of('int', ['int'], ['string'], ['timestamp'])],
  ['string', of('string', ['string'], ['bool'], ['int'], ['timestamp'], ['duration'])],
  ['timestamp', of('timestamp', ['string'])],
  ['duration', of('duration', ['string'])],
];

const METHODS: readonly (readonly [string, readonly Signature[]])[] = [
  ['startsWith', TEXT_TEST],
  ['endsWith', TEXT_TEST],
  ['contains', TEXT_TEST],
  ['matches', TEXT_TEST],
  ['getFullYear', PART_OF_TIME],
  ['getMonth', PART_OF_TIME],
  ['getDate', PART_OF_TIME],
  ['getDayOfMonth', PART_OF_TIME],
  ['getDayOfWeek', PART_OF_TIME],
  // Not getDayOfYear: the library's is a day off where the process runs in a zone with summer time.
  ['getHours', PART_OF_SPAN],
  ['getMinutes', PART_OF_SPAN],
  ['getSeconds', PART_OF_SPAN],
];

// As a function and as a method.
const SIZE: readonly (readonly [string, readonly Signature[]])[] = [
  ['size', of('int', ['string'], ['list<T>'], ['map<string>'])],
];

const CALLED = new Map([...OPERATORS, ...FUNCTIONS, ...SIZE]);
const CALLED_ON = new Map([...METHODS, ...SIZE]);

/** What can be written, for messages: functions, methods and macros. */
export const KNOWN_FUNCTIONS = [...FUNCTIONS, ...SIZE, ...METHODS].map(([name]) => name);
/** Macros, for messages. */
export const MACROS = ['has', 'exists', 'exists_one', 'all', 'filter', 'map'] as const;

/** Signatures of a function, operator or method; undefined if conditions have none of that name. */
export function signaturesOf(name: string, isMethod: boolean): readonly Signature[] | undefined {
  return (isMethod ? CALLED_ON : CALLED).get(name);
}

/** Type of the result if one of the signatures takes these types; else undefined. */
export function resultType(signatures: readonly Signature[], types: readonly Type[]): Type | undefined {
  for (const { args, result } of signatures) {
    if (args.length !== types.length) continue;
    const generic = unify(args, types);
    if (generic !== undefined) return result.replace('T', generic);
  }
  return undefined;
}

/** The type that both have: `[]` is a list of any type. Undefined if they differ. */
export function common(one: Type, other: Type): Type | undefined {
  if (one === other || other === NEVER) return one;
  if (one === NEVER) return other;
  const [inner, otherInner] = [elementType(one), elementType(other)];
  if (inner === undefined || otherInner === undefined) return undefined;
  const element = common(inner, otherInner);
  return element === undefined ? undefined : listOf(element);
}

/** A list of the type. */
export function listOf(element: Type = NEVER): Type {
  return `list<${element}>`;
}

/** Type of the elements; undefined if the type is no list. */
export function elementType(type: Type): Type | undefined {
  return type.startsWith('list<') ? type.slice('list<'.length, -1) : undefined;
}

// What T stands for; undefined if the types do not fit.
function unify(args: readonly Type[], types: readonly Type[]): Type | undefined {
  let generic: Type = NEVER;
  for (const [index, arg] of args.entries()) {
    const type = types[index];
    if (type === undefined) return undefined;
    const bound = arg === 'T' ? type : arg === 'list<T>' ? elementType(type) : undefined;
    if (bound === undefined) {
      if (arg === type) continue;
      return undefined;
    }
    const both = common(generic, bound);
    if (both === undefined) return undefined;
    generic = both;
  }
  return generic;
}
