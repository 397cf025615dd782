// What one alert meets: each rung and each exception of the policies that are about the pod, and why not.
import type { Contribution } from '../api/incident.ts';
import { asking } from '../decide/cel/budget.ts';
import { conditionInput, type ConditionInput } from '../decide/cel/input.ts';
import { exceptionMiss } from '../decide/exceptions.ts';
import { matchPolicies, rungMiss, type Sighting, type Verdict } from '../decide/match.ts';
import { effectiveActions, inSystemOrder } from '../decide/merge.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { exceptionFrom, responsesOf, storedOf } from './stored.ts';
import type { ExplainedAlert, ExplainedAnswer, ExplainedException } from './explanation.ts';
import { standingIn, supposedIncident, type Alert, type Case } from './subject.ts';
import { exceptionWords, rungWords } from './words.ts';

/** An alert as it is put to the policies. */
export function sightingOf({ asRecorded: pod, container, at }: Case, { detection }: Alert): Sighting {
  return { detection, pod, container, at };
}

/** What policies answer to an alert. `verdict` is theirs to it. */
export function explainAlert(one: Case, alert: Alert, verdict: Verdict): ExplainedAlert {
  const { detection, identified } = alert;
  const { rule, severity, source } = detection.summary;
  const contributions = verdict.match?.contributions ?? [];
  const input = () => conditionInput(detection, one.asRecorded, one.container);
  const { enforce, audit, ifConfirmed = [] } = actionsOf(one, alert, verdict);
  return {
    rule,
    severity,
    source,
    tags: [...detection.tags],
    container: one.container?.name ?? null,
    identified,
    policies: one.candidates.map((policy) => {
      const own = contributions.filter(({ uid }) => uid === policy.uid);
      return answerOf(one, policy, { alert, input, contributions: own });
    }),
    done: one.protection ? [] : enforce,
    recorded: one.protection ? [] : audit,
    ifConfirmed: one.protection ? [] : ifConfirmed,
    conditionErrors: verdict.conditionErrors,
  };
}

/** The exceptions of the policies that are about the pod, for this alert. */
export function alertExceptions(one: Case, { detection }: Alert): ExplainedException[] {
  const input = () => conditionInput(detection, one.asRecorded, one.container);
  return one.candidates.flatMap((policy) =>
    policy.exceptions.map((exception) => {
      const miss = exceptionMiss(exception, one.container, asking(input), one.at);
      const stored = exceptionFrom(storedOf(one, policy), exception);
      return {
        ...stored.explained,
        state: miss ?? 'Applies',
        message: miss ? exceptionWords(miss, stored.exception) : `applies, until ${exception.expires}`,
      };
    }),
  );
}

function actionsOf(one: Case, { detection }: Alert, { match }: Verdict): ReturnType<typeof effectiveActions> {
  if (!match) return { enforce: [], audit: [] };
  const standing = standingIn(one, supposedIncident(one, detection.summary, match), match);
  return effectiveActions(match.contributions, standing);
}

interface Asked {
  alert: Alert;
  input: () => ConditionInput;
  /** Of that policy: what counts only if it is confirmed is one by itself. */
  contributions: readonly Contribution[];
}

function answerOf(
  one: Case,
  policy: CompiledPolicy,
  { alert, input, contributions }: Asked,
): ExplainedAnswer {
  const { detection } = alert;
  const stored = responsesOf(storedOf(one, policy));
  const rungs = policy.rungs.map((rung) => {
    const miss = rungMiss(rung, detection, asking(input)) ?? null;
    const asWritten = stored.get(rung.name);
    return {
      name: rung.name,
      met: miss === null,
      miss,
      message: miss && asWritten ? rungWords(miss, asWritten, detection) : '',
    };
  });
  const cap = contributions.find((contribution) => contribution.cap)?.cap;
  return {
    kind: policy.kind,
    name: policy.name,
    mode: policy.mode,
    rungs,
    actions: inSystemOrder(contributions.flatMap(({ actions }) => actions)),
    cap: cap ? { by: cap.by, name: cap.name ?? null, maxAction: cap.maxAction, until: cap.until } : null,
    kept: contributions.length > 0 || rungs.every(({ met }) => !met),
  };
}

/** {@link matchPolicies} for one alert. */
export function verdictOn(one: Case, alert: Alert): Verdict {
  return matchPolicies(one.rulebook, sightingOf(one, alert));
}
