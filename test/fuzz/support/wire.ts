// JSON documents as text and bytes on the wire, with what can go wrong there.
import fc from 'fast-check';
import { anyText, oddKey, type Json } from './noise.ts';

/** What is done to the text of a document. */
export type Damage =
  | { kind: 'none' | 'bom' | 'newline' }
  | { kind: 'cut' | 'pad' | 'open'; length: number }
  | { kind: 'insert'; at: number; text: string }
  | { kind: 'bytes'; at: number; bytes: readonly number[] }
  | { kind: 'number'; text: string }
  | { kind: 'twice'; key: string; text: string };

const NUMBERS = [
  '1e999',
  '-1e999',
  '1E400',
  '0.1e-400',
  '123456789012345678901234567890',
  '1'.repeat(5_000),
  '-0',
];
const lengths = fc.oneof(fc.nat({ max: 400 }), fc.integer({ min: 1, max: 300_000 }));

/** Damages, most of them none. */
export const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constantFrom('none', 'none', 'bom', 'newline') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut'), length: lengths }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pad', 'open'), length: lengths }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('insert'), at: fc.nat({ max: 3_000 }), text: anyText }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('bytes'),
      at: fc.nat({ max: 3_000 }),
      bytes: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('number'), text: fc.constantFrom(...NUMBERS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('twice'), key: oddKey, text: anyText }) },
);

/** The document as it is sent, damaged. */
export function onWire(document: Json, how: Damage): Buffer {
  const text = JSON.stringify(document);
  switch (how.kind) {
    case 'none':
      return Buffer.from(text);
    case 'bom':
      return Buffer.from(`\uFEFF${text}`);
    case 'newline':
      return Buffer.from(`\n\t ${text}\r\n`);
    case 'cut':
      return Buffer.from(text.slice(0, how.length));
    case 'pad':
      return Buffer.from(text + ' '.repeat(how.length));
    case 'open':
      return Buffer.from('[{"x":'.repeat(Math.ceil(how.length / 6)) + text);
    case 'insert':
      return Buffer.from(text.slice(0, how.at) + how.text + text.slice(how.at));
    case 'bytes': {
      const bytes = Buffer.from(text);
      return Buffer.concat([bytes.subarray(0, how.at), Buffer.from(how.bytes), bytes.subarray(how.at)]);
    }
    case 'number':
      return Buffer.from(text.replace(/(?<=:)\d+/, () => how.text));
    case 'twice':
      // A key that is there twice: the last one counts.
      return Buffer.from(text.replace('{', () => `{${JSON.stringify(how.key)}:${JSON.stringify(how.text)},`));
  }
}
