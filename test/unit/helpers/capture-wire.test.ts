// What a node sends comes as it was sent, or not at all: whatever happens to the bytes on their way.
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  CaptureWireError,
  encodeFrame,
  encodeJson,
  MAX_DATA,
  MAX_PROBLEMS,
} from '../../../src/helpers/capture-wire.ts';
import { readCapture } from '../../../src/helpers/capture-reader.ts';
import { createSink } from '../../../src/helpers/programs/capture/serve-sink.ts';
import { framesOf, head, LIMITS, outcome, take, type Sent } from '../../support/capture-stream.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const SMALL: Sent[] = [
  { path: 'node/processes.json', pieces: [Buffer.from('[{"pid":'), Buffer.from('1}]')] },
  { problem: 'a file could not be read' },
  { path: 'node/empty.json', pieces: [] },
  { path: 'node/filesystem.ndjson', pieces: [Buffer.from('{}\n')] },
];

const sentFiles = fc
  .uniqueArray(
    fc.record({
      path: fc.integer({ min: 0, max: 50 }).map((number) => `node/file-${number}`),
      pieces: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
    }),
    { maxLength: 5, selector: ({ path }) => path },
  )
  .chain((files) => {
    const problem = fc.string({ maxLength: 60 }).map((text) => ({ problem: text }));
    return fc.array(problem, { maxLength: 3 }).map((problems): Sent[] => [...files, ...problems]);
  });

/** The bytes cut at these places. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index]));
}

describe('a capture', () => {
  test('comes as it was sent, in whatever pieces', async () => {
    await fc.assert(
      fc.asyncProperty(sentFiles, fc.array(fc.nat(), { maxLength: 30 }), async (sent, places) => {
        const bytes = Buffer.concat(await framesOf(sent));
        const { files, problems, done } = await take(cutAt(bytes, places));
        const wanted = sent.flatMap((one) => ('path' in one ? [[one.path, Buffer.concat(one.pieces)]] : []));
        expect(files.map(({ head: { path }, content }) => [path, content])).toEqual(wanted);
        expect(files.map(({ end }) => end)).toEqual(
          files.map(({ content }) => ({ size: content.length, sha256: sha256(content), truncated: false })),
        );
        expect(problems).toHaveLength(sent.length - files.length);
        expect(done.files).toBe(files.length);
      }),
    );
  });

  test('with a byte changed is refused', async () => {
    const bytes = Buffer.concat(await framesOf(SMALL));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        expect(await outcome([changed])).toBeTypeOf('string');
      }),
      { numRuns: 500 },
    );
  });

  test('that ends too early is refused, wherever', async () => {
    const bytes = Buffer.concat(await framesOf(SMALL));
    for (let length = 0; length < bytes.length; length += 1)
      expect(await outcome([bytes.subarray(0, length)]), `after ${length} bytes`).toBe('Broken');
  });

  test('with a frame that is missing, twice or elsewhere is refused', async () => {
    const frames = await framesOf(SMALL);
    const place = fc.nat(frames.length - 1);
    const whole = await take(frames);
    await fc.assert(
      fc.asyncProperty(place, place, fc.constantFrom('drop', 'repeat', 'move'), async (from, to, how) => {
        const [frame] = frames.slice(from, from + 1);
        if (frame === undefined || (how === 'move' && from === to)) return;
        const without = frames.toSpliced(from, 1);
        const after =
          how === 'drop' ? without : (how === 'repeat' ? frames : without).toSpliced(to, 0, frame);
        // A move by one place of the same bytes is none.
        if (Buffer.concat(after).equals(Buffer.concat(frames))) return;
        expect(await outcome(after)).not.toEqual(whole);
        expect(await outcome(after)).toBeTypeOf('string');
      }),
      { numRuns: 300 },
    );
  });

  test('of noise is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), async (noise) => {
        expect(await outcome(noise)).toBeTypeOf('string');
      }),
    );
  });

  test('tells how far it came', async () => {
    const frames = await framesOf(SMALL);
    const ended = take(frames.slice(0, 2));
    await expect(ended).rejects.toThrow(/\(after 0 files and 8 bytes, within node\/processes\.json\)/);
    const later = take(frames.slice(0, -1));
    await expect(later).rejects.toThrow('before everything was sent (after 3 files and 14 bytes)');
  });

  test.each<[string, Buffer[], string]>([
    ['a path that leaves the bundle', [encodeJson('head', head('../x'))], 'Malformed'],
    ['a path of other evidence', [encodeJson('head', head('api/pod.json'))], 'Malformed'],
    ['a file in a file', [emptyFile('node/a'), emptyFile('node/a/b')], 'Malformed'],
    ['a file in the place of a folder', [emptyFile('node/a/b'), emptyFile('node/a')], 'Malformed'],
    [
      'more in an encrypted file than it has bytes',
      [emptyFile('node/a', { plain: { size: Number.MAX_SAFE_INTEGER, sha256: sha256(Buffer.alloc(0)) } })],
      'Malformed',
    ],
    ['a field that nobody knows', [encodeJson('head', { ...head('node/a'), more: 1 })], 'Malformed'],
    ['more files than asked for', Array.from({ length: 65 }, (_, at) => emptyFile(`node/${at}`)), 'Limit'],
    [
      'more bytes than asked for',
      [
        encodeJson('head', head('node/a')),
        ...Array.from({ length: 200 }, () => encodeFrame('data', Buffer.alloc(MAX_DATA))),
      ],
      'Limit',
    ],
    [
      'more problems than asked for',
      Array.from({ length: MAX_PROBLEMS + 1 }, () => encodeJson('problem', { collector: 'a', message: 'b' })),
      'Limit',
    ],
    ['a frame of 4 GiB', [Buffer.from([255, 255, 255, 255, 2])], 'Malformed'],
    ['content without a file', [encodeFrame('data', Buffer.from('x'))], 'Malformed'],
    ['something after its end', [], 'Malformed'],
  ])('with %s is refused', async (what, frames, reason) => {
    const all = what.startsWith('something') ? [...(await framesOf(SMALL)), encodeFrame('beat')] : frames;
    expect(await outcome(all)).toBe(reason);
  });

  test('is read on where a file was not wanted', async () => {
    const frames = await framesOf(SMALL);
    const paths: string[] = [];
    await readCapture({
      source: (async function* () {
        yield* frames;
      })(),
      limits: LIMITS,
      take: async ({ head: { path }, content }) => {
        paths.push(path);
        const first = await content[Symbol.asyncIterator]().next();
        expect(first).toBeDefined();
      },
      problem: () => {},
    });
    expect(paths).toEqual(['node/processes.json', 'node/empty.json', 'node/filesystem.ndjson']);
  });

  test('that cannot be stored is given up at once', async () => {
    const full = new Error('no space');
    let asked = 0;
    const source = (async function* () {
      for (const frame of await framesOf(SMALL)) {
        asked += 1;
        yield frame;
      }
    })();
    const refuse = () => Promise.reject(full);
    await expect(readCapture({ source, limits: LIMITS, take: refuse, problem: () => {} })).rejects.toBe(full);
    expect(asked).toBeLessThan(3);
  });
});

function emptyFile(path: string, more: object = {}): Buffer {
  const end = { size: 0, sha256: sha256(Buffer.alloc(0)), truncated: false, ...more };
  return Buffer.concat([encodeJson('head', head(path)), encodeJson('end', end)]);
}

describe('the sink of a node', () => {
  const open = (limits = LIMITS) => {
    const frames: Buffer[] = [];
    const sink = createSink({ send: async (frame) => void frames.push(frame), limits, recipients: [] });
    return { frames, sink };
  };
  const never = new AbortController().signal;

  test('ends a file whose content fails where it is, and says so', async () => {
    const { frames, sink } = open();
    const failing = (function* () {
      yield Buffer.from('begun');
      throw new Error('the process ended');
    })();
    await expect(sink.of(never).file(head('node/a'), failing)).rejects.toThrow('the process ended');
    await sink.of(never).file(head('node/b'), [Buffer.from('whole')]);
    await sink.done();
    const { files } = await take(frames);
    expect(files.map(({ content, end }) => [content.toString(), end.truncated])).toEqual([
      ['begun', true],
      ['whole', false],
    ]);
  });

  test('cuts at its limit, and says so', async () => {
    const { frames, sink } = open({ files: 2, bytes: 10 });
    const content = [Buffer.alloc(6), Buffer.alloc(6)];
    expect(await sink.of(never).file(head('node/a'), content)).toMatchObject({ size: 10, truncated: true });
    expect(await sink.of(never).file(head('node/b'), content)).toMatchObject({ size: 0, truncated: true });
    await expect(sink.of(never).file(head('node/c'), [])).rejects.toThrow('node/c is left out');
    await sink.done();
    expect((await take(frames)).problems).toEqual([
      expect.stringContaining('node/a is cut after 10 bytes'),
      expect.stringContaining('node/b is cut after 0 bytes'),
    ]);
  });

  test('ends a file that does not go on once its time is over, and takes no other', async () => {
    const { frames, sink } = open();
    const time = new AbortController();
    const of = sink.of(time.signal);
    const hanging = (async function* () {
      yield Buffer.from('begun');
      await new Promise(() => {});
    })();
    const sent = of.file(head('node/a'), hanging);
    time.abort(new Error('over'));
    await expect(sent).rejects.toThrow('over');
    await expect(of.file(head('node/b'), [])).rejects.toThrow('over');
    await sink.done();
    expect((await take(frames)).files).toMatchObject([{ end: { truncated: true } }]);
  });

  test('takes one file at a time, each path once', async () => {
    const { sink } = open();
    const of = sink.of(never);
    const first = of.file(head('node/a'), []);
    await expect(of.file(head('node/b'), [])).rejects.toThrow('while node/a was open');
    await first;
    await expect(of.file(head('node/a'), [])).rejects.toThrow('was sent before');
  });

  test('counts the problems that are too many', async () => {
    const { frames, sink } = open();
    for (let each = 0; each < MAX_PROBLEMS + 9; each += 1) sink.of(never).problem('test', `${each}`);
    await sink.done();
    const { problems } = await take(frames);
    expect(problems).toHaveLength(MAX_PROBLEMS);
    expect(problems.at(-1)).toBe('10 more problems are not listed');
  });

  test('stops when nobody reads any more', async () => {
    const gone = new CaptureWireError('Broken', 'the reader is gone');
    const sink = createSink({ send: () => Promise.reject(gone), limits: LIMITS, recipients: [] });
    await expect(sink.of(never).file(head('node/a'), [Buffer.from('x')])).rejects.toBe(gone);
  });
});
