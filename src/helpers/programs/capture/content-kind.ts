// What a file is by its first bytes.
import type { FileChange } from '../../../api/file-change.ts';

/** See CONTENT_KINDS in api/file-change.ts. */
export type ContentKind = NonNullable<FileChange['content']>;

/** Bytes that {@link contentKind} looks at; program headers lie right after the head of a file, whatever made it. */
export const HEAD_BYTES = 65_536;

const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');
const [RELOCATABLE, SHARED, CORE] = [1, 3, 4];
const INTERPRETER = 3;

/**
 * What a file is. A shared object that names an interpreter is a program: all programs are built so today. One without may be a
 * program all the same, linked statically; kernel modules count as libraries too, dumps of memory as nothing special.
 * @param head the first {@link HEAD_BYTES} of the file, or all of a shorter one.
 */
export function contentKind(head: Buffer): ContentKind {
  if (head.subarray(0, 2).toString('latin1') === '#!') return 'Script';
  if (!head.subarray(0, 4).equals(ELF_MAGIC)) return 'Other';
  const elf = readElf(head);
  // Damaged where we look, which may be on purpose: the kernel may still run it.
  if (elf === undefined) return 'Elf';
  if (elf.type === CORE) return 'Other';
  if (elf.type === RELOCATABLE) return 'Library';
  return elf.type === SHARED && !elf.interpreter ? 'Library' : 'Elf';
}

interface Elf {
  type: number;
  interpreter: boolean;
}

/** Where numbers are, in files of 32 and of 64 bits. */
const LAYOUTS = {
  1: { isLong: false, tableAt: 28, entrySizeAt: 42, countAt: 44 },
  2: { isLong: true, tableAt: 32, entrySizeAt: 54, countAt: 56 },
} as const;
const HEADER_BYTES = 64;

function readElf(head: Buffer): Elf | undefined {
  const layout = LAYOUTS[head[4] as 1 | 2] as (typeof LAYOUTS)[1 | 2] | undefined;
  const order = head[5];
  if (head.length < HEADER_BYTES || layout === undefined || (order !== 1 && order !== 2)) return undefined;
  const read = numbers(head, order === 1);
  const [table, size, count] = [
    read.offset(layout),
    read.short(layout.entrySizeAt),
    read.short(layout.countAt),
  ];
  if (count > 0 && table + size * (count - 1) + 4 > head.length) return undefined;
  const types = Array.from({ length: count }, (_none, index) => read.word(table + size * index));
  return { type: read.short(16), interpreter: types.includes(INTERPRETER) };
}

function numbers(head: Buffer, isLittle: boolean) {
  const short = (at: number) => (isLittle ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const word = (at: number) => (isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const long = (at: number) => Number(isLittle ? head.readBigUInt64LE(at) : head.readBigUInt64BE(at));
  const offset = ({ tableAt, isLong }: (typeof LAYOUTS)[1 | 2]) => (isLong ? long(tableAt) : word(tableAt));
  return { short, word, offset };
}
