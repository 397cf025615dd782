// A Lease (coordination.k8s.io/v1) as an election reads and writes it. What cannot be made sense of counts as not there.
import { z } from 'zod';
import type { KubeObject } from '../api/meta.ts';
import type { JsonPatchOp } from '../kube/client.ts';
import { add, test } from '../kube/json-patch.ts';
import { apiVersionOf, LEASES } from '../kube/resources.ts';

/** What a Lease says. */
export interface LeaseRecord {
  uid: string;
  resourceVersion: string;
  /** Identity of the leader; empty if there is none. */
  holder: string;
  /** Milliseconds for which others must see it unchanged before they may take it; 0 if it does not say. */
  durationMs: number;
  /** Its last holder gave it back: nobody acts in its name any more. */
  released: boolean;
  /** How often the holder changed. */
  transitions: number;
  /** When the holder took it, as it is written there. */
  acquireTime: string | undefined;
}

// What client-go writes with an empty holder when it gives a Lease back, so that nobody waits. A Lease that people
// emptied has kept its duration: whoever led by it does not know yet.
const RELEASED_SECONDS = 1;
/** Of an int32, less one to count on from. */
const MAX_TRANSITIONS = 2 ** 31 - 2;

const SpecSchema = z
  .object({
    holderIdentity: z.string().catch(''),
    leaseDurationSeconds: z.int().positive().catch(0),
    leaseTransitions: z.int().min(0).max(MAX_TRANSITIONS).catch(0),
    acquireTime: z.iso.datetime({ precision: 6 }).optional().catch(undefined),
  })
  .catch({ holderIdentity: '', leaseDurationSeconds: 0, leaseTransitions: 0 });

/** Reads a Lease. Never throws. */
export function readRecord({ metadata, spec }: KubeObject): LeaseRecord {
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = SpecSchema.parse(spec);
  return {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    holder: holderIdentity,
    durationMs: leaseDurationSeconds * 1000,
    released: holderIdentity === '' && leaseDurationSeconds === RELEASED_SECONDS,
    transitions: leaseTransitions,
    acquireTime,
  };
}

/**
 * Whether nobody wrote to the Lease between the two. Its version tells, since its content may come back: people write
 * the same thing twice. An edit of its labels thus costs a wait; they are not edited every few seconds.
 */
export function isUnchanged(before: LeaseRecord, now: LeaseRecord): boolean {
  return before.uid === now.uid && before.resourceVersion === now.resourceVersion;
}

/** A Lease that nobody holds, and that others do not take for one that was given back. */
export function emptyLease(at: { namespace: string; name: string }, leaseMs: number): object {
  const spec = { leaseDurationSeconds: seconds(leaseMs) };
  return { apiVersion: apiVersionOf(LEASES), kind: LEASES.kind, metadata: at, spec };
}

/** Who writes, and when: `now` in ms since the epoch, and how many times this process wrote before. */
export interface Writing {
  identity: string;
  leaseMs: number;
  now: number;
  count: number;
}

/** The patch that takes or renews the Lease, if it is still as it was read. */
export function holdPatch(record: LeaseRecord, { identity, leaseMs, now, count }: Writing): JsonPatchOp[] {
  const time = microTime(now, count);
  const isOurs = record.holder === identity;
  return replaceSpec(record, {
    holderIdentity: identity,
    leaseDurationSeconds: seconds(leaseMs),
    acquireTime: (isOurs ? record.acquireTime : undefined) ?? time,
    renewTime: time,
    leaseTransitions: record.transitions + (isOurs ? 0 : 1),
  });
}

/** The patch that gives the Lease back, if it is still as it was read. */
export function releasePatch(record: LeaseRecord, { now, count }: Writing): JsonPatchOp[] {
  const time = microTime(now, count);
  return replaceSpec(record, {
    holderIdentity: '',
    leaseDurationSeconds: RELEASED_SECONDS,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: record.transitions,
  });
}

function replaceSpec({ uid, resourceVersion }: LeaseRecord, spec: object): JsonPatchOp[] {
  return [test('/metadata/uid', uid), test('/metadata/resourceVersion', resourceVersion), add('/spec', spec)];
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

/**
 * `metav1.MicroTime`. The microseconds, which our clock does not have, count the writes: so no two in a row are the same,
 * whatever the clock does. One that changed nothing would give the Lease no new version, and others would not see it.
 */
function microTime(ms: number, count: number): string {
  const micros = String(count % 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${micros}Z`);
}
