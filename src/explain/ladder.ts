// What alerts of every severity meet, for any rule and for each pattern of rules that a rung names.
// Each row is an answer of `matchPolicies` itself, to policies of which only the rungs are left that the row supposes met.
import { SOURCES, type Detection } from '../api/detection.ts';
import type { Response } from '../api/policy.ts';
import { SEVERITIES, severityRank, type Severity } from '../api/severity.ts';
import { exceptionMiss } from '../decide/exceptions.ts';
import { matchPolicies, type Verdict } from '../decide/match.ts';
import { effectiveActions, type EffectiveActions } from '../decide/merge.ts';
import type { CompiledPolicy, CompiledRung } from '../decide/policies.ts';
import type { Rulebook } from '../decide/rulebook.ts';
import type { ExplainedException, LadderRow } from './explanation.ts';
import { exceptionFrom, responsesOf, storedOf } from './stored.ts';
import { standingIn, supposedIncident, type Case } from './subject.ts';
import { exceptionWords, listed, needsOf } from './words.ts';

/** Detector whose alerts the ladder is about. */
const SOURCE = SOURCES[0];

/** A rung of a policy that is about the pod. */
interface Step {
  policy: CompiledPolicy;
  rung: CompiledRung;
  response: Response;
  needs: string[];
}

/** The rows: for any rule first, then for each pattern; each from the highest severity down. */
export function explainLadder(one: Case): LadderRow[] {
  const steps = stepsOf(one);
  // Only `*` also matches nothing, which no rule is called.
  const patterns = [...new Set(steps.flatMap(({ response }) => response.rules ?? []))].filter(
    (pattern) => !/^\*+$/.test(pattern),
  );
  return [null, ...patterns].flatMap((rule) => {
    // A pattern that matches another one's text matches everything that the other one does: `*` stands for any character.
    const possible = steps.filter(({ rung }) => rung.matchesRule(rule ?? ''));
    return SEVERITIES.toReversed().map((severity) => rowOf(one, rule, severity, possible));
  });
}

/** What the worst alert meets that tells everything that any rung needs. */
export function worstAlert(one: Case): { detection: Detection; verdict: Verdict } {
  const detection = supposedDetection(one, 'Emergency', 'any');
  return { detection, verdict: suppose(one, detection, stepsOf(one)) };
}

/** The exceptions of the policies that are about the pod, as far as they can be told without an alert. */
export function possibleExceptions(one: Case): ExplainedException[] {
  return one.candidates.flatMap((policy) =>
    policy.exceptions.map((exception) => {
      const { exception: asWritten, explained } = exceptionFrom(storedOf(one, policy), exception);
      const { condition: _, ...unconditional } = exception;
      const containers = one.container ? [one.container] : one.pod.containers;
      const misses = containers.map((container) => ({
        container,
        miss: exceptionMiss(unconditional, container, noInput, one.at),
      }));
      const hit = misses.filter(({ miss }) => miss === undefined);
      const [first] = misses;
      if (hit.length === 0) {
        const miss = first?.miss ?? 'Image';
        const message =
          miss === 'Image' && !one.container
            ? 'the image of no container matches'
            : exceptionWords(miss, asWritten);
        return { ...explained, state: miss, message };
      }
      const needs = [
        ...(one.container
          ? []
          : [`the alert is about container ${listed(hit.map(({ container }) => container.name))}`]),
        ...(asWritten.condition === undefined ? [] : [`the condition is true: ${asWritten.condition}`]),
      ];
      return needs.length === 0
        ? { ...explained, state: 'Applies' as const, message: `applies, until ${exception.expires}` }
        : { ...explained, state: 'MayApply' as const, message: `applies if ${needs.join(' and ')}` };
    }),
  );
}

function noInput(): never {
  throw new Error('an exception without a condition reads no alert');
}

function rowOf(one: Case, rule: string | null, severity: Severity, possible: readonly Step[]): LadderRow {
  const detection = supposedDetection(one, severity, rule ?? 'any');
  const met = possible.filter(({ rung }) => severityRank(severity) >= severityRank(rung.minSeverity));
  const certain = actionsOf(
    one,
    detection,
    suppose(
      one,
      detection,
      met.filter(({ needs }) => needs.length === 0),
    ),
  );
  const all = actionsOf(one, detection, suppose(one, detection, met));
  return {
    rule,
    severity,
    rungs: met.map(({ policy: { kind, name }, rung, needs }) => ({
      policy: { kind, name },
      name: rung.name,
      needs,
    })),
    done: certain.enforce,
    recorded: certain.audit,
    mayDo: all.enforce.filter((action) => !certain.enforce.includes(action)),
    mayRecord: all.audit.filter(
      (action) => !certain.audit.includes(action) && !certain.enforce.includes(action),
    ),
  };
}

function stepsOf(one: Case): Step[] {
  return one.candidates.flatMap((policy) => {
    const responses = responsesOf(storedOf(one, policy));
    const answering = policy.rungs.filter(({ sources }) => sources?.includes(SOURCE) ?? true);
    return answering.flatMap((rung) => {
      const response = responses.get(rung.name);
      return response ? [{ policy, rung, response, needs: needsOf(response) }] : [];
    });
  });
}

// Exceptions with a condition are left out: whether they cap depends on the alert, and they are told of one by one.
function suppose(one: Case, detection: Detection, met: readonly Step[]): Verdict {
  const rungs = Map.groupBy(met, ({ policy }) => policy.uid);
  const policies = one.candidates.map((policy) => ({
    ...policy,
    rungs: (rungs.get(policy.uid) ?? []).map(({ rung: { name, minSeverity, actions } }) => ({
      name,
      minSeverity,
      actions,
      matchesRule: () => true,
      matchesTags: () => true,
    })),
    exceptions: policy.exceptions.filter(({ condition }) => condition === undefined),
  }));
  const rulebook: Rulebook = { ...one.rulebook, candidates: () => policies };
  const { asRecorded: pod, container, at } = one;
  return matchPolicies(rulebook, { detection, pod, container, at });
}

function actionsOf(one: Case, detection: Detection, { match }: Verdict): EffectiveActions {
  if (!match || one.protection) return { enforce: [], audit: [] };
  const standing = standingIn(one, supposedIncident(one, detection.summary, match), match);
  return effectiveActions(match.contributions, standing);
}

function supposedDetection({ at }: Case, severity: Severity, rule: string): Detection {
  const time = new Date(at).toISOString();
  const summary = { id: '0'.repeat(32), source: SOURCE, rule, severity, time, receivedAt: time };
  return { summary, identity: {}, tags: [], fields: {} };
}
