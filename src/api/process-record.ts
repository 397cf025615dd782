// One process of a container as its node showed it. Kept as JSON in the evidence; texts are the attacker's.
import { z } from 'zod';

const text = (max: number) => z.string().max(max);

/** One open file of a process. */
const OpenFileSchema = z.strictObject({
  fd: z.int().min(0),
  /** What the link says, e.g. `/tmp/x (deleted)`, `socket:[4711]`, `memfd:x`. */
  target: text(4096),
});

/** See the file's first line. */
export const ProcessRecordSchema = z.strictObject({
  /** Empty for the pod's sandbox, and for a container that was started after the capture was ordered. */
  container: text(63),
  containerId: text(128),
  /** As the node counts. */
  pid: z.int().min(1),
  ppid: z.int().min(0),
  /** Within its own namespaces, the innermost last. */
  namespacePids: z.array(z.int().min(0)).max(33),
  /** Ticks since the machine started; with the PID it names one process, also after the PID is used again. */
  startTicks: z.int().min(0),
  /** RFC 3339, UTC. */
  startedAt: z.iso.datetime(),
  name: text(64),
  state: text(8),
  /** Command line, cut at the limits of the capture. */
  args: z.array(text(4096)).max(256),
  executable: z.strictObject({
    /** As the link says, without ` (deleted)`. */
    path: text(4096),
    deleted: z.boolean(),
    /** It never had a name in any filesystem. */
    memfd: z.boolean(),
    /** Of the file that runs, read through the process, so also of one that is deleted. */
    sha256: z.string().length(64).optional(),
    size: z.int().min(0).optional(),
    /** `device:inode`. */
    inode: text(64).optional(),
    /** The content is in the bundle, under this name. */
    kept: text(512).optional(),
    problem: text(512).optional(),
  }),
  cwd: text(4096).optional(),
  /** Of a process in a chroot, or in another mount namespace than its container. */
  root: text(4096).optional(),
  uids: z.array(z.int().min(0)).max(4),
  gids: z.array(z.int().min(0)).max(4),
  /** Names such as `CAP_NET_RAW`; an unknown one by its number. */
  capabilities: z.strictObject({
    effective: z.array(text(32)).max(64),
    permitted: z.array(text(32)).max(64),
    bounding: z.array(text(32)).max(64),
  }),
  noNewPrivileges: z.boolean().optional(),
  /** 0 none, 1 strict, 2 filter. */
  seccomp: z.int().min(0).max(2).optional(),
  /** By kind, e.g. `{net: 'net:[4026532000]'}`. */
  namespaces: z.record(text(32), text(64)),
  openFiles: z.array(OpenFileSchema).max(1024),
  /** More open files than are listed. */
  moreOpenFiles: z.int().min(0),
  /** What could not be read of it, and why. */
  problems: z.array(text(512)).max(16),
});
/** See the file's first line. */
export type ProcessRecord = z.output<typeof ProcessRecordSchema>;

/** One socket of a network namespace. */
export const SocketRecordSchema = z.strictObject({
  /** `net:[4026532000]`. */
  namespace: text(64),
  protocol: z.enum(['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6', 'packet', 'unix']),
  /** `address:port`; of a Unix socket its path. */
  local: text(512),
  remote: text(512).optional(),
  /** Such as `ESTABLISHED`, `LISTEN`. */
  state: text(32).optional(),
  inode: z.int().min(0),
  uid: z.int().min(0).optional(),
  /** Processes of the pod that hold it. */
  pids: z.array(z.int().min(1)).max(64),
});
/** See {@link SocketRecordSchema}. */
export type SocketRecord = z.output<typeof SocketRecordSchema>;
