// Lines come out whole however the bytes are cut.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineTooLongError, splitLines } from '../../../src/kube/lines.ts';
import { broken, bytes } from './support/fake-transport.ts';

async function linesOf(pieces: readonly (string | Uint8Array)[], max = 1_000): Promise<string[]> {
  return Array.fromAsync(splitLines(bytes(...pieces), max));
}

/** Cuts `data` at the given places. */
function cut(data: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (data.length + 1)), data.length].toSorted((a, b) => a - b);
  return ends.map((end, n) => data.subarray(n === 0 ? 0 : ends[n - 1], end));
}

describe('splitting lines', () => {
  test.each<[string, (string | Uint8Array)[], string[]]>([
    ['yields nothing for nothing', [], []],
    ['yields one line a newline', ['a\nb\n'], ['a', 'b']],
    ['joins chunks', ['a', 'b', 'c\n'], ['abc']],
    ['yields a last line without newline', ['a\nb'], ['a', 'b']],
    ['passes over empty lines', ['\n\na\n\n'], ['a']],
    ['keeps a carriage return, which JSON ignores', ['a\r\nb'], ['a\r', 'b']],
    ['joins a character that was cut', [Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0x98, 0x80, 0x0a)], ['😀']],
  ])('%s', async (_, pieces, expected) => {
    expect(await linesOf(pieces)).toEqual(expected);
  });

  test('gives back what was joined, for any text and any cuts', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, places) => {
        const data = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        expect(await linesOf(cut(data, places), 100_000)).toEqual(lines);
      }),
    );
  });
});

describe('the limit of a line', () => {
  test('admits a line of just that length', async () => {
    expect(await linesOf(['abc', 'de\n', 'vwxyz'], 5)).toEqual(['abcde', 'vwxyz']);
  });

  test.each([
    ['in one chunk', ['abcdef\n']],
    ['in many chunks', ['ab', 'cd', 'ef']],
    ['after a good one', ['ab\nabcdef\n']],
  ])('refuses a longer one %s', async (_, pieces) => {
    await expect(linesOf(pieces, 5)).rejects.toBeInstanceOf(LineTooLongError);
  });

  test('stops reading a line without end', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1;
        yield Buffer.alloc(10, 'x');
      }
    }
    await expect(Array.fromAsync(splitLines(endless(), 100))).rejects.toThrow('more than 100 bytes');
    expect(read).toBe(11);
  });
});

test('a broken stream breaks the lines, after those that were whole', async () => {
  const seen: string[] = [];
  const read = async () => {
    for await (const line of splitLines(broken(new Error('reset'), 'a\nb'), 10)) seen.push(line);
  };
  await expect(read()).rejects.toThrow('reset');
  expect(seen).toEqual(['a']);
});
