// The mount table of a namespace, as /proc/PID/mountinfo has it.
import { readSync } from 'node:fs';

/** A line of the table. Texts are bytes, a character each (latin1). */
export interface Mount {
  id: number;
  /** `major:minor`. */
  device: string;
  /** The folder within the filesystem that is mounted, mostly `/`. */
  root: string;
  mountPoint: string;
  type: string;
  /** Of the filesystem, such as `upperdir`. A word alone has the empty text; of several values, colons are in between. */
  options: ReadonlyMap<string, string>;
}

/** A node with a thousand containers has a table of 3 MB. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Reads a table; lines that are none are left out. @param table in latin1. */
export function parseMounts(table: string): Mount[] {
  return table.split('\n').flatMap((line) => parseMount(line) ?? []);
}

// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`; before the `-` any number of optional fields.
function parseMount(line: string): Mount | undefined {
  const end = line.indexOf(' - ');
  const [id, , device, root, mountPoint] = line.slice(0, Math.max(end, 0)).split(' ');
  const [type, , options] = line.slice(end + 3).split(' ');
  if (end < 0 || device === undefined || root === undefined || mountPoint === undefined) return undefined;
  if (id === undefined || !/^[0-9]{1,10}$/.test(id) || type === undefined) return undefined;
  return {
    id: Number(id),
    device,
    root: unescaped(root),
    mountPoint: unescaped(mountPoint),
    type,
    options: parseOptions(options ?? ''),
  };
}

// Commas within a value are escaped by those who mount, with a backslash that the table escapes once more.
function parseOptions(text: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const part of unescaped(text).split(/(?<!\\),/)) {
    const at = part.indexOf('=');
    const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
    const before = options.get(name);
    options.set(name, before === undefined ? value : `${before}:${value}`);
  }
  return options;
}

// The kernel writes space, tab, line break, backslash and a few more as three octal digits.
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Reads a file of /proc, whose size is not known before. @throws when it is larger than 64 MiB, and the errors of node:fs */
export function readTable(fd: number): string {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const got = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    if (got === 0) return Buffer.concat(chunks).toString('latin1');
    size += got;
    if (size > MAX_TABLE_BYTES) throw new Error(`the mount table has more than ${MAX_TABLE_BYTES} bytes`);
    chunks.push(chunk.subarray(0, got));
  }
}
