// Exceptions of a policy and the break-glass annotation of a pod: what caps the actions of a response, and until when.
import type { Contribution } from '../api/incident.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';
import { ACTIONS, CAPS, type Action, type Cap, type Exception } from '../api/policy.ts';
import type { Ask } from './cel/budget.ts';
import { compileCondition, type Condition } from './cel/condition.ts';
import { imageMatcher, type NamedImage } from './image-patterns.ts';
import { byCodeUnit } from './order.ts';

/** An exception, ready to be matched. */
export interface CompiledException {
  name: string;
  reason: string;
  maxAction: Cap;
  expires: string;
  matchesImage: (image: NamedImage) => boolean;
  condition?: Condition;
}

/** Why an exception does not apply; undefined: it does. */
export type ExceptionMiss = 'Expired' | 'Image' | 'Container' | 'Condition' | 'ConditionError';

/** See {@link Contribution.cap}. */
export type AppliedCap = NonNullable<Contribution['cap']>;

/** Compiles a valid exception. */
export function compileException({ image, condition, ...rest }: Exception): CompiledException {
  const compiled = condition === undefined ? undefined : compileCondition(condition);
  return {
    ...rest,
    matchesImage: imageMatcher([image]),
    ...(compiled?.ok && { condition: compiled.condition }),
  };
}

/**
 * Why an exception does not apply to a detection at that time. Without a known container it never does: which image drifted
 * is not known then.
 * @param at milliseconds since the epoch.
 */
export function exceptionMiss(
  exception: CompiledException,
  container: ContainerFacts | undefined,
  ask: Ask,
  at: number,
): ExceptionMiss | undefined {
  if (!(at < Date.parse(exception.expires))) return 'Expired';
  if (!container) return 'Container';
  if (!exception.matchesImage(container)) return 'Image';
  const verdict = exception.condition ? ask(exception.condition) : 'True';
  if (verdict === 'Error') return 'ConditionError';
  return verdict === 'True' ? undefined : 'Condition';
}

/** The cap of an exception that applies. */
export function capOf({ name, reason, maxAction, expires }: CompiledException): AppliedCap {
  return { by: 'Exception', name, maxAction, reason, until: expires };
}

/** Why the break-glass annotation of a pod is not honoured. */
export type BreakGlassMiss = 'Absent' | 'NotGranted' | 'NoTime' | 'Ended' | 'TooLong';

/**
 * What a pod's break-glass annotation gives.
 * @param grantedMs longest time that is granted, in milliseconds; undefined: none.
 * @param at milliseconds since the epoch.
 */
export function breakGlass(
  pod: Pick<PodFacts, 'breakGlassUntil'>,
  grantedMs: number | undefined,
  at: number,
): AppliedCap | BreakGlassMiss {
  if (pod.breakGlassUntil === undefined) return 'Absent';
  if (grantedMs === undefined) return 'NotGranted';
  const until = TIME.test(pod.breakGlassUntil) ? Date.parse(pod.breakGlassUntil) : Number.NaN;
  if (Number.isNaN(until)) return 'NoTime';
  if (until <= at) return 'Ended';
  if (until > at + grantedMs) return 'TooLong';
  const reason = 'the pod carries the break-glass annotation, and a ClusterDriftPolicy grants it';
  return { by: 'BreakGlass', maxAction: 'Label', reason, until: new Date(until).toISOString() };
}

// As in the record: RFC 3339 with a zone.
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Of several caps the one that leaves the least; of equals the first by name, so that their order says nothing. */
export function strictest(caps: readonly AppliedCap[]): AppliedCap | undefined {
  return caps.toSorted(
    (a, b) =>
      CAPS.indexOf(a.maxAction) - CAPS.indexOf(b.maxAction) ||
      byCodeUnit(a.by, b.by) ||
      byCodeUnit(a.name ?? '', b.name ?? ''),
  )[0];
}

/** The actions that a cap leaves. */
export function capped(actions: readonly Action[], cap: AppliedCap | undefined): Action[] {
  if (cap === undefined) return [...actions];
  // CAPS is None and then ACTIONS in their order.
  return actions.filter((action) => ACTIONS.indexOf(action) < CAPS.indexOf(cap.maxAction));
}
