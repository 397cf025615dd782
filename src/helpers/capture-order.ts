// What a capture pod is told. It reaches the pod as one argument of JSON: everything in it is checked again there.
import { z } from 'zod';
import type { CollectorName } from '../api/policy.ts';

/** What a capture pod reads on a node. The order is that of volatility (RFC 3227). */
export const NODE_COLLECTORS = ['Processes', 'Filesystem'] as const satisfies readonly CollectorName[];
/** See {@link NODE_COLLECTORS}. */
export type NodeCollectorName = (typeof NODE_COLLECTORS)[number];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Of an age recipient. */
const RECIPIENT = /^age1[a-z0-9]{20,4000}$/;

/** See the file's first line. */
export const CaptureOrderSchema = z.strictObject({
  podUid: z.string().regex(UUID, 'must be a UUID'),
  /** Of every kind, init and ephemeral too, present and previous. */
  containers: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(63),
        id: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
        /** Ended: there is a layer and no process. */
        ended: z.boolean(),
      }),
    )
    .min(1)
    .max(128),
  collectors: z.array(z.enum(NODE_COLLECTORS)).min(1).max(NODE_COLLECTORS.length),
  /** Keep the content of changed files and executables, not their hashes only. */
  contents: z.boolean(),
  limits: z.strictObject({
    /** For all collectors together; each is told its share. In milliseconds. */
    deadlineMs: z.int().min(1_000).max(580_000),
    /** Bytes of all contents before encryption. */
    maxBytes: z.int().min(0),
    /** Bytes that are read of one file, for its hash or its content. */
    maxFileBytes: z.int().min(0),
    /** Entries of the filesystem, and files kept. */
    maxEntries: z.int().min(1).max(1_000_000),
    maxProcesses: z.int().min(1).max(65_536),
  }),
  /** Public keys of age to which every file is encrypted before it leaves the node; none: it is not encrypted. */
  recipients: z.array(z.string().regex(RECIPIENT, 'must be a public key of age')).max(8),
});
/** See the file's first line. */
export type CaptureOrder = z.output<typeof CaptureOrderSchema>;
