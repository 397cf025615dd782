// What is known of a node: whether it enforces NetworkPolicies, how long that counts, and when it is tested again.
import { z } from 'zod';
import { plainText } from './policy-words.ts';
import { isFresh, MAX_AHEAD_MS, NODE_TEST_VALID_MS, type NodeEnforcement } from './isolated.ts';

/** A test that told nothing, and how many did in a row. */
export interface Trouble {
  /** Milliseconds since the epoch. */
  at: number;
  failures: number;
  /** Why, for people. */
  message: string;
}

/** What is known of one node: what the latest test showed that told anything, and what came in between since. */
export interface NodeRecord {
  proof?: NodeEnforcement;
  trouble?: Trouble;
}

/** Labels of the metric; Unknown: never tested, or too long ago. */
export const NODE_VERDICTS = ['Enforced', 'Unenforced', 'Unknown'] as const;
/** See {@link NODE_VERDICTS}. */
export type NodeVerdict = (typeof NODE_VERDICTS)[number];

const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
/** While a pod is quarantined there, somebody waits for it. */
const LONGEST_URGENT_RETRY_MS = 300_000;
const MAX_MESSAGE = 200;
/** A UUID. */
const MAX_BOOT = 64;
/** Together they stay below the 1 MiB that a ConfigMap may hold. */
export const MAX_RECORDS = 1_000;

const time = z.iso.datetime().transform((text) => Date.parse(text));
const TroubleSchema = z.object({ at: time, failures: z.int().min(1), message: z.string() });
const RecordSchema = z.union([
  z.object({
    verdict: z.enum(['Enforced', 'Unenforced']),
    at: time,
    tookMs: z.int().min(0),
    establishedCut: z.boolean(),
    boot: z.string().max(MAX_BOOT).optional(),
    trouble: TroubleSchema.optional(),
  }),
  z.object({ verdict: z.literal('Unknown'), trouble: TroubleSchema }),
]);

/** A record as it stands in the ConfigMap. */
export function writeRecord({ proof, trouble }: NodeRecord): string {
  return JSON.stringify({
    verdict: 'Unknown',
    ...(proof && { ...proof, at: new Date(proof.at).toISOString() }),
    ...(trouble && {
      trouble: {
        at: new Date(trouble.at).toISOString(),
        failures: trouble.failures,
        message: plainText(trouble.message, MAX_MESSAGE),
      },
    }),
  });
}

/** Reads the data of the ConfigMap. What people wrote there, or another version, and cannot be read is passed over. */
export function readRecords(data: unknown): Map<string, NodeRecord> {
  const entries = Object.entries((data ?? {}) as Record<string, unknown>).slice(0, MAX_RECORDS);
  return new Map(
    entries.flatMap(([node, text]) => {
      const record = readRecord(text);
      return record ? [[node, record] as const] : [];
    }),
  );
}

function readRecord(text: unknown): NodeRecord | undefined {
  try {
    const parsed = RecordSchema.safeParse(JSON.parse(String(text)));
    if (!parsed.success) return undefined;
    const { trouble, ...rest } = parsed.data;
    return { ...(rest.verdict !== 'Unknown' && { proof: rest }), ...(trouble && { trouble }) };
  } catch {
    return undefined;
  }
}

/** The record after a test. One that told nothing leaves what an earlier one showed. */
export function afterTest(
  before: NodeRecord | undefined,
  result: NodeEnforcement | { verdict: 'Unknown'; at: number; message: string },
): NodeRecord {
  if (result.verdict !== 'Unknown') {
    const { verdict, at, tookMs, establishedCut, boot } = result;
    return { proof: { verdict, at, tookMs, establishedCut, ...(boot !== undefined && { boot }) } };
  }
  const failures = (before?.trouble?.failures ?? 0) + 1;
  return { ...before, trouble: { at: result.at, failures, message: result.message } };
}

/** What may be said of a node now. */
export function verdictOf(record: NodeRecord | undefined, now: number): NodeVerdict {
  return record?.proof && isFresh(record.proof, now) ? record.proof.verdict : 'Unknown';
}

/**
 * Milliseconds until a node is to be tested; 0: now.
 * @param urgent a pod is quarantined there.
 */
export function testDueIn(record: NodeRecord | undefined, now: number, urgent: boolean): number {
  const { proof, trouble } = record ?? {};
  const isPast = ({ at }: { at: number }) => at <= now + MAX_AHEAD_MS;
  const at = Math.max(
    proof && isPast(proof) ? proof.at + NODE_TEST_VALID_MS / 2 : now,
    trouble && isPast(trouble) ? retryAt(trouble, urgent) : now,
  );
  return Math.max(0, at - now);
}

/** Whether nothing speaks for keeping the record of a node on which no pod is seen: a node may be away for a while. */
export function isForgotten(record: NodeRecord, now: number): boolean {
  const last = Math.max(record.proof?.at ?? 0, record.trouble?.at ?? 0);
  return now - last >= NODE_TEST_VALID_MS;
}

function retryAt({ at, failures }: Trouble, urgent: boolean): number {
  const longest = urgent ? LONGEST_URGENT_RETRY_MS : LONGEST_RETRY_MS;
  return at + Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}
