// What the policies' answer comes to for this pod: the actions that are done, step by step, and where they are held.
import type { DetectionSummary } from '../api/detection.ts';
import type { Contribution, DriftIncident } from '../api/incident.ts';
import type { Facts } from '../decide/decision.ts';
import type { Match } from '../decide/match.ts';
import { actionsOf, responseOf } from '../decide/merge.ts';
import { contributionKey, type Standing } from '../decide/standing.ts';
import { courseOf } from './course.ts';
import type { ExplainedResponse } from './explanation.ts';
import { standingIn, supposedIncident, type Case } from './subject.ts';

/** The response to an alert that is answered so, together with what an open incident asks for already. */
export function explainResponse(
  one: Case,
  summary: DetectionSummary,
  match: Match,
  to: ExplainedResponse['to'],
): ExplainedResponse {
  const incident = supposedIncident(one, summary, match);
  const { contributions } = responseOf(incident);
  const standing = standingIn(one, incident, { ...match, contributions });
  const { enforce, audit, ifConfirmed = [] } = actionsOf(incident, standing);
  const mode = enforce.length + ifConfirmed.length > 0 ? 'Enforce' : 'Audit';
  const course =
    mode === 'Enforce'
      ? courseOf(incident, factsOf(one, standing))
      : courseOf(
          enforced(incident),
          factsOf(one, new Map(contributions.map((asked) => [enforcedKey(asked), asked.actions]))),
        );
  const nothing = one.protection !== undefined;
  return {
    to,
    mode,
    done: nothing ? [] : enforce,
    recorded: nothing ? [] : audit,
    ifConfirmed: nothing ? [] : ifConfirmed,
    ...course,
  };
}

function factsOf(one: Case, standing: Standing): Facts {
  const { at: now, pod, protection, exemption, paused, others } = one;
  return {
    now,
    pod,
    namespaceTerminating: false,
    protection: protection?.message,
    ...(exemption && { exemption }),
    paused: paused.state === 'On' ? paused.message : undefined,
    standing,
    ...others,
    snapshotBegun: false,
    bystanders: [],
    replacement: undefined,
  };
}

function enforcedKey(asked: Contribution): string {
  return contributionKey({ ...asked, mode: 'Enforce' });
}

/** The incident as if everything in it had been asked for in Enforce: what an Audit policy would do if it were turned. */
function enforced(incident: DriftIncident): DriftIncident {
  const asEnforced = (all: Match['contributions'] = []) =>
    all.map((contribution) => ({ ...contribution, mode: 'Enforce' as const }));
  const { spec, status } = incident;
  const reports = Object.entries(status?.reports ?? {}).map(([receiver, report]) => [
    receiver,
    { ...report, policies: asEnforced(report.policies) },
  ]);
  return {
    ...incident,
    spec: { ...spec, trigger: { ...spec.trigger, policies: asEnforced(spec.trigger.policies) } },
    ...(status && { status: { ...status, reports: Object.fromEntries(reports) as typeof status.reports } }),
  };
}
