// The lines of a journal. A line is `<version> <CRC-32 of the rest, 8 hex digits> <JSON>`: readable with any tool, and what
// was torn or changed shows. The frame is the same for all versions; the JSON is of that version's form.
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { parseAny } from '../../api/parse.ts';
import { DetectionSummarySchema, FIELD_LIMITS, type Detection } from '../../api/detection.ts';
import { cleanText } from '../sanitize.ts';

/** What is in a line: a detection, or that the detection with an id has its outcome. */
export type JournalRecord = { detection: Detection } | { settled: string };

/** What a line is: `Damaged` was never written so; `Newer` is whole, and of a version that is not known here. */
export type Line = { kind: 'Record'; record: JournalRecord } | { kind: 'Damaged' } | { kind: 'Newer' };

const VERSION = '1';
const FRAME = /^(\d{1,4}) ([0-9a-f]{8}) (.+)$/;

/** Bytes of the longest line, its end included: over what the largest detection takes, all of it in CJK. */
export const MAX_LINE_BYTES = 32 * 1024;

const text = (maxLength: number) => z.string().min(1).max(maxLength).exactOptional();

// Forms are checked by who told the identity; here what counts is that nothing grows.
const IdentitySchema = z.strictObject({
  podUid: text(36),
  podName: text(253),
  namespace: text(63),
  containerId: text(64),
  containerName: text(63),
  hostname: text(253),
});
const DetectionSchema = z.strictObject({
  summary: DetectionSummarySchema,
  identity: IdentitySchema,
  tags: z.array(z.string().max(64)).max(32),
  // Absent in what earlier versions wrote.
  fields: z
    .record(z.string().max(FIELD_LIMITS.name), z.string().max(FIELD_LIMITS.value))
    .refine((fields) => Object.entries(fields).flat().join('').length <= FIELD_LIMITS.total)
    .default({}),
});
const RecordSchema = z.union([
  z.strictObject({ detection: DetectionSchema }),
  z.strictObject({ settled: DetectionSummarySchema.shape.id }),
]);

/**
 * The line for a record.
 * @throws z.ZodError if it is not of the form that is read back.
 */
export function encodeRecord(record: JournalRecord): string {
  // JSON escapes line ends, so that a line stays one.
  const json = JSON.stringify(RecordSchema.parse(record));
  return `${VERSION} ${checksum(VERSION, json)} ${json}\n`;
}

/** Reads a line without its end. It comes from a disk: nothing in it is trusted. */
export function decodeLine(line: Buffer): Line {
  if (line.length > MAX_LINE_BYTES) return { kind: 'Damaged' };
  const [, version, sum, json] = FRAME.exec(line.toString('utf8')) ?? [];
  if (version === undefined || json === undefined || sum !== checksum(version, json))
    return { kind: 'Damaged' };
  return version === VERSION ? decodeJson(json) : { kind: 'Newer' };
}

function decodeJson(json: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(json, (_key, inner: unknown) =>
      typeof inner === 'string' ? cleanText(inner, inner.length) : inner,
    );
  } catch {
    return { kind: 'Damaged' };
  }
  const parsed = parseAny(RecordSchema, value);
  return parsed.success ? { kind: 'Record', record: parsed.data } : { kind: 'Damaged' };
}

function checksum(version: string, json: string): string {
  return crc32(`${version} ${json}`).toString(16).padStart(8, '0');
}
