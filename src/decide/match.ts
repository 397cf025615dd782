// Which policies answer a detection in a pod, and with what.
import type { Detection } from '../api/detection.ts';
import type { Contribution, ResponseSettings } from '../api/incident.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';
import type { PolicyKind } from '../api/policy.ts';
import { severityRank } from '../api/severity.ts';
import { askingWithin, MAX_DETECTION_COST, type Ask } from './cel/budget.ts';
import { conditionInput } from './cel/input.ts';
import { breakGlass, capOf, capped, exceptionMiss, strictest, type AppliedCap } from './exceptions.ts';
import { inSystemOrder, keptContributions, settingsOf } from './merge.ts';
import { byCodeUnit } from './order.ts';
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
  /** Sorted by policy; see `keptContributions`. */
  contributions: Contribution[];
  /** Merged over every policy that contributes, also one that is not kept; see `settingsOf`. */
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
  // What tenants write uses up nothing of what the cluster needs.
  const asks: Readonly<Record<PolicyKind, Ask>> = {
    ClusterDriftPolicy: askingWithin(MAX_DETECTION_COST, input),
    DriftPolicy: askingWithin(MAX_DETECTION_COST, input),
  };
  const answers = rulebook
    .candidates(pod)
    .toSorted(byName)
    .map((policy) => ({ policy, ...answerOf(policy, sighting, asks[policy.kind], glass) }));
  const conditionErrors = answers.reduce((sum, answer) => sum + answer.conditionErrors, 0);
  const answered = answers.filter(({ contributions }) => contributions.length > 0);
  if (answered.length === 0) return { conditionErrors };
  const match = {
    contributions: keptContributions(answered.flatMap(({ contributions }) => contributions)),
    settings: settingsOf(
      answered.map(({ policy, contributions }) => ({ settings: policy.settings, contributions })),
    ),
  };
  return { match, conditionErrors };
}

// Which conditions are within the budget must not hang on the order in which policies were made.
function byName(a: CompiledPolicy, b: CompiledPolicy): number {
  return byCodeUnit(a.name, b.name);
}

/** Why a rung does not answer; undefined: it does. */
export function rungMiss(rung: CompiledRung, { summary, tags }: Detection, ask: Ask): RungMiss | undefined {
  if (severityRank(summary.severity) < severityRank(rung.minSeverity)) return 'Severity';
  if (rung.sources && !rung.sources.includes(summary.source)) return 'Source';
  if (!rung.matchesRule(summary.rule)) return 'Rule';
  if (!rung.matchesTags(tags)) return 'Tag';
  const verdict = rung.condition ? ask(rung.condition) : 'True';
  if (verdict === 'Error') return 'ConditionError';
  return verdict === 'True' ? undefined : 'Condition';
}

function answerOf(
  policy: CompiledPolicy,
  { detection, container, at }: Sighting,
  ask: Ask,
  glass: readonly AppliedCap[],
): { contributions: Contribution[]; conditionErrors: number } {
  const rungs = policy.rungs.map((rung) => ({ rung, miss: rungMiss(rung, detection, ask) }));
  const met = rungs.flatMap(({ rung, miss }) => (miss === undefined ? [rung] : []));
  // An exception is asked only where there is something to cap.
  const exceptions =
    met.length === 0
      ? []
      : policy.exceptions.map((exception) => ({
          exception,
          miss: exceptionMiss(exception, container, ask, at),
        }));
  const caps = exceptions.flatMap(({ exception, miss }) => (miss === undefined ? [capOf(exception)] : []));
  const cap = strictest([...caps, ...glass]);
  const { kind, name, uid, generation, mode } = policy;
  // What counts only if the drift is confirmed is recorded by itself.
  const contributions = [false, true].flatMap((confirmed): Contribution[] => {
    const some = met.filter((rung) => (rung.confirmed ?? false) === confirmed);
    if (some.length === 0) return [];
    const actions = capped(inSystemOrder(some.flatMap((rung) => rung.actions)), cap);
    const asked = { kind, name, uid, generation, mode, rungs: some.map((rung) => rung.name), actions };
    const weak = detection.summary.confidence === 'Low';
    return [{ ...asked, ...(confirmed && { confirmed }), ...(weak && { weak }), ...(cap && { cap }) }];
  });
  return {
    contributions,
    conditionErrors: [...rungs, ...exceptions].filter(({ miss }) => miss === 'ConditionError').length,
  };
}

function onceOnly<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
