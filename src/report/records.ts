// Reads what the collectors wrote. The pod had a hand in all of it: each record is checked, and bad ones are counted.
import type { z } from 'zod';
import { parseAny } from '../api/parse.ts';

/** What was read. */
export interface Records<T> {
  records: T[];
  /** Entries that are none. */
  bad: number;
  /** Entries beyond the limit. */
  more: number;
  /** It ends within the array: there were more, and nobody knows how many. */
  cut: boolean;
}

/**
 * Reads a JSON array of records, at most `max`; undefined if it is no such array. Of one that is cut off, and has an entry a
 * line as the collectors write it, the entries are read that are whole.
 */
export function readArray<T>(content: Uint8Array, schema: z.ZodType<T>, max: number): Records<T> | undefined {
  const whole = readJson(content);
  const value = whole === undefined ? readJson(wholeEntries(content)) : whole;
  if (!Array.isArray(value)) return undefined;
  const all: Records<T> = {
    records: [],
    bad: 0,
    more: Math.max(0, value.length - max),
    cut: whole === undefined,
  };
  for (const entry of value.slice(0, max)) {
    const parsed = parseAny(schema, entry);
    if (parsed.success) all.records.push(parsed.data);
    else all.bad += 1;
  }
  return all;
}

// A line break is within no text of JSON: behind a comma it ends an entry.
function wholeEntries(content: Uint8Array): Uint8Array {
  const end = Buffer.from(content.buffer, content.byteOffset, content.byteLength).lastIndexOf(',\n');
  return Buffer.concat([content.subarray(0, Math.max(0, end)), Buffer.from(']')]);
}

/** The JSON in the bytes; undefined if they hold none, which JSON itself cannot say. */
export function readJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8'));
  } catch {
    // No JSON, or nested more deeply than the engine reads.
    return undefined;
  }
}

/** Longest line of NDJSON that is read: the longest record, with every character of it escaped. */
const MAX_LINE_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/**
 * Calls `each` for every line of NDJSON that is a record, at most `max` lines; of all the others it tells the number.
 * @param cut the content was cut somewhere: its last line, if it has no end, is left out and not counted as bad.
 */
export function readLines<T>(
  { content, cut }: { content: Uint8Array; cut: boolean },
  schema: z.ZodType<T>,
  max: number,
  each: (record: T) => void,
): { lines: number; bad: number; more: boolean } {
  let lines = 0;
  let bad = 0;
  for (let start = 0; start < content.length;) {
    if (lines === max) return { lines, bad, more: true };
    const newline = content.indexOf(NEWLINE, start);
    if (newline === -1 && cut) break;
    const end = newline === -1 ? content.length : newline;
    if (end > start) {
      lines += 1;
      const record = readLine(content.subarray(start, end), schema);
      if (record === undefined) bad += 1;
      else each(record);
    }
    start = end + 1;
  }
  return { lines, bad, more: cut };
}

function readLine<T>(line: Uint8Array, schema: z.ZodType<T>): T | undefined {
  if (line.length > MAX_LINE_BYTES) return undefined;
  const parsed = parseAny(schema, readJson(line));
  return parsed.success ? parsed.data : undefined;
}
