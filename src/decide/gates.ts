// What holds an eviction: each reason is a gate, and all are asked in one order, so that people are told the same first.
import { approval } from './approved.ts';
import { maxUnavailable } from './availability.ts';
import { timedOut } from './budget-wait.ts';
import { heldBy } from './decided.ts';
import { wait, type Decision } from './decision.ts';
import { captureAgainAt, evidenceOwed, EVIDENCE_MISSING } from './evidence.ts';
import type { Situation } from './form.ts';
import { stepOf } from './marks.ts';
import { evictable } from './owners.ts';
import { PAUSE_CHECK_MS } from './pause.ts';
import { manifestGate } from './restart.ts';
import { breakerOpen, spending } from './spending.ts';
import { due, waitFor } from './tries.ts';
import { weakIdentity } from './weak-identity.ts';

/** Asks whether the pod may be evicted now. Returns the wait that is in the way; undefined: nothing here is. */
export type Gate = (now: Situation) => Decision | undefined;

// What only a person can end comes first; what time ends comes last.
const GATES: readonly Gate[] = [
  ended,
  manifestGate,
  // Nobody is asked a hundred times in a storm: one answer to the breaker comes first.
  breakerOpen,
  approval,
  pause,
  maxUnavailable,
  spending,
  evidence,
  budget,
];

/** The first gate that is closed; undefined: the pod may be evicted. */
export function evictionHeld(now: Situation): Decision | undefined {
  for (const gate of GATES) {
    const held = gate(now);
    if (held) return held;
  }
  return undefined;
}

/**
 * Why what only weak detections ask for is not done to a pod; undefined: nothing is, or a person approved the plan. No policy
 * can take this away.
 */
export function identityHeld(now: Situation): Decision | undefined {
  const held = weakIdentity(now.incident, now.facts.standing) && approval(now);
  return held && (heldBy(now.incident) ?? breakerOpen(now) ?? held);
}

function ended({ incident, pod }: Situation): Decision | undefined {
  const by = evictable(incident.spec.target, pod);
  return by.ok ? undefined : wait('Quarantined', by.reason, by.message);
}

function pause({ facts: { paused, now } }: Situation): Decision | undefined {
  return paused === undefined ? undefined : wait('Quarantined', 'Paused', paused, now + PAUSE_CHECK_MS);
}

function evidence({ incident, facts, actions }: Situation): Decision | undefined {
  const owed = evidenceOwed(incident, actions);
  if (owed === undefined) return undefined;
  const again = captureAgainAt(incident, actions, facts.now);
  const next = again === undefined ? 'the capture is not tried again' : 'the capture is tried again';
  const message = `the pod is not evicted without its evidence, and ${owed}; ${next}: release the incident, or delete the pod without it`;
  return wait('Quarantined', EVIDENCE_MISSING, message, again);
}

function budget({ incident, facts, response }: Situation): Decision | undefined {
  const step = stepOf(incident, 'Evict');
  if (step?.state !== 'Waiting') return undefined;
  const over = timedOut(incident, response.settings.eviction);
  if (over && !over.asksAgain) return wait('Quarantined', 'EvictionTimeout', over.message);
  if (due(step, facts.now)) return undefined;
  const held = waitFor('Quarantined', step);
  return over ? { ...held, reason: 'EvictionTimeout', message: over.message } : held;
}
