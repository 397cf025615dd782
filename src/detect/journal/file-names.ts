// The names of a journal's files: `<generation>-<number>-<owner>.journal` and what is derived from it.

/** Holds the id of the process that the journal belongs to. */
export const OWNER_FILE = 'owner';

const DIGITS = 8;
const SEGMENT = /^(\d{8})-(\d{8})-([0-9a-f]{32})\.journal$/;
const DRAFT = '.new';
const DAMAGED = '.damaged';

/** What the name of a segment tells. Names sort by generation, then number. */
export interface SegmentId {
  /** A generation holds all that is pending: where it exists, lower ones are of no use. */
  generation: number;
  /** Order within a generation. */
  number: number;
  /** The id of the process that wrote it: two never write to the same file. */
  owner: string;
}

/** The name of a segment. */
export function segmentName({ generation, number, owner }: SegmentId): string {
  return `${padded(generation)}-${padded(number)}-${owner}.journal`;
}

/** The name of a segment before it is whole. */
export function draftName(segment: string): string {
  return segment + DRAFT;
}

/** The name of the file in which damaged records of a segment are kept for people. */
export function damagedName(segment: string): string {
  return segment + DAMAGED;
}

/** What a file of the folder is. */
export type FileKind = 'Owner' | 'Segment' | 'Draft' | 'Damaged' | 'Foreign';

/** Tells a file by its name. */
export function kindOfFile(name: string): FileKind {
  if (name === OWNER_FILE) return 'Owner';
  if (SEGMENT.test(name)) return 'Segment';
  for (const [ending, kind] of [
    [DRAFT, 'Draft'],
    [DAMAGED, 'Damaged'],
  ] as const) {
    if (name.endsWith(ending) && SEGMENT.test(name.slice(0, -ending.length))) return kind;
  }
  return 'Foreign';
}

/** The generation in the name of a segment or of what is derived from it. */
export function generationOf(name: string): number {
  return Number(name.slice(0, DIGITS));
}

function padded(number: number): string {
  return String(number).padStart(DIGITS, '0');
}
