// Which policies answer a detection in a pod, and with what.
import type { Detection } from '../api/detection.ts';
import { MAX_CONTRIBUTIONS, type Contribution, type ResponseSettings } from '../api/incident.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';
import { severityRank } from '../api/severity.ts';
import { conditionInput, type ConditionInput } from './cel/input.ts';
import { breakGlass, capOf, capped, exceptionMiss, strictest, type AppliedCap } from './exceptions.ts';
import { byPolicy, inSystemOrder, mergeSettings } from './merge.ts';
import type { CompiledPolicy, CompiledRung } from './policies.ts';
import type { Rulebook } from './rulebook.ts';

/** A detection, and what it is about. */
export interface Sighting {
  detection: Detection;
  /** For a pod that an incident already changed with the labels of its record: isolation takes away what selectors look at. */
  pod: PodFacts;
  /** Absent: it is not known which container of the pod it is. */
  container?: ContainerFacts | undefined;
  /** Milliseconds since the epoch: exceptions end. */
  at: number;
}

/** What the matching policies ask for. */
export interface Match {
  /** Sorted by policy; at most {@link MAX_CONTRIBUTIONS}, those in Enforce kept first. */
  contributions: Contribution[];
  /** Merged over every policy that contributes, also one beyond the cap or in Audit: care is never left out. */
  settings: ResponseSettings;
}

/** A match, or none; and how many conditions could not be evaluated, which counts as no match. */
export type Verdict = { match?: Match; conditionErrors: number };

/** Why a rung does not answer a detection. */
export type RungMiss = 'Severity' | 'Source' | 'Rule' | 'Tag' | 'Condition' | 'ConditionError';

/**
 * Matches a detection in a pod against the policies in force in its namespace.
 */
export function matchPolicies(rulebook: Rulebook, sighting: Sighting): Verdict {
  const { pod } = sighting;
  const input = onceOnly(() => conditionInput(sighting.detection, pod, sighting.container));
  const granted = breakGlass(pod, rulebook.powers.breakGlassMs, sighting.at);
  const glass = typeof granted === 'string' ? [] : [granted];
  let conditionErrors = 0;
  const answered = rulebook.candidates(pod).flatMap((policy) => {
    const answer = answerOf(policy, sighting, input, glass);
    conditionErrors += answer.conditionErrors;
    return answer.contribution.rungs.length > 0
      ? [{ settings: policy.settings, contribution: answer.contribution }]
      : [];
  });
  if (answered.length === 0) return { conditionErrors };
  const match = {
    contributions: kept(answered.map(({ contribution }) => contribution)),
    settings: mergeSettings(answered.map(({ settings }) => settings)),
  };
  return { match, conditionErrors };
}

/** Why a rung does not answer; undefined: it does. */
export function rungMiss(
  rung: CompiledRung,
  { summary, tags }: Detection,
  input: () => ConditionInput,
): RungMiss | undefined {
  if (severityRank(summary.severity) < severityRank(rung.minSeverity)) return 'Severity';
  if (rung.sources && !rung.sources.includes(summary.source)) return 'Source';
  if (!rung.matchesRule(summary.rule)) return 'Rule';
  if (!rung.matchesTags(tags)) return 'Tag';
  const verdict = rung.condition?.evaluate(input()) ?? 'True';
  if (verdict === 'Error') return 'ConditionError';
  return verdict === 'True' ? undefined : 'Condition';
}

function answerOf(
  policy: CompiledPolicy,
  { detection, container, at }: Sighting,
  input: () => ConditionInput,
  glass: readonly AppliedCap[],
): { contribution: Contribution; conditionErrors: number } {
  const rungs = policy.rungs.map((rung) => ({ rung, miss: rungMiss(rung, detection, input) }));
  const met = rungs.flatMap(({ rung, miss }) => (miss === undefined ? [rung] : []));
  // An exception is asked only where there is something to cap.
  const exceptions =
    met.length === 0
      ? []
      : policy.exceptions.map((exception) => ({
          exception,
          miss: exceptionMiss(exception, container, input, at),
        }));
  const caps = exceptions.flatMap(({ exception, miss }) => (miss === undefined ? [capOf(exception)] : []));
  const cap = strictest([...caps, ...glass]);
  const { kind, name, uid, generation, mode } = policy;
  const actions = capped(inSystemOrder(met.flatMap((rung) => rung.actions)), cap);
  const rungNames = met.map((rung) => rung.name);
  return {
    contribution: { kind, name, uid, generation, mode, rungs: rungNames, actions, ...(cap && { cap }) },
    conditionErrors: [...rungs, ...exceptions].filter(({ miss }) => miss === 'ConditionError').length,
  };
}

function kept(contributions: readonly Contribution[]): Contribution[] {
  const sorted = contributions.toSorted(byPolicy);
  const enforcing = sorted.filter(({ mode }) => mode === 'Enforce');
  const auditing = sorted.filter(({ mode }) => mode === 'Audit');
  return [...enforcing, ...auditing].slice(0, MAX_CONTRIBUTIONS).toSorted(byPolicy);
}

function onceOnly<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
