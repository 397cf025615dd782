// The ledger as its ConfigMap holds it: read, checked, written, pruned. What cannot be read is never taken for an empty one.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  ActSchema,
  MAX_ACTS,
  MAX_LEDGER_BYTES,
  MAX_OPENINGS,
  OpeningSchema,
  type Act,
  type Opening,
} from '../api/ledger.ts';
import { LEDGER_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';

/** An act with its time as milliseconds since the epoch. */
export interface SpentAct extends Omit<Act, 'at'> {
  at: number;
}

/** What the ledger says. */
export interface Book {
  /** Oldest first. */
  acts: readonly SpentAct[];
  /** Oldest first. */
  openings: readonly Opening[];
}

/** Where the ledger is, for people. */
export const LEDGER = `ConfigMap ${SYSTEM_NAMESPACE}/${LEDGER_CONFIGMAP}`;
/** What people can do about a ledger that cannot be used. */
export const LEDGER_CURE = `put it back as it was, or delete it: it is made anew from what die-operator remembers and from the incidents`;

/** Keys of the ConfigMap. */
export const ACTS_KEY = 'acts';
export const OPENINGS_KEY = 'breaker';
/** Over both, so that an edit is seen. */
export const SUM_KEY = 'sum';

const HOUR_MS = 3_600_000;
/** Longest window that a policy or a setting can ask for. */
export const LONGEST_WINDOW_MS = 168 * HOUR_MS;
/** A pod that was taken out counts no longer than its replacement may take: twice 24h. */
const ORPHANS_MS = 48 * HOUR_MS;

/** The data of the ConfigMap. */
export function writeBook({ acts, openings }: Book): Record<string, string> {
  const texts = {
    [ACTS_KEY]: JSON.stringify(
      acts.slice(-MAX_ACTS).map((act) => ({ ...act, at: new Date(act.at).toISOString() })),
    ),
    [OPENINGS_KEY]: JSON.stringify(openings.slice(-MAX_OPENINGS)),
  };
  return { ...texts, [SUM_KEY]: sumOf(texts) };
}

/**
 * Reads the data of the ConfigMap. A time that lies ahead was written by a clock that was wrong: it counts as now, so that it
 * holds no longer than others.
 * @returns the book, or why it cannot be used, for people.
 */
export function readBook(data: Readonly<Record<string, unknown>> | undefined, now: number): Book | string {
  const texts = { [ACTS_KEY]: data?.[ACTS_KEY], [OPENINGS_KEY]: data?.[OPENINGS_KEY] };
  if (typeof texts[ACTS_KEY] !== 'string') return `has no key ${ACTS_KEY}`;
  if (data?.[SUM_KEY] !== sumOf(texts)) return 'was edited: its sum is not that of what it says';
  const acts = parsed(z.array(ActSchema).max(MAX_ACTS), texts[ACTS_KEY]);
  const openings = parsed(z.array(OpeningSchema).max(MAX_OPENINGS), texts[OPENINGS_KEY]);
  if (!acts || !openings) return 'cannot be understood';
  return { acts: acts.map((act) => ({ ...act, at: Math.min(Date.parse(act.at), now) })), openings };
}

function parsed<T>(schema: z.ZodType<T>, text: unknown): T | undefined {
  try {
    return schema.safeParse(JSON.parse(String(text))).data;
  } catch {
    return undefined;
  }
}

function sumOf(texts: Readonly<Record<string, unknown>>): string {
  return createHash('sha256')
    .update(JSON.stringify([texts[ACTS_KEY], texts[OPENINGS_KEY]]))
    .digest('hex');
}

/** Without what no window reaches any more. */
export function pruned(acts: readonly SpentAct[], now: number): SpentAct[] {
  return acts.filter((act) => endOf(act) > now);
}

/** With the act, which takes the place of an earlier try; undefined if there is no room. */
export function withAct(acts: readonly SpentAct[], act: SpentAct): SpentAct[] | undefined {
  const next = [...acts.filter((other) => !isSame(other, act)), act].toSorted((a, b) => a.at - b.at);
  const isFull = next.length > MAX_ACTS || Buffer.byteLength(JSON.stringify(next)) > MAX_LEDGER_BYTES;
  return isFull ? undefined : next;
}

/** Whether there is no room for one more act, and when there will be, in milliseconds since the epoch. */
export function fullUntil(acts: readonly SpentAct[], now: number): number | undefined {
  const kept = pruned(acts, now);
  if (kept.length < MAX_ACTS && kept.length * ROOM_FOR_ONE < MAX_LEDGER_BYTES) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify(kept)) + ROOM_FOR_ONE;
  if (kept.length < MAX_ACTS && bytes <= MAX_LEDGER_BYTES) return undefined;
  return Math.min(...kept.map(endOf));
}

/** Bytes of the largest act: what stands for a character in the key of a workload may take six. */
const ROOM_FOR_ONE = 4_096;

/** Whether both are tries of the same act. */
export function isSame(a: Pick<Act, 'pod' | 'act'>, b: Pick<Act, 'pod' | 'act'>): boolean {
  return a.pod === b.pod && a.act === b.act;
}

function endOf({ act, at }: SpentAct): number {
  return at + (act === 'Orphan' ? ORPHANS_MS : LONGEST_WINDOW_MS);
}
