// What is said of one entry of a container's filesystem, from what it is now and what the image has there.
import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import type { FileChange } from '../../../api/file-change.ts';
import type { Content } from './content.ts';
import type { ByteText } from './walk-directory.ts';

/** An entry, and of a file or link what is in it. */
export interface Seen extends Content {
  stats: BigIntStats;
  /** Of a link. */
  target?: Buffer;
}

/** Who an entry belongs to. */
export type Owner = Pick<FileChange, 'container' | 'containerId' | 'where'>;

const MAX_PROBLEM = 512;

/** The type of an inode. */
export function typeOf(stats: BigIntStats): FileChange['type'] {
  if (stats.isFile()) return 'File';
  if (stats.isDirectory()) return 'Directory';
  if (stats.isSymbolicLink()) return 'Symlink';
  if (stats.isFIFO()) return 'Fifo';
  if (stats.isSocket()) return 'Socket';
  if (stats.isCharacterDevice()) return 'CharDevice';
  return stats.isBlockDevice() ? 'BlockDevice' : 'Unknown';
}

/** Whether an entry of an overlay's layer says that the one of this name in the layers below is deleted. */
export function isWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

/**
 * What an entry of the upper layer means.
 * @param image what the image has there; undefined if it has nothing.
 * @returns undefined for a directory that is only there since something in it has changed.
 */
export function kindOf(now: Seen, image: Seen | undefined): FileChange['kind'] | undefined {
  if (image === undefined) return 'Added';
  if (typeOf(now.stats) !== typeOf(image.stats)) return 'Modified';
  if (now.stats.isDirectory()) return sameAccess(now.stats, image.stats) ? undefined : 'Metadata';
  return sameContent(now, image) ? 'Metadata' : 'Modified';
}

function sameAccess(one: BigIntStats, other: BigIntStats): boolean {
  return one.mode === other.mode && one.uid === other.uid && one.gid === other.gid;
}

// A file whose content could not be read is taken as changed: to say that nothing happened is what an attacker would want.
function sameContent(now: Seen, image: Seen): boolean {
  if (now.stats.isFile()) return now.sha256 !== undefined && now.sha256 === image.sha256;
  if (now.stats.isSymbolicLink())
    return now.target !== undefined && image.target !== undefined && now.target.equals(image.target);
  return now.stats.rdev === image.stats.rdev;
}

/** What a change is made of. */
export interface Found {
  owner: Owner;
  path: ByteText;
  kind: FileChange['kind'];
  /** Undefined where it is deleted. */
  now: Seen | undefined;
  image: Seen | undefined;
  kept?: string | undefined;
  problems?: readonly string[];
}

/** The line for a change. */
export function fileChange(found: Found): FileChange {
  const { owner, path, kind, now, image, kept } = found;
  const seen = now ?? image;
  const times = now && timesOf(now.stats);
  return {
    ...owner,
    ...pathOf(path),
    kind,
    type: typeOrUnknown(seen),
    ...(now && inodeOf(now.stats)),
    ...defined({ modifiedAt: times?.modifiedAt, changedAt: times?.changedAt }),
    ...defined(contentOf(now)),
    ...defined({ imageSha256: image?.sha256, imageMode: image && modeOf(image), content: seen?.kind }),
    executable: seen !== undefined && isExecutable(seen),
    ...defined({ kept, problem: problemOf(found, times?.problem) }),
  };
}

function contentOf(now: Seen | undefined) {
  return { linkTarget: now?.target?.toString('utf8'), sha256: now?.sha256 };
}

function typeOrUnknown(seen: Seen | undefined): FileChange['type'] {
  return seen === undefined ? 'Unknown' : typeOf(seen.stats);
}

function modeOf({ stats }: Seen): number {
  return Number(stats.mode) & 0o7777;
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function problemOf({ problems = [], now, image }: Found, ofTime: string | undefined): string | undefined {
  const ofImage = image?.problem === undefined ? undefined : `the image's file ${image.problem}`;
  const all = [...problems, now?.problem, ofImage, ofTime].filter((problem) => problem !== undefined);
  return all.length > 0 ? all.join('; ').slice(0, MAX_PROBLEM) : undefined;
}

/** Some x bit is set, or it is a program, library or script by its content. */
export function isExecutable({ stats, kind }: Seen): boolean {
  if (!stats.isFile()) return false;
  return (Number(stats.mode) & 0o111) !== 0 || (kind !== undefined && kind !== 'Other');
}

/** A path as text, and where that loses something, all its bytes. */
export function pathOf(path: ByteText): Pick<FileChange, 'path' | 'pathBase64'> {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  return isUtf8(bytes) ? { path: text } : { path: text, pathBase64: bytes.toString('base64') };
}

function inodeOf(stats: BigIntStats) {
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Math.min(Number(stats.size), Number.MAX_SAFE_INTEGER),
    links: Number(stats.nlink),
    inode: `${stats.dev}:${stats.ino}`,
  };
}

// Some filesystems take any number as a time, which its owner may set.
function timesOf(stats: BigIntStats) {
  const [modifiedAt, changedAt] = [isoTime(stats.mtimeMs), isoTime(stats.ctimeMs)];
  const problem =
    modifiedAt === undefined ? `its time of modification is no date: ${stats.mtimeMs} ms` : undefined;
  return { modifiedAt, changedAt, problem };
}

/** 0001-01-01 and 9999-12-31, in milliseconds. */
const [FIRST_MS, LAST_MS] = [-62_135_596_800_000n, 253_402_300_799_999n];

function isoTime(ms: bigint): string | undefined {
  return ms < FIRST_MS || ms > LAST_MS ? undefined : new Date(Number(ms)).toISOString();
}

/** A line of JSON in which nothing changes how a terminal or an editor shows the rest. */
export function changeLine(change: FileChange): string {
  const json = JSON.stringify(change).replaceAll(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${json}\n`;
}
