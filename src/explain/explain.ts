// Explains what policies make of a pod. Pure: everything it looks at is in the subject, and every rule is one of decide/.
import { controllerOf } from '../api/pod.ts';
import { breakGlass } from '../decide/exceptions.ts';
import { responseOf } from '../decide/merge.ts';
import { alertExceptions, explainAlert, verdictOn } from './alert.ts';
import { explainChecks } from './checks.ts';
import type {
  ExplainedAlert,
  ExplainedBreakGlass,
  ExplainedNamespace,
  ExplainedPod,
  Explanation,
} from './explanation.ts';
import { explainLadder, possibleExceptions, worstAlert } from './ladder.ts';
import { explainPolicies } from './policies.ts';
import { explainResponse } from './response.ts';
import { explainSettings } from './merged-settings.ts';
import { openCase, type Case, type Question, type Subject } from './subject.ts';
import { BREAK_GLASS_WORDS } from './words.ts';

/** See the file's first line. Never throws for what an API server can hold. */
export function explain(subject: Subject, question: Question = {}): Explanation {
  const { alert } = question;
  const one = openCase(subject, question.container ?? alert?.detection.summary.containerName);
  const policies = explainPolicies(one);
  const asked = alert ? { detection: alert.detection, verdict: verdictOn(one, alert) } : worstAlert(one);
  const { match } = asked.verdict;
  const response = match
    ? explainResponse(one, asked.detection.summary, match, alert ? 'Alert' : 'WorstAlert')
    : null;
  const explained = alert ? explainAlert(one, alert, asked.verdict) : null;
  return {
    at: new Date(one.at).toISOString(),
    origin: one.origin,
    pod: explainPod(one),
    namespace: explainNamespace(one),
    breakGlass: explainBreakGlass(one),
    policies,
    exceptions: alert ? alertExceptions(one, alert) : possibleExceptions(one),
    incident: explainIncident(one),
    alert: explained,
    ladder: alert ? null : explainLadder(one),
    settings: explainSettings(answering(one, explained)),
    response,
    checks: explainChecks(one, { policies, match, response }),
  };
}

function explainIncident({ incident }: Case): Explanation['incident'] {
  if (!incident) return null;
  const { severity } = responseOf(incident);
  return { name: incident.metadata.name, phase: incident.status?.phase ?? '', severity };
}

function explainPod(one: Case): ExplainedPod {
  const { pod, asRecorded, protection } = one;
  const owner = controllerOf(asRecorded);
  return {
    namespace: pod.namespace,
    name: pod.name,
    owner: owner ? { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name } : null,
    phase: pod.phase,
    ready: pod.ready,
    node: pod.nodeName ?? null,
    containers: pod.containers.map(({ name, image, imageID }) => ({ name, image, imageID: imageID ?? null })),
    protected: protection ? { ...protection } : null,
  };
}

function explainNamespace({ rulebook: { powers } }: Case): ExplainedNamespace {
  const { enforce, exceptions, breakGlassMs, grantedBy } = powers;
  return {
    enforce,
    exceptions,
    breakGlassSeconds: breakGlassMs === undefined ? null : breakGlassMs / 1000,
    grantedBy: [...grantedBy],
  };
}

function explainBreakGlass({ pod, rulebook, at }: Case): ExplainedBreakGlass {
  const found = breakGlass(pod, rulebook.powers.breakGlassMs, at);
  const until = pod.breakGlassUntil ?? null;
  return typeof found === 'string'
    ? { state: found, until, message: BREAK_GLASS_WORDS[found] }
    : { state: 'Honoured', until, message: `honoured: nothing beyond ${found.maxAction} is done` };
}

// Also those beyond what a record holds: their care counts. To the worst alert every policy answers.
function answering({ candidates }: Case, alert: ExplainedAlert | null): Case['candidates'] {
  return candidates.filter((_, index) => alert?.policies[index]?.rungs.some(({ met }) => met) ?? true);
}
