// One way in which the filesystem of a running container is not what its image holds. A line of JSON each in the evidence.
import { z } from 'zod';

/**
 * `Added`: the image has no such entry. `Modified`: it has one of other content or another type. `Metadata`: the same
 * content, with another mode, owner or time. `Deleted`: the image has it, the container does not. `Opaque`: a directory
 * that may hide everything that the image has in it; to be certain takes rights that the capture does without.
 */
export const CHANGE_KINDS = ['Added', 'Modified', 'Metadata', 'Deleted', 'Opaque'] as const;
/** What an entry is by its inode. */
export const ENTRY_TYPES = [
  'File',
  'Directory',
  'Symlink',
  'Fifo',
  'Socket',
  'CharDevice',
  'BlockDevice',
  'Unknown',
] as const;
/** What a file is by its first bytes. `Elf` holds programs, `Library` shared objects, `Script` begins with `#!`. */
export const CONTENT_KINDS = ['Elf', 'Library', 'Script', 'Other'] as const;

/** Longest path and link target that Linux has, in bytes. */
const MAX_PATH = 4096;

/** See the file's first line. */
export const FileChangeSchema = z.strictObject({
  container: z.string().max(63),
  /** 64 hex digits; a container that was restarted has an earlier one. */
  containerId: z.string().max(128),
  /**
   * `Root`: in the container's own layer. `EmptyDir`: in a volume that lives as long as the pod, which no image has anything
   * in; the path then begins with the name of the volume.
   */
  where: z.enum(['Root', 'EmptyDir']),
  /** From the root of the container, with a leading `/`. Bytes that are no UTF-8 are U+FFFD: then `pathBase64` has them all. */
  path: z.string().max(MAX_PATH),
  pathBase64: z.string().max(6000).optional(),
  kind: z.enum(CHANGE_KINDS),
  /** Of what is there now; of what is deleted, `Unknown` where the image could not be read. */
  type: z.enum(ENTRY_TYPES),
  /** Permission bits with setuid, setgid and sticky, e.g. 0o4755. */
  mode: z.int().min(0).max(0o7777).optional(),
  uid: z.int().min(0).optional(),
  gid: z.int().min(0).optional(),
  /** Bytes, as the inode says; a sparse file occupies less. */
  size: z.int().min(0).optional(),
  /** RFC 3339, UTC. */
  modifiedAt: z.iso.datetime().optional(),
  changedAt: z.iso.datetime().optional(),
  /** Names of the inode, more than 1 with hard links. */
  links: z.int().min(0).optional(),
  /** Equal for two names of one file: `device:inode`. */
  inode: z.string().max(64).optional(),
  linkTarget: z.string().max(MAX_PATH).optional(),
  /** Of the content, 64 hex digits; absent where it was not read, and `problem` says why. */
  sha256: z.string().length(64).optional(),
  /** Of what the image has there. */
  imageSha256: z.string().length(64).optional(),
  imageMode: z.int().min(0).max(0o7777).optional(),
  content: z.enum(CONTENT_KINDS).optional(),
  /** Some x bit is set, or it is a program, library or script by its content. */
  executable: z.boolean(),
  /** The content is in the tar of the bundle, under this name. */
  kept: z.string().max(512).optional(),
  problem: z.string().max(512).optional(),
});
/** See the file's first line. */
export type FileChange = z.output<typeof FileChangeSchema>;
