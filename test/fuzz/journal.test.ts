// Files of a journal that a bad disk, a crash or a hand in the volume left: what is opened is what the schema allows,
// and nothing that was readable is lost by opening it.
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { DetectionSummarySchema, FIELD_LIMITS, type Detection } from '../../src/api/detection.ts';
import { JournalError } from '../../src/detect/journal/errors.ts';
import { openJournal, type Journal } from '../../src/detect/journal/journal.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { aDetection } from '../support/builders.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { fuzz } from './support/fuzz.ts';
import { editsOf, mutated, type Edit } from './support/mutate.ts';
import { oddText, type Json } from './support/noise.ts';
import { assertClean } from './support/oracles.ts';

const OWNERS = ['a', 'b', 'c'].map((letter) => letter.repeat(32));
const NEWLINE = 0x0a;
// A lost end of a file may bring it back.
const SETTLED = new Set(['0'.repeat(32)]);

type FileEdit =
  | { kind: 'cut' | 'drop' | 'double' | 'zero' | 'join'; at: number }
  | { kind: 'bytes'; at: number; bytes: readonly number[] }
  | { kind: 'record'; at: number; edits: readonly Edit[]; version: string }
  | { kind: 'name'; at: number; name: string };

const at = fc.nat({ max: 20_000 });
const names = [
  ...OWNERS.map((owner) => `00000001-00000001-${owner}.journal`),
  `99999999-99999999-${OWNERS[0]}.journal`,
  `00000000-00000000-${OWNERS[0]}.journal`,
  `00000003-00000001-${OWNERS[0]}.journal.new`,
  `00000003-00000001-${OWNERS[0]}.journal.damaged`,
  'owner',
  'README',
  '../outside',
];
const fileEdit: fc.Arbitrary<FileEdit> = fc.oneof(
  fc.record({ kind: fc.constantFrom('cut', 'drop', 'double', 'zero', 'join'), at }),
  fc.record({
    kind: fc.constant('bytes'),
    at,
    bytes: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant('record'),
    at,
    // With a checksum that fits: who can write to the volume can do that.
    edits: editsOf(3, { id: ['0'.repeat(32), 'f'.repeat(32)], settled: ['0'.repeat(32)] }),
    version: fc.constantFrom('1', '1', '1', '2', '9999', '0'),
  }),
  fc.record({ kind: fc.constant('name'), at, name: fc.oneof(fc.constantFrom(...names), oddText) }),
);

const journals = await Promise.all([recordJournal(3, 64 * 1024), recordJournal(12, 4 * 1024)]);

fuzz({
  name: 'journal',
  promise: 'any files are opened or refused, with nothing in it that breaks the schema, and nothing lost',
  input: fc.record({
    journal: fc.nat({ max: journals.length - 1 }),
    edits: fc.array(fileEdit, { maxLength: 5 }),
    raw: fc.oneof(
      { weight: 9, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }) },
    ),
  }),
  check: async ({ journal, edits, raw }, seen) => {
    const disk = new MemoryDisk();
    const { files, pending } = journals[journal] ?? { files: new Map<string, Buffer>(), pending: [] };
    for (const [name, content] of edited(files, edits)) disk.put(name, content);
    if (raw) disk.put(`00000002-00000009-${OWNERS[2]}.journal`, raw);
    const first = await opened(disk, OWNERS[1]);
    if (!first) return seen('refused');
    seen(first.damaged > 0 ? 'damaged' : first.torn > 0 ? 'torn' : 'sound');
    first.pending.forEach(assertSchema);
    const ids = first.pending.map(({ summary }) => summary.id);
    if (!raw) assertAsWritten(first.pending, pending, edits);
    await goesOn(disk, first, ids, seen);
  },
  reaches: ['sound', 'damaged', 'torn', 'takes more'],
});

function assertAsWritten(
  found: readonly Detection[],
  written: readonly Detection[],
  edits: readonly FileEdit[],
): void {
  if (edits.length === 0) assert.deepEqual(found, written, 'a sound journal is not read as it was written');
  // Whoever can make a checksum that fits can make detections.
  if (edits.some(({ kind }) => kind === 'record')) return;
  const known = new Set(written.map((one) => JSON.stringify(one)));
  const foreign = found.filter((one) => !known.has(JSON.stringify(one)) && !SETTLED.has(one.summary.id));
  assert.deepEqual(foreign, [], 'a detection is not as it was written');
}

/** Takes one more, and the next process finds that and everything before it. */
async function goesOn(
  disk: MemoryDisk,
  journal: Journal,
  ids: readonly string[],
  seen: (what: string) => void,
): Promise<void> {
  const more = aDetection({ id: 'e'.repeat(32) });
  const refusal = await within(journal.append(more).catch((error: unknown) => error));
  assert.ok(refusal === undefined || refusal instanceof JournalError, String(refusal));
  await within(journal.close());
  const next = await opened(disk, OWNERS[2]);
  assert.ok(next, 'what could be opened once cannot be opened again');
  const found = next.pending.map(({ summary }) => summary.id);
  const expected = refusal === undefined ? [...ids, more.summary.id] : ids;
  if (refusal === undefined) seen('takes more');
  assert.deepEqual(
    expected.filter((id) => !found.includes(id)),
    [],
    'a detection is lost',
  );
  assert.equal(new Set(found).size, found.length, 'a detection is there twice');
  await within(next.close());
}

async function opened(disk: MemoryDisk, owner = ''): Promise<Journal | undefined> {
  const clock = new VirtualClock();
  const opening = openJournal({ disk: disk.mount(), clock, log: silentLogger, owner, maxBytes: 256 * 1024 });
  try {
    return await within(opening);
  } catch (error) {
    assert.ok(error instanceof JournalError, `not a JournalError: ${String(error)}`);
    assertClean(error.message, 'message', 2_000);
    return undefined;
  }
}

/** Nothing here waits for time. */
function within<T>(work: Promise<T>): Promise<T> {
  return work;
}

const Summary = DetectionSummarySchema.strict();

function assertSchema({ summary, identity, tags, fields, ...rest }: Detection): void {
  assert.deepEqual(rest, {});
  const { success, error } = Summary.safeParse(summary);
  assert.ok(success, String(error));
  for (const text of [...Object.values(identity), ...tags] as unknown[]) {
    assert.ok(typeof text === 'string');
    assertClean(text, 'a text', 253);
  }
  for (const text of [summary.rule, summary.executable ?? '']) assertClean(text, 'a text', 512);
  assert.ok(tags.length <= 32);
  for (const text of Object.entries(fields).flat()) assertClean(text, 'a field', FIELD_LIMITS.value);
  assert.ok(Object.entries(fields).flat().join('').length <= FIELD_LIMITS.total);
}

function edited(files: ReadonlyMap<string, Buffer>, edits: readonly FileEdit[]): Map<string, Buffer> {
  const result = new Map(files);
  for (const edit of edits) {
    const all = [...result];
    const [name, content] = all[edit.at % all.length] ?? [];
    if (name === undefined || content === undefined) continue;
    if (edit.kind === 'name') result.delete(name);
    result.set(edit.kind === 'name' ? edit.name : name, changed(content, edit));
  }
  return result;
}

function changed(content: Buffer, edit: FileEdit): Buffer {
  const place = content.length === 0 ? 0 : edit.at % content.length;
  const lines = linesOf(content);
  const index = edit.at % Math.max(1, lines.length);
  switch (edit.kind) {
    case 'name':
      return content;
    case 'cut':
      return content.subarray(0, place);
    case 'zero':
      return Buffer.concat([content.subarray(0, place), Buffer.alloc(Math.min(512, content.length - place))]);
    case 'bytes':
      return Buffer.concat([
        content.subarray(0, place),
        Buffer.from(edit.bytes),
        content.subarray(place + 1),
      ]);
    case 'drop':
      return Buffer.concat(lines.toSpliced(index, 1));
    case 'double':
      return Buffer.concat([...lines, ...lines.slice(index, index + 1)]);
    case 'join':
      return Buffer.concat(lines.map((line, nth) => (nth === index ? line.subarray(0, -1) : line)));
    case 'record':
      return Buffer.concat(
        lines.map((line, nth) => (nth === index ? recoded(line, edit.edits, edit.version) : line)),
      );
  }
}

function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < content.length;) {
    const newline = content.indexOf(NEWLINE, start);
    const end = newline < 0 ? content.length : newline + 1;
    lines.push(content.subarray(start, end));
    start = end;
  }
  return lines;
}

/** The record with edits, and a checksum that fits. */
function recoded(line: Buffer, edits: readonly Edit[], version: string): Buffer {
  const [, json = ''] = /^\d+ [0-9a-f]{8} (.+)\n?$/.exec(line.toString('utf8')) ?? [];
  const record = parsed(json);
  if (record === undefined) return line;
  const text = JSON.stringify(mutated(record, edits));
  return Buffer.from(`${version} ${crc32(`${version} ${text}`).toString(16).padStart(8, '0')} ${text}\n`);
}

function parsed(json: string): Json | undefined {
  try {
    return JSON.parse(json) as Json;
  } catch {
    return undefined;
  }
}

/** A journal as an operator leaves it when it is killed, and what is pending in it. */
async function recordJournal(
  count: number,
  segmentBytes: number,
): Promise<{ files: Map<string, Buffer>; pending: Detection[] }> {
  const disk = new MemoryDisk();
  const clock = new VirtualClock();
  const owner = OWNERS[0] ?? '';
  const journal = await openJournal({ disk: disk.mount(), clock, log: silentLogger, owner, segmentBytes });
  const [first, ...pending] = Array.from({ length: count }, (_, n) =>
    aDetection({ id: n.toString(16).padStart(32, '0'), rule: `rule ${n}` }),
  );
  for (const detection of first ? [first, ...pending] : []) await journal.append(detection);
  journal.settle(first?.summary.id ?? '');
  await clock.advance(2_000);
  const files = disk.files().map(({ name }) => [name, Buffer.from(disk.text(name))] as const);
  return { files: new Map(files), pending };
}
