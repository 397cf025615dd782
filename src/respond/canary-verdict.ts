// What two canaries that were connected say about the network, after one of them got the quarantine label.
import type { CanaryReport } from '../helpers/canary-report.ts';

/** The `subject` gets the label, the `peer` does not. */
export const SIDES = ['subject', 'peer'] as const;
/** See {@link SIDES}. */
export type Side = (typeof SIDES)[number];

/** What a side said last, and when that was read, in milliseconds since the label was there. */
export interface Reading {
  report: CanaryReport | undefined;
  readAt: number;
}
/** What both said. */
export type Readings = Readonly<Record<Side, Reading>>;

/** What is said of a network that does what policies say. */
export interface Cut {
  /** Upper bound of the time from the answer to the patch to the last connection that worked, in milliseconds. */
  tookMs: number;
  /** A connection that was open before was cut as well, from both sides. */
  establishedCut: boolean;
}

/** Direction of new connections that a side tries, as the pod with the label sees it. */
const WAYS: Readonly<Record<Side, string>> = {
  subject: 'from the pod with the quarantine label',
  peer: 'to the pod with the quarantine label',
};

/** What there is once no new connection works in either direction; undefined before. */
export function cutOf(readings: Readings): Cut | undefined {
  const cuts = SIDES.map((side) => {
    const { report, readAt } = readings[side];
    return report?.state === 'Cut' ? { ...report, lastSuccess: readAt - report.lastSuccessAgoMs } : undefined;
  });
  if (!cuts.every((cut) => cut !== undefined)) return undefined;
  return {
    tookMs: Math.max(0, ...cuts.map(({ lastSuccess }) => Math.round(lastSuccess))),
    establishedCut: cuts.every(({ established }) => established === 'Cut'),
  };
}

/** In which directions new connections still work; undefined if that is not known of one, or they work in none. */
export function openWaysOf(readings: Readings): string | undefined {
  const states = SIDES.map((side) => readings[side].report?.state);
  if (states.some((state) => state !== 'Connected' && state !== 'Cut')) return undefined;
  const open = SIDES.filter((side) => readings[side].report?.state === 'Connected');
  return open.length === 0 ? undefined : open.map((side) => WAYS[side]).join(' and ');
}
