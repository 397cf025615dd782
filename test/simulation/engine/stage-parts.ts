// What a stage keeps of alerts, and what it makes of the policies of its stories.
import type { AlertAnswer } from './replica.ts';

/** An alert that somebody sent, and what became of it. */
export interface SentAlert {
  rule: string;
  /** Of the detection that the operator makes of it. */
  id: string;
  /** UID of the pod that it is about; undefined if it names none that there is. */
  pod: string | undefined;
  severity: string;
  /** When it was first sent, in milliseconds after the start. */
  at: number;
  /** Which receivers answered what, in order. */
  answers: { replica: string; life: number; at: number; answer: AlertAnswer }[];
  /** Nothing must come of it: no credential, or too old. */
  harmless: boolean;
  /** Its rule was told before: it may be counted only. */
  repeat: boolean;
}

/** Settings of a policy; time is free here, so a replacement has to be quiet. */
export function watched(spec: { eviction?: { replacement?: object } }): object {
  const { eviction } = spec;
  return { ...spec, eviction: { ...eviction, replacement: { quietFor: '20s', ...eviction?.replacement } } };
}
