// Changes of real JSON documents that keep most of their structure: so inputs get past the first checks.
import fc from 'fast-check';
import { nested, oddJson, oddKey, anyText, type Json } from './noise.ts';

/** One change at one place. `at` counts the places of the document, over and over. */
export interface Edit {
  at: number;
  change: Change;
}

type Change =
  | { kind: 'remove' | 'double' | 'empty' | 'upper' | 'confuse' }
  | { kind: 'set'; value: Json }
  /** Another value of a field of that name, where there is one. */
  | { kind: 'field'; key: string; value: Json }
  /** The value of another place. */
  | { kind: 'copy'; from: number }
  | { kind: 'rename' | 'insert' | 'append'; text: string }
  | { kind: 'add'; key: string; value: Json }
  | { kind: 'nest'; depth: number; asObjects: boolean }
  | { kind: 'cut' | 'repeat'; length: number };

const natural = fc.nat({ max: 10_000 });

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('remove', 'double', 'empty', 'upper', 'confuse') }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('set'), value: oddJson }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('copy'), from: natural }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('insert', 'append'), text: anyText }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename'), text: oddKey }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add'), key: oddKey, value: oddJson }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('nest'),
      depth: fc.integer({ min: 1, max: 40 }),
      asObjects: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('cut', 'repeat'), length: fc.nat({ max: 300 }) }),
  },
);

/** Values by name of the field: what a document can hold there, so that it stays valid. */
export type Vocabulary = Readonly<Record<string, readonly Json[]>>;

/** Up to `most` edits, often none. With a vocabulary two of three only put other words in. */
export function editsOf(most: number, vocabulary: Vocabulary = {}): fc.Arbitrary<Edit[]> {
  const words = Object.entries(vocabulary).flatMap(([key, values]) =>
    values.map((value): Change => ({ kind: 'field', key, value })),
  );
  const changes =
    words.length === 0 ? change : fc.oneof(change, fc.constantFrom(...words), fc.constantFrom(...words));
  return fc.array(fc.record({ at: natural, change: changes }), { maxLength: most });
}

/** One of the documents with up to `most` edits; see {@link editsOf}. */
export function mutationsOf(
  documents: readonly Json[],
  most = 5,
  vocabulary: Vocabulary = {},
): fc.Arbitrary<Json> {
  return fc
    .tuple(fc.constantFrom(...documents), editsOf(most, vocabulary))
    .map(([document, edits]) => mutated(document, edits));
}

/** The document with the edits, in order; the document itself is not changed. */
export function mutated(document: Json, edits: readonly Edit[]): Json {
  return edits.reduce((current, { at, change: what }) => {
    const all = placesOf(current);
    const places = what.kind === 'field' ? all.filter((place) => place.at(-1) === what.key) : all;
    const place = places[at % places.length] ?? [];
    if (what.kind === 'field' && place.length === 0) return current;
    return changed(current, place, (value, key) => applied(value, key, what, current));
  }, document);
}

type Place = readonly (string | number)[];
type Entry = readonly [key: string, value: Json];

// Every place but the document itself, unless that is all there is.
function placesOf(value: Json): Place[] {
  const below = childrenOf(value).flatMap(([key, child]) => [
    [key],
    ...placesOf(child).map((place) => [key, ...place]),
  ]);
  return below.length > 0 ? below.filter((place) => place.length > 0) : [[]];
}

function childrenOf(value: Json): (readonly [string | number, Json])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item] as const);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Replaces the entry at the place by what `make` says: none, one or two entries. */
function changed(value: Json, place: Place, make: (value: Json, key: string) => readonly Entry[]): Json {
  const [step, ...rest] = place;
  if (step === undefined) return make(value, '')[0]?.[1] ?? null;
  const next = (child: Json, key: string | number): readonly Entry[] => {
    if (key !== step) return [[String(key), child]];
    return rest.length === 0 ? make(child, String(key)) : [[String(key), changed(child, rest, make)]];
  };
  const entries = childrenOf(value).flatMap(([key, child]) => next(child, key));
  return Array.isArray(value) ? entries.map(([, child]) => child) : Object.fromEntries(entries);
}

function applied(value: Json, key: string, what: Change, document: Json): readonly Entry[] {
  switch (what.kind) {
    case 'remove':
      return [];
    case 'double':
      return [
        [key, value],
        [`${key}2`, value],
      ];
    case 'rename':
      return [[what.text, value]];
    case 'add':
      return [
        [key, value],
        [what.key, what.value],
      ];
    case 'set':
    case 'field':
      return [[key, what.value]];
    case 'nest':
      return [[key, nested(value, what.depth, what.asObjects)]];
    case 'copy':
      return [[key, valueAt(document, what.from)]];
    default:
      return [[key, typeof value === 'string' ? rewritten(value, what) : emptied(value, what)]];
  }
}

function valueAt(document: Json, from: number): Json {
  const places = placesOf(document);
  const place = places[from % places.length] ?? [];
  return place.reduce<Json>(
    (value, step) => childrenOf(value).find(([key]) => key === step)?.[1] ?? null,
    document,
  );
}

function emptied(value: Json, { kind }: Change): Json {
  if (kind !== 'empty') return value;
  return Array.isArray(value) ? [] : typeof value === 'object' ? {} : 0;
}

function rewritten(text: string, what: Change): string {
  switch (what.kind) {
    case 'empty':
      return '';
    case 'upper':
      return text.toUpperCase();
    case 'confuse':
      return text.replaceAll('a', 'а').replaceAll('e', 'е').replaceAll('o', 'о'); // Cyrillic
    case 'insert':
      return text.slice(0, text.length / 2) + what.text + text.slice(text.length / 2);
    case 'append':
      return text + what.text;
    case 'cut':
      return text.slice(0, what.length);
    case 'repeat':
      return text.repeat(Math.min(what.length, Math.ceil(20_000 / Math.max(1, text.length))));
    default:
      return text;
  }
}
