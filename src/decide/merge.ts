// One response out of several policies and several detections: actions add up, of each setting the most careful wins.
import { execKey, MAX_EXEC } from '../api/exec-command.ts';
import {
  MAX_CONTRIBUTIONS,
  type Contribution,
  type DriftIncident,
  type ResponseSettings,
} from '../api/incident.ts';
import {
  ACTIONS,
  APPROVAL_CASES,
  CAPS,
  COLLECTORS,
  type Action,
  type Eviction,
  type Limits,
} from '../api/policy.ts';
import { maxSeverity, type Severity } from '../api/severity.ts';
import { recordedDuration } from './duration.ts';
import { contributionKey, type Standing } from './standing.ts';
import { byCodeUnit } from './order.ts';
import { recordedBytes } from './quantity.ts';

/** Everything that was asked for in one incident: by its trigger and by the escalations reported since. */
export interface MergedResponse {
  contributions: Contribution[];
  settings: ResponseSettings;
  /** The highest seen. */
  severity: Severity;
}

/** Actions by what becomes of them; both in the order of the system, none in both. */
export interface EffectiveActions {
  /** To be done. */
  enforce: Action[];
  /** To be recorded only. */
  audit: Action[];
  /** To be done besides once the drift is confirmed; absent: nothing. */
  ifConfirmed?: Action[];
}

/** Each action once, in the order in which the system does them. */
export function inSystemOrder(actions: Iterable<Action>): Action[] {
  const wanted = new Set(actions);
  return ACTIONS.filter((action) => wanted.has(action));
}

/** Sorts contributions by policy name; then by what tells two apart, so that the order is always the same. */
export function byPolicy(a: Contribution, b: Contribution): number {
  return (
    byCodeUnit(a.kind, b.kind) ||
    byCodeUnit(a.name, b.name) ||
    byCodeUnit(a.uid, b.uid) ||
    a.generation - b.generation ||
    byCodeUnit(a.mode, b.mode) ||
    Number(a.confirmed ?? false) - Number(b.confirmed ?? false) ||
    Number(a.weak ?? false) - Number(b.weak ?? false)
  );
}

/**
 * Merges settings: the smallest limits, the longest waits, the stronger proof, what keeps the pod. Order and repetition change nothing.
 * @throws RangeError if there are none.
 */
export function mergeSettings(all: readonly ResponseSettings[]): ResponseSettings {
  const [first] = all;
  if (!first) throw new RangeError('no settings to merge: a response has at least one policy');
  // The first with itself, too: of a list the order says nothing, and is always the same.
  return all.reduce(moreCareful, first);
}

/** Bytes of JSON that the contributions of one record may have: an incident stays small whatever tenants write. */
const MAX_CONTRIBUTION_BYTES = 12_288;

/**
 * What a record has room for, sorted by policy: those in Enforce before those in Audit, those of the cluster before those
 * of a namespace. So nothing that is done is pushed out by what is only recorded, nor by many policies of a tenant.
 */
export function keptContributions(contributions: readonly Contribution[]): Contribution[] {
  const rank = ({ mode, kind }: Contribution) =>
    (mode === 'Enforce' ? 0 : 2) + (kind === 'ClusterDriftPolicy' ? 0 : 1);
  let room = MAX_CONTRIBUTION_BYTES;
  return unite(contributions)
    .toSorted((a, b) => rank(a) - rank(b))
    .filter((contribution) => (room -= Buffer.byteLength(JSON.stringify(contribution))) >= 0)
    .slice(0, MAX_CONTRIBUTIONS)
    .toSorted(byPolicy);
}

/** Settings, and what was asked for under them. */
export interface AskedUnder {
  contributions: readonly Pick<Contribution, 'mode' | 'weak'>[];
  settings: ResponseSettings;
}

/**
 * The settings of a response, merged. Where something is done, what was only to be recorded has no say in how: else a
 * tenant's policy in Audit could slow down what the cluster does. Nor has what a detection asks for that only names the pod,
 * where a sure one asks as well: nobody was asked about its collectors, commands and firewall.
 * @throws RangeError if there are none.
 */
export function settingsOf(all: readonly AskedUnder[]): ResponseSettings {
  const enforced = all.filter(({ contributions }) => contributions.some(({ mode }) => mode === 'Enforce'));
  const sure = enforced.filter(({ contributions }) =>
    contributions.some((one) => one.mode === 'Enforce' && one.weak !== true),
  );
  const [counting = all] = [sure, enforced].filter((some) => some.length > 0);
  return mergeSettings(counting.map(({ settings }) => settings));
}

/**
 * What the trigger asked for, marked where its detection only names the pod: a CustomResourceDefinition that is older than the
 * program drops the mark.
 */
export function triggerPolicies({ spec: { trigger } }: Pick<DriftIncident, 'spec'>): Contribution[] {
  if (trigger.detection.confidence !== 'Low') return [...trigger.policies];
  return trigger.policies.map((one) => ({ ...one, weak: true }));
}

/**
 * The response of an incident. An escalation adds to what the trigger asked for; it never changes the mode of an
 * earlier entry, since contributions of another mode or generation of the same policy are entries of their own.
 */
export function responseOf(incident: DriftIncident): MergedResponse {
  const { trigger } = incident.spec;
  const reports = Object.values(incident.status?.reports ?? {});
  const triggered = triggerPolicies(incident);
  const asked = [...triggered, ...reports.flatMap(({ policies }) => policies ?? [])];
  const told = [
    { contributions: triggered, settings: trigger.response },
    ...reports.flatMap(({ policies = [], response }) =>
      response ? [{ contributions: policies, settings: response }] : [],
    ),
  ];
  return {
    contributions: unite(asked),
    settings: settingsOf(told),
    severity: reports.map(({ highestSeverity }) => highestSeverity).reduce(maxSeverity, trigger.severity),
  };
}

/**
 * Splits actions into those to do and those to record. An action is done only if a policy asked for it in Enforce and
 * that policy, by UID, still wants it: a later change can stop a response, never start one. What a rung asks for only if
 * the drift is confirmed is done once it is.
 */
export function effectiveActions(
  contributions: readonly Contribution[],
  standing: Standing,
  isConfirmed = false,
): EffectiveActions {
  const standingActions = (some: readonly Contribution[]) =>
    inSystemOrder(
      some.flatMap((asked) => {
        const wanted = standing.get(contributionKey(asked)) ?? [];
        return asked.mode === 'Enforce' ? asked.actions.filter((action) => wanted.includes(action)) : [];
      }),
    );
  const counts = ({ confirmed = false }: Contribution) => !confirmed || isConfirmed;
  const enforce = standingActions(contributions.filter(counts));
  const later = standingActions(contributions).filter((action) => !enforce.includes(action));
  const all = inSystemOrder(contributions.flatMap(({ actions }) => actions));
  const audit = all.filter((action) => !enforce.includes(action) && !later.includes(action));
  return { enforce, audit, ...(later.length > 0 && { ifConfirmed: later }) };
}

/** {@link effectiveActions} of an incident. */
export function actionsOf(incident: DriftIncident, standing: Standing): EffectiveActions {
  const isConfirmed = incident.status?.confirmation?.state === 'Confirmed';
  return effectiveActions(responseOf(incident).contributions, standing, isConfirmed);
}

function unite(contributions: readonly Contribution[]): Contribution[] {
  const entries = Map.groupBy(contributions, contributionKey);
  return [...entries.values()]
    .flatMap(([first, ...others]) => {
      if (!first) return [];
      if (others.length === 0) return [first];
      const all = [first, ...others];
      // Sorted, as the order in which receivers reported says nothing.
      const rungs = [...new Set(all.flatMap((entry) => entry.rungs))].toSorted(byCodeUnit);
      const { cap: _cap, ...entry } = first;
      const cap = loosest(all);
      return [
        {
          ...entry,
          rungs,
          actions: inSystemOrder(all.flatMap(({ actions }) => actions)),
          ...(cap && { cap }),
        },
      ];
    })
    .toSorted(byPolicy);
}

// What was capped once and not another time is not capped.
function loosest(all: readonly Contribution[]): Contribution['cap'] {
  const caps = all.flatMap(({ cap }) => cap ?? []);
  if (caps.length < all.length) return undefined;
  return caps.toSorted((a, b) => CAPS.indexOf(b.maxAction) - CAPS.indexOf(a.maxAction))[0];
}

function moreCareful(a: ResponseSettings, b: ResponseSettings): ResponseSettings {
  return {
    isolation: {
      cut: either(a.isolation.cut, b.isolation.cut, 'PodFirewall'),
      ttl: longer(a.isolation.ttl, b.isolation.ttl),
      onExpiry: either(a.isolation.onExpiry, b.isolation.onExpiry, 'Notify'),
      onDrain: either(a.isolation.onDrain, b.isolation.onDrain, 'Deny'),
    },
    evidence: {
      collectors: COLLECTORS.filter((name) =>
        [a, b].some(({ evidence }) => evidence.collectors.includes(name)),
      ),
      contents: a.evidence.contents || b.evidence.contents,
      deadline: longer(a.evidence.deadline, b.evidence.deadline),
      maxBytes: larger(a.evidence.maxBytes, b.evidence.maxBytes),
      required: a.evidence.required || b.evidence.required,
      ...commandsOf(a, b),
    },
    eviction: evictionOf(a.eviction, b.eviction),
    approval: {
      requiredFor: APPROVAL_CASES.filter((one) =>
        [a, b].some(({ approval }) => approval.requiredFor.includes(one)),
      ),
      before: either(a.approval.before, b.approval.before, 'Isolate'),
      within: longer(a.approval.within, b.approval.within),
    },
    limits: limitsOf(a.limits, b.limits),
  };
}

function evictionOf(a: Eviction, b: Eviction): Eviction {
  return {
    gracePeriodSeconds: Math.max(a.gracePeriodSeconds, b.gracePeriodSeconds),
    waitForBudget: longer(a.waitForBudget, b.waitForBudget),
    then: either(a.then, b.then, 'Hold'),
    replacement: {
      require: either(a.replacement.require, b.replacement.require, 'Pinned'),
      readyWithin: longer(a.replacement.readyWithin, b.replacement.readyWithin),
      quietFor: longer(a.replacement.quietFor, b.replacement.quietFor),
    },
  };
}

function limitsOf({ perWorkload: a, ...one }: Limits, { perWorkload: b, ...other }: Limits): Limits {
  const [space, otherSpace] = [one.perNamespace, other.perNamespace];
  return {
    perWorkload: {
      quarantined: Math.min(a.quarantined, b.quarantined),
      evicting: Math.min(a.evicting, b.evicting),
      maxUnavailable: `${Math.min(parseInt(a.maxUnavailable), parseInt(b.maxUnavailable))}%`,
      recurrences: Math.min(a.recurrences, b.recurrences),
      recurrenceWindow: longer(a.recurrenceWindow, b.recurrenceWindow),
    },
    perNamespace: {
      quarantined: Math.min(space.quarantined, otherSpace.quarantined),
      evictions: Math.min(space.evictions, otherSpace.evictions),
      window: longer(space.window, otherSpace.window),
    },
    cooldown: longer(one.cooldown, other.cooldown),
  };
}

/** Commands that settings ask for, each once, by a rule that does not depend on their order: the first ones are run. */
export function commandsAsked(settings: readonly ResponseSettings[]): Commands {
  const all = settings.flatMap(({ evidence }) => evidence.exec ?? []);
  const each = new Map(all.map((one) => [execKey(one), one]));
  return [...each].toSorted(([one], [other]) => byCodeUnit(one, other)).map(([, command]) => command);
}

type Commands = NonNullable<ResponseSettings['evidence']['exec']>;

function commandsOf(...settings: ResponseSettings[]): { exec?: Commands } {
  const exec = commandsAsked(settings).slice(0, MAX_EXEC);
  return exec.length > 0 ? { exec } : {};
}

// The careful one if any policy asks for it.
function either<T>(a: T, b: T, careful: T): T {
  return a === careful ? a : b;
}

function larger(a: string, b: string): string {
  const difference = recordedBytes(a) - recordedBytes(b) || byCodeUnit(b, a);
  return difference >= 0 ? a : b;
}

// Equal lengths in different words (60s, 1m) need a rule, too, or the order of the policies would show.
function longer(a: string, b: string): string {
  const difference = recordedDuration(a) - recordedDuration(b) || byCodeUnit(b, a);
  return difference >= 0 ? a : b;
}
