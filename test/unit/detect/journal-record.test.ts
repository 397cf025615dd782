// The lines of a journal: what was written is read back, and nothing else ever is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import type { Detection } from '../../../src/api/detection.ts';
import { decodeLine, encodeRecord, MAX_LINE_BYTES } from '../../../src/detect/journal/record.ts';
import { cleanText } from '../../../src/detect/sanitize.ts';
import { alert, detected, detection } from './support.ts';

const ID = 'a'.repeat(32);

function bytes(line: string): Buffer {
  return Buffer.from(line.replace(/\n$/, ''));
}

function framed(json: string, version = '1'): Buffer {
  const sum = crc32(`${version} ${json}`).toString(16).padStart(8, '0');
  return Buffer.from(`${version} ${sum} ${json}`);
}

/** The largest detection that its schema lets through. */
function largest(character: string): Detection {
  const { summary } = detection(1);
  return {
    summary: {
      ...summary,
      rule: character.repeat(256),
      hostname: 'h'.repeat(253),
      containerID: 'f'.repeat(64),
      containerName: 'c'.repeat(63),
      executable: character.repeat(512),
    },
    identity: {
      podUid: 'u'.repeat(36),
      podName: 'p'.repeat(253),
      namespace: 'n'.repeat(63),
      containerId: 'f'.repeat(64),
      containerName: 'c'.repeat(63),
      hostname: 'h'.repeat(253),
    },
    tags: Array.from({ length: 32 }, () => character.repeat(64)),
    fields: Object.fromEntries(
      Array.from({ length: 3 }, (_, n) => [`${n}`.repeat(48), cleanText(character.repeat(1024), 1024)]),
    ),
  };
}

describe('a line of the journal', () => {
  it.each([
    ['an alert as it came', detected(alert())],
    ['one without an identity', detection(1)],
    ['text with quotes and backslashes', detected(alert({ 'proc.exepath': '"\\" \\n {}' }))],
    ['text of another script', detected(alert({}, { rule: '規則 😀 ünïcode' }))],
    [
      'text that tries to be a line of its own',
      detected(alert({}, { rule: 'x\n1 00000000 {"settled":"a"}' })),
    ],
  ])('gives back %s', (_, whole) => {
    const line = encodeRecord({ detection: whole });
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(decodeLine(bytes(line))).toEqual({ kind: 'Record', record: { detection: whole } });
  });

  it('gives back that a detection is settled', () => {
    const line = encodeRecord({ settled: ID });
    expect(decodeLine(bytes(line))).toEqual({ kind: 'Record', record: { settled: ID } });
  });

  it.each(['漢', '"', '\uFFFD', '\u0001'])('has room for the largest detection made of %j', (character) => {
    const line = encodeRecord({ detection: largest(character) });
    expect(Buffer.byteLength(line)).toBeLessThan(MAX_LINE_BYTES);
    expect(decodeLine(bytes(line))).toMatchObject({ kind: 'Record' });
  });

  it.each([
    ['a longer rule', { ...detection(1), summary: { ...detection(1).summary, rule: 'r'.repeat(257) } }],
    ['more tags', { ...detection(1), tags: Array.from({ length: 33 }, () => 'tag') }],
    ['an id of another form', { ...detection(1), summary: { ...detection(1).summary, id: 'x' } }],
    ['an identity with more keys', { ...detection(1), identity: { image: 'x' } }],
  ] as [string, Detection][])('is not made for %s than is read back', (_, wrong) => {
    expect(() => encodeRecord({ detection: wrong })).toThrow(/too_big|invalid|unrecognized/i);
  });

  it('is damaged whichever byte of it changes', () => {
    const line = bytes(encodeRecord({ detection: detected(alert()) }));
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(line);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(decodeLine(changed)).toEqual({ kind: 'Damaged' });
      }),
      { numRuns: 2_000 },
    );
  });

  it('is damaged wherever it is cut', () => {
    const line = bytes(encodeRecord({ detection: detected(alert()) }));
    for (let end = 0; end < line.length; end++) {
      expect(decodeLine(line.subarray(0, end))).toEqual({ kind: 'Damaged' });
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(100)],
    ['no JSON', framed('{')],
    ['another object', framed('{}')],
    ['an array', framed('[]')],
    ['both records at once', framed(JSON.stringify({ settled: ID, detection: detection(1) }))],
    ['a settled id that is none', framed('{"settled":"../../etc/passwd"}')],
    ['a detection without a summary', framed('{"detection":{"identity":{},"tags":[]}}')],
    ['a prototype', framed('{"detection":{"__proto__":{"summary":1},"identity":{},"tags":[]}}')],
    ['nesting without end', framed('['.repeat(10_000))],
    ['more than the longest line', framed(JSON.stringify({ settled: 'a'.repeat(MAX_LINE_BYTES) }))],
  ])('is damaged with %s under a good checksum', (_, line) => {
    expect(decodeLine(line)).toEqual({ kind: 'Damaged' });
  });

  it('of another version is told from damage by its checksum', () => {
    expect(decodeLine(framed('anything', '2'))).toEqual({ kind: 'Newer' });
    const damaged = framed('anything', '2');
    damaged[0] = '3'.charCodeAt(0);
    expect(decodeLine(damaged)).toEqual({ kind: 'Damaged' });
  });

  it('loses characters that deceive, whoever put them on the disk', () => {
    const forged = detection(1);
    forged.summary.rule = 'rule\u202Efdp.exe\u0007';
    const line = decodeLine(framed(JSON.stringify({ detection: forged })));
    expect(line).toMatchObject({ record: { detection: { summary: { rule: 'rule\uFFFDfdp.exe\uFFFD' } } } });
  });

  it('never makes the reader fail, whatever is in it', () => {
    const json = fc.json().map((text) => framed(text));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
          json,
        ),
        (line) => {
          expect(['Damaged', 'Newer']).toContain(decodeLine(line).kind);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

it('is damaged, and stops nobody, where a text is an object whose length cannot be compared', () => {
  expect(decodeLine(framed('{"settled":{"length":{"toString":0}}}'))).toEqual({ kind: 'Damaged' });
});
