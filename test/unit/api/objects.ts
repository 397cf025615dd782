// Valid objects of our kinds, to be made wrong.
import type { ProblemReason } from '../../../src/api/problems.ts';

/** Fields of an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A rung with one action. */
export const rung = { name: 'note', actions: ['Label'] };

/** A policy with these fields in its spec; valid without any. */
export function policy(spec: Fields = {}): Fields {
  return {
    apiVersion: 'die-operator.dev/v1alpha1',
    kind: 'DriftPolicy',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { responses: [rung], ...spec },
  };
}

/** A detection as an incident records it. */
export const detection = {
  id: 'a'.repeat(32),
  source: 'Falco',
  rule: 'Drop and execute new binary in container',
  severity: 'Critical',
  time: '2026-11-22T08:30:00.123456789Z',
  receivedAt: '2026-11-22T08:30:00.130Z',
};

/** The pod as an incident records it. */
export const target = {
  namespace: 'shop',
  name: 'web-7d4b9c6f5d-x2x8k',
  uid: '0f9b0b8e-3f0a-4d8e-9a41-2f6f0c1f8f11',
  labels: { app: 'web' },
  containers: [{ name: 'web', image: 'registry.example/shop/web:1' }],
};

const contribution = {
  name: 'web',
  uid: 'c2b9a6de-91b1-4c5a-a7a5-5b2a0a8f3c11',
  generation: 1,
  mode: 'Enforce',
  rungs: ['contain'],
  actions: ['Label', 'Isolate'],
};

/** Why an incident was opened. */
export const trigger = {
  detection,
  severity: 'Critical',
  policies: [contribution],
  response: { eviction: {}, limits: {} },
};

/** An incident with these fields in its spec, and this status; valid without any. */
export function incident(spec: Fields = {}, status?: Fields): Fields {
  return {
    apiVersion: 'die-operator.dev/v1alpha1',
    kind: 'DriftIncident',
    metadata: { name: 'web-7d4b9c6f5d-x2x8k-0a1b2c3d4e-1', namespace: 'shop' },
    spec: { target, trigger, ...spec },
    ...(status && { status }),
  };
}

/** An object, the one field that is wrong, the reason, and what the message has to say for a person to correct it. */
export type BadObject = readonly [
  what: string,
  object: Fields,
  field: string,
  reason: ProblemReason,
  message: string,
];

/** A map with that many entries. */
export const many = (count: number): Fields =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, '']));
