// Changes of files as they come from a node, in pieces, and what is said where not all of them came.
import { describe, expect, test } from 'vitest';
import type { FileChange } from '../../../src/api/file-change.ts';
import { readChanges } from '../../../src/detect/filesystem-changes.ts';
import type { BundleFile, BundleWriter } from '../../../src/evidence/bundle.ts';

const CHANGE: FileChange = {
  container: 'web',
  containerId: 'a'.repeat(64),
  where: 'Root',
  path: '/tmp/é',
  kind: 'Added',
  type: 'File',
  executable: true,
};
const LINE = `${JSON.stringify(CHANGE)}\n`;

const file = (content: BundleFile['content'], more: Partial<BundleFile> = {}): BundleFile => ({
  path: 'node/filesystem.ndjson',
  content,
  collector: 'filesystem',
  contentType: 'application/x-ndjson',
  source: 'the node',
  collectedAt: '2026-11-22T00:00:00Z',
  ...more,
});

async function* inPieces(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 5) yield await Promise.resolve(bytes.subarray(at, at + 5));
}

async function read(tells: (writer: BundleWriter) => unknown) {
  const changes: FileChange[] = [];
  const { writer, end } = readChanges((change) => changes.push(change));
  await tells(writer);
  return { changes, ...end() };
}

test('every change is taken, also out of pieces, and the last one without an end of line', async () => {
  for (const text of [LINE + LINE, LINE + LINE.trim()])
    expect(await read((writer) => writer.add(file(inPieces(text))))).toEqual({
      changes: [CHANGE, CHANGE],
      complete: true,
      problems: [],
    });
});

test('other files of the node are read to their end and are no changes', async () => {
  const found = await read(async (writer) => {
    await writer.add(file(inPieces(LINE), { path: 'node/mounts-web.txt' }));
    await writer.add(file(''));
  });
  expect(found).toEqual({ changes: [], complete: true, problems: [] });
});

describe('not everything came', () => {
  test.each<[string, RegExp, (writer: BundleWriter) => unknown]>([
    ['where nothing did', /did not tell all/, () => {}],
    ['where it was cut', /did not tell all/, (writer) => writer.add(file(LINE, { truncated: true }))],
    [
      'where the node cut it',
      /did not tell all/,
      (writer) => writer.add(file(inPieces(LINE), { sealed: () => ({ truncated: true }) })),
    ],
    ['where a line is none', /told of 1 files in a way/, (writer) => writer.add(file('{"path":"/x"}\n'))],
    [
      'where the node says so',
      /^a layer is gone$/,
      async (writer) => {
        await writer.add(file(LINE));
        writer.problem('filesystem', 'a layer is gone');
      },
    ],
  ])('%s', async (_what, message, tells) => {
    const { complete, problems } = await read(tells);
    expect(complete).toBe(false);
    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  test('where a line does not end, and nothing of it is kept in memory', async () => {
    await expect(read((writer) => writer.add(file(inPieces('x'.repeat(70_000)))))).rejects.toThrow(
      'too long',
    );
  });
});
