// The circuit breaker: when so much drifts at once that a wrong rule is more likely than so many attacks, nothing
// destructive is done any more until it is quiet, or a person has looked.
import { BreakerDecisionSchema, MAX_OPENINGS, type BreakerDecision, type Opening } from '../api/ledger.ts';
import type { OpenBreaker } from './spending.ts';

/** What opens and closes the breaker; settings of the installation. */
export interface BreakerLimits {
  /** Distinct workloads within `windowMs`. */
  workloads: number;
  windowMs: number;
  /** Percent of the pods of one namespace within `windowMs`... */
  share: number;
  /** ...that are at least so many. */
  sharePods: number;
  /** A version of a policy that is younger than this... */
  newPolicyMs: number;
  /** ...and matched so many distinct workloads. */
  newPolicyWorkloads: number;
  /** Without an incident for this long it closes. */
  quietMs: number;
}

/** A policy that had a say in a response, in the version that had. */
export interface MarkedPolicy {
  /** For people: kind and name. */
  name: string;
  /** One for each version of each policy. */
  key: string;
  /** When that version was written, in milliseconds since the epoch; undefined: nobody knows. */
  changedAt: number | undefined;
}

/** One incident in which something would be done, or an act that tells of one that is gone. */
export interface Mark {
  /** When it was created, by the API server, in milliseconds since the epoch. */
  at: number;
  namespace: string;
  /** Key of the top-level workload. */
  workload: string;
  /** UID. */
  pod: string;
  policies: readonly MarkedPolicy[];
}

/** What the breaker looks at. */
export interface BreakerView {
  now: number;
  marks: readonly Mark[];
  /** Pods of a namespace now. */
  podsIn: (namespace: string) => number;
  limits: BreakerLimits;
}

/** How far the clocks of two leaders may be apart, in milliseconds. */
const SKEW_MS = 60_000;

/** Who closed it, if no person did. */
export const CLOSED_BY_RULE = 'die-operator';

/** The opening that is not closed. */
export function openOf(openings: readonly Opening[]): Opening | undefined {
  const last = openings.at(-1);
  return last && !last.closed ? last : undefined;
}

/**
 * The openings after a look at what happened; the same array if nothing changes. Incidents from before a closing never open
 * it again.
 * @param decision what a person last wrote.
 */
export function nextOpenings(
  openings: readonly Opening[],
  view: BreakerView,
  decision?: BreakerDecision,
): readonly Opening[] {
  const open = openOf(openings);
  if (open) return closing(openings, open, view, decision);
  const trip = tripped(openings, view);
  if (!trip) return openings;
  const opened: Opening = { openedAt: iso(view.now), ...trip };
  return [...openings, opened].slice(-MAX_OPENINGS);
}

/** How it is now, for decisions: also open if it would be opened by the next look. */
export function breakerNow(openings: readonly Opening[], view: BreakerView): OpenBreaker | undefined {
  const { limits, now } = view;
  const open = openOf(openings);
  const trip = open ?? tripped(openings, view);
  if (!trip) return undefined;
  const since = open === undefined ? '' : ` since ${open.openedAt}`;
  const message = `the circuit breaker is open${since}: ${trip.message}; nothing is evicted or taken out of its workload until there was no new incident for ${limits.quietMs / 1000} s, or: die-operator breaker close --reason TEXT`;
  return { message, until: open ? closesAt(open, view) : now + limits.quietMs };
}

/** When it closes if nothing comes, in milliseconds since the epoch. */
export function closesAt(open: Opening, { marks, limits, now }: BreakerView): number {
  const last = Math.max(told(open.openedAt, now), ...marks.map(({ at }) => at));
  return Math.min(last, now) + limits.quietMs;
}

// What lies far ahead was written by a clock that was wrong, and says nothing: it must neither keep the breaker open until
// then, nor hide all that comes before then from it.
function told(time: string | undefined, now: number): number {
  const at = Date.parse(time ?? '');
  return at <= now + SKEW_MS ? at : -Infinity;
}

function closing(
  openings: readonly Opening[],
  open: Opening,
  view: BreakerView,
  decision: BreakerDecision | undefined,
): readonly Opening[] {
  const close = (by: string, reason: string) => [
    ...openings.slice(0, -1),
    { ...open, closed: { at: iso(view.now), by, reason } },
  ];
  if (decision && Date.parse(decision.opened) === Date.parse(open.openedAt))
    return close(decision.by, decision.reason);
  if (closesAt(open, view) > view.now) return openings;
  return close(CLOSED_BY_RULE, `no new incident for ${view.limits.quietMs / 1000} s`);
}

type Trip = Pick<Opening, 'reason' | 'message'>;

function tripped(openings: readonly Opening[], view: BreakerView): Trip | undefined {
  const closedAt = told(openings.at(-1)?.closed?.at, view.now);
  const { windowMs } = view.limits;
  const since = Math.max(closedAt, view.now - windowMs);
  const fresh = view.marks.filter(({ at }) => at > closedAt);
  const recent = fresh.filter(({ at }) => at > since);
  return byWorkloads(recent, view) ?? byNamespace(recent, view) ?? byNewPolicy(fresh, view);
}

function byWorkloads(marks: readonly Mark[], { limits }: BreakerView): Trip | undefined {
  const count = workloadsOf(marks);
  if (count < limits.workloads) return undefined;
  const message = `${count} workloads drifted within ${limits.windowMs / 1000} s, and --breaker-workloads is ${limits.workloads}`;
  return { reason: 'Workloads', message };
}

function byNamespace(marks: readonly Mark[], { limits, podsIn }: BreakerView): Trip | undefined {
  for (const [namespace, inside] of Map.groupBy(marks, (mark) => mark.namespace)) {
    const pods = new Set(inside.map(({ pod }) => pod)).size;
    const all = Math.max(pods, podsIn(namespace));
    if (pods < limits.sharePods || pods * 100 < all * limits.share) continue;
    const message = `${pods} of ${all} pods of namespace ${namespace} drifted within ${limits.windowMs / 1000} s, and --breaker-share is ${limits.share}`;
    return { reason: 'Namespace', message };
  }
  return undefined;
}

function byNewPolicy(marks: readonly Mark[], { limits, now }: BreakerView): Trip | undefined {
  const versions = Map.groupBy(
    marks.flatMap((mark) => mark.policies.map((policy) => ({ ...mark, policy }))),
    ({ policy }) => policy.key,
  );
  for (const matched of versions.values()) {
    const [first] = matched;
    if (!first) continue;
    // Of a version of which nobody knows since when it is there, its first match tells.
    const changedAt = first.policy.changedAt ?? Math.min(...matched.map(({ at }) => at));
    const count = workloadsOf(matched.filter(({ at }) => at < changedAt + limits.newPolicyMs));
    if (now >= changedAt + limits.newPolicyMs || count < limits.newPolicyWorkloads) continue;
    const message = `${first.policy.name} was changed at ${iso(changedAt)} and matched ${count} workloads since, and --breaker-new-policy-workloads is ${limits.newPolicyWorkloads}`;
    return { reason: 'NewPolicy', message };
  }
  return undefined;
}

function workloadsOf(marks: readonly Mark[]): number {
  return new Set(marks.map(({ workload }) => workload)).size;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

/** The decision as the switch holds it. */
export function writeDecision({ by, reason, opened }: BreakerDecision): string {
  return JSON.stringify({ by, reason, opened });
}

/**
 * Reads what the switch holds. Only the one form that `writeDecision` gives counts: admission looks at who wrote it, and must
 * not be told another name than this.
 */
export function readDecision(text: string): BreakerDecision | undefined {
  try {
    const parsed = BreakerDecisionSchema.safeParse(JSON.parse(text));
    return parsed.success && writeDecision(parsed.data) === text ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
