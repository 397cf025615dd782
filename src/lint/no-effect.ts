// Parts of a policy that change nothing.
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import { ACTIONS, CAPS, type Exception } from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import type { LintedPolicy, Remark } from './finding.ts';
import { leastSeverity } from './rungs.ts';
import { needsLabel, requirementsOf } from './selector-conflict.ts';
import { truthOf } from './truth.ts';

/** Rule: every part that is written does something. */
export function noEffect(policy: LintedPolicy): Remark[] {
  const { spec, rungs } = policy;
  const { exceptions = [], match } = spec;
  const ownLabels = requirementsOf(match.podSelector ?? {}).filter(
    (requirement) => [QUARANTINE_LABEL, SEVERITY_LABEL].includes(requirement.key) && !needsLabel(requirement),
  );
  return [
    ...(rungs.length === 0
      ? onlyGrants(policy)
      : exceptions.flatMap((one, index) => capsNothing(one, index, policy))),
    ...asksNobody(policy),
    ...ownLabels.map(({ key }) =>
      idle(
        'spec.match.podSelector',
        `${key} is a label of die-operator’s own and hidden from selectors: it never leaves a pod out`,
      ),
    ),
    ...rungs.flatMap(({ condition, minSeverity }, index) =>
      alwaysTrue(condition, minSeverity, `spec.responses[${index}].condition`),
    ),
    ...exceptions.flatMap(({ condition }, index) =>
      alwaysTrue(condition, leastSeverity(rungs), `spec.exceptions[${index}].condition`),
    ),
  ];
}

function onlyGrants({ spec: { mode, exceptions = [] } }: LintedPolicy): Remark[] {
  return [
    ...(mode === 'Enforce'
      ? [idle('spec.mode', 'there are no responses to enforce: the policy only grants')]
      : []),
    ...(exceptions.length > 0
      ? [idle('spec.exceptions', 'there are no responses to cap: an exception never reaches another policy')]
      : []),
  ];
}

// Only these make an isolation wait.
const ASKED_BEFORE: readonly string[] = ['StatefulSet', 'SingleReplica', 'LastReadyCopy', 'Always'];

function asksNobody({ spec: { approval }, rungs }: LintedPolicy): Remark[] {
  if (approval.before !== 'Isolate') return [];
  const isolates = rungs.some(({ actions }) => actions.includes('Isolate'));
  const asks = approval.requiredFor.some((one) => ASKED_BEFORE.includes(one));
  if (isolates && asks) return [];
  const why = isolates ? `approval.requiredFor has none of ${ASKED_BEFORE.join(', ')}` : 'no rung isolates';
  return [idle('spec.approval.before', `no isolation waits for a person: ${why}`)];
}

function capsNothing({ name, maxAction }: Exception, index: number, { rungs }: LintedPolicy): Remark[] {
  // CAPS is None and then ACTIONS in their order.
  const furthest = Math.max(
    ...rungs.flatMap(({ actions }) => actions.map((action) => ACTIONS.indexOf(action))),
  );
  if (furthest >= CAPS.indexOf(maxAction)) return [];
  return [
    idle(
      `spec.exceptions[${index}].maxAction`,
      `exception "${name}" takes nothing away: no rung goes further than ${maxAction}`,
    ),
  ];
}

function alwaysTrue(condition: string | undefined, minSeverity: Severity, path: string): Remark[] {
  if (condition === undefined || truthOf(condition, minSeverity) !== 'Always') return [];
  return [idle(path, 'the condition is true for every detection that is asked')];
}

function idle(path: string, message: string): Remark {
  return { code: 'NoEffect', path, message };
}
