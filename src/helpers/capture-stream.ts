// What a capture pod sends: files one after the other, each with its hash, then how it ended. The order of calls is the
// contract between what collects on the node and what takes it in; how it goes over the wire is capture-wire.ts.
import { z } from 'zod';

/** What is known of a file before its content. */
export const FileHeadSchema = z.strictObject({
  /** As a path within the bundle: safe segments (evidence/path.ts), e.g. `node/processes.json`. */
  path: z.string().min(1).max(512),
  collector: z.string().min(1).max(63),
  contentType: z.string().min(1).max(127),
  /** What it was read from, for people. */
  source: z.string().max(1024),
  /** RFC 3339, UTC. */
  collectedAt: z.iso.datetime(),
});
/** See {@link FileHeadSchema}. */
export type FileHead = z.output<typeof FileHeadSchema>;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What is known of it after. */
export const FileEndSchema = z.strictObject({
  /** Of the bytes that were sent. */
  size: z.int().min(0),
  sha256: hash,
  /** Of what was read, where what was sent is encrypted. */
  plain: z.strictObject({ size: z.int().min(0), sha256: hash }).optional(),
  /** There was more than was read. */
  truncated: z.boolean(),
});
/** See {@link FileEndSchema}. */
export type FileEnd = z.output<typeof FileEndSchema>;

/** Where collectors on the node put what they find. One call after the other, never two at a time. */
export interface CaptureSink {
  /**
   * Hashes, encrypts where that is asked for, and sends a file. Resolves when it is sent.
   * @param content is read to its end; an error in it ends the file where it is, as truncated, and rejects.
   */
  file(head: FileHead, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<FileEnd>;
  /** Records what is missing, refused or cut, for people. */
  problem(collector: string, message: string): void;
}
