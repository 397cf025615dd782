// A history as plain JSON: which scenario, which seed, which faults. The same JSON always plays the same.
import { z } from 'zod';

/** Which of the processes; `r1` is the first. */
const replica = z.string().regex(/^r[1-9]$/);
/** The n-th write of that process, counted over its lives; Events do not count. */
const write = z.int().min(1);
/** Milliseconds after the processes were started. */
const at = z.int().min(0);
const forMs = z.int().min(1);

/** What becomes of one request. */
export const ANSWERS = [
  /** Refused with 409 although nothing stands against it: another writer was faster. */
  'Conflict',
  /** 429 with and without Retry-After; the server did not start on it. */
  'Throttled',
  'ThrottledFor5s',
  'InternalError',
  'Unavailable',
  /** Carried out; the connection breaks before the answer. */
  'Lost',
  /** Carried out long after its sender gave up. */
  'Late',
  /** Carried out; the connection breaks in the middle of the answer. */
  'Torn',
] as const;

/** One thing that goes wrong. */
export const FaultSchema = z.discriminatedUnion('kind', [
  /** The process dies right before that write leaves it, or before its answer comes. Another one starts on its disk. */
  z.object({ kind: z.literal('Crash'), replica, write, moment: z.enum(['before', 'after']), awayMs: forMs }),
  /** The process is killed at that time. */
  z.object({ kind: z.literal('Kill'), replica, at, awayMs: forMs }),
  /** The process stands still right before that write, as after SIGSTOP, and goes on later. */
  z.object({ kind: z.literal('Stop'), replica, write, forMs }),
  /** One write ends otherwise. */
  z.object({ kind: z.literal('Write'), replica, write, how: z.enum(ANSWERS) }),
  /** One read (GET or LIST) ends otherwise. */
  z.object({ kind: z.literal('Read'), replica, read: z.int().min(1), how: z.enum(ANSWERS) }),
  /** For a while all requests about a kind, or all at all, fail. */
  z.object({
    kind: z.literal('Outage'),
    replica,
    of: z.enum([
      'all',
      'pods',
      'configmaps',
      'driftpolicies',
      'driftincidents',
      'networkpolicies',
      'leases',
      'log',
    ]),
    how: z.enum(['Throttled', 'InternalError', 'Unavailable', 'Lost']),
    at,
    forMs,
  }),
  /** Watches of a kind stand still; then they go on, are closed, or are too old to go on: the reader lists again. */
  z.object({
    kind: z.literal('Watch'),
    replica,
    of: z.enum(['pods', 'driftpolicies', 'driftincidents']),
    how: z.enum(['Held', 'Closed', 'Expired']),
    at,
    forMs,
  }),
  /** Watches and lists of that process come from a second API server that stands still meanwhile. */
  z.object({ kind: z.literal('Lag'), replica, at, forMs }),
  /** Nothing gets through between process and API server: refused at once, or silence. */
  z.object({ kind: z.literal('Partition'), replica, how: z.enum(['Refused', 'Silent']), at, forMs }),
  /** The disk of the journal takes long, or takes nothing. */
  z.object({
    kind: z.literal('Disk'),
    replica,
    how: z.enum(['Slow', 'Full', 'ReadOnly', 'FailingSync']),
    at,
    forMs,
  }),
  /** The wall clock of the process jumps. */
  z.object({ kind: z.literal('ClockJump'), replica, at, byMs: z.int() }),
]);

/** See {@link FaultSchema}. */
export type Fault = z.output<typeof FaultSchema>;
/** Class of a fault, for tables. */
export type FaultKind = Fault['kind'];
/** See {@link ANSWERS}. */
export type AnswerFault = (typeof ANSWERS)[number];

/** See the file's first line. */
export const HistorySchema = z.object({
  scenario: z.string(),
  /** Draws latencies and the moments of people; 0: everything takes the same short time. */
  seed: z.int().min(0),
  /** 1: one process that needs no Lease. 3: three that are alike, of which one leads. */
  replicas: z.union([z.literal(1), z.literal(3)]),
  /** After how many writes of the operator people act; drawn from the seed if absent. */
  actAfter: z.int().min(0).optional(),
  faults: z.array(FaultSchema),
});

/** See the file's first line. */
export type History = z.output<typeof HistorySchema>;

/** Reads a history. @throws ZodError that names what is wrong. */
export function parseHistory(text: string): History {
  return HistorySchema.parse(JSON.parse(text));
}

/** Milliseconds after the start at which the last fault that has a time is over. */
export function lastFaultMs({ faults }: History): number {
  const ends = faults.map((fault) => ('at' in fault ? fault.at + ('forMs' in fault ? fault.forMs : 0) : 0));
  return Math.max(0, ...ends);
}
