// Selectors, patterns and conditions that nothing can meet.
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL, SEVERITY_LABEL, SYSTEM_NAMESPACE } from '../api/names.ts';
import type { LabelSelector } from '../api/meta.ts';
import type { Response } from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import type { LintedPolicy, Remark } from './finding.ts';
import { imagePatternConflict } from './image-pattern.ts';
import { leastSeverity } from './rungs.ts';
import { needsLabel, requirementsOf, selectorConflict } from './selector-conflict.ts';
import { truthOf } from './truth.ts';

// Limits of src/api/detection.ts: what is longer is cut before it is matched.
const MAX_RULE = 256;
const MAX_TAG = 64;
const OWN_LABELS: readonly string[] = [QUARANTINE_LABEL, SEVERITY_LABEL];
const OWN_NAMESPACES: readonly string[] = [SYSTEM_NAMESPACE, CAPTURE_NAMESPACE];

/** Rule: every part of a policy can be met by something. */
export function neverMatches(policy: LintedPolicy): Remark[] {
  const { spec, rungs, namespace } = policy;
  const { match, exceptions = [] } = spec;
  const namespaces = 'namespaceSelector' in spec ? spec.namespaceSelector : undefined;
  return [
    ...(OWN_NAMESPACES.includes(namespace) ? [ownNamespace(namespace)] : []),
    ...conflict('spec.namespaceSelector', selectorConflict(namespaces), 'no namespace'),
    ...conflict('spec.match.podSelector', selectorConflict(match.podSelector), 'no pod'),
    ...ownLabels(match.podSelector),
    ...(match.images ?? []).flatMap((image, index) => imageRemarks(`spec.match.images[${index}]`, image)),
    ...rungs.flatMap((rung, index) => rungRemarks(`spec.responses[${index}]`, rung)),
    ...exceptions.flatMap(({ image, condition }, index) => [
      ...imageRemarks(`spec.exceptions[${index}].image`, image),
      ...conditionRemarks(`spec.exceptions[${index}].condition`, condition, leastSeverity(rungs)),
    ]),
  ];
}

function ownNamespace(namespace: string): Remark {
  return never(
    'metadata.namespace',
    `die-operator never touches pods of ${namespace}, so the policy answers nothing`,
    'Put the policy into the namespace whose pods it is about.',
  );
}

function conflict(path: string, clause: string | undefined, what: string): Remark[] {
  return clause === undefined ? [] : [never(path, `${what} can be selected: ${clause}`)];
}

// They are taken off before a selector is asked: isolation must not change which policy a pod belongs to.
function ownLabels(selector: LabelSelector = {}): Remark[] {
  return requirementsOf(selector)
    .filter((requirement) => OWN_LABELS.includes(requirement.key) && needsLabel(requirement))
    .map(({ key }) =>
      never(
        'spec.match.podSelector',
        `no pod can be selected: ${key} is a label of die-operator’s own and hidden from selectors`,
      ),
    );
}

function imageRemarks(path: string, pattern: string): Remark[] {
  const clause = imagePatternConflict(pattern);
  return clause === undefined ? [] : [never(path, `${JSON.stringify(pattern)} matches no image: ${clause}`)];
}

function rungRemarks(at: string, { rules, tags, condition, minSeverity }: Response): Remark[] {
  return [
    ...tooLong(`${at}.rules`, 'rule', rules, MAX_RULE),
    ...tooLong(`${at}.tags`, 'tag', tags, MAX_TAG),
    ...conditionRemarks(`${at}.condition`, condition, minSeverity),
  ];
}

function tooLong(path: string, what: string, patterns: readonly string[] = [], limit: number): Remark[] {
  return patterns.flatMap((pattern, index) => {
    const { length } = pattern.replaceAll('*', '');
    if (length <= limit) return [];
    return [
      never(
        `${path}[${index}]`,
        `no ${what} can match: names are cut at ${limit} characters, and this one wants ${length}`,
      ),
    ];
  });
}

function conditionRemarks(path: string, condition: string | undefined, minSeverity: Severity): Remark[] {
  if (condition === undefined || truthOf(condition, minSeverity) !== 'Never') return [];
  return [never(path, `the condition is false for every detection of severity ${minSeverity} and above`)];
}

function never(path: string, message: string, cure?: string): Remark {
  return { code: 'NeverMatches', path, message, ...(cure !== undefined && { cure }) };
}
