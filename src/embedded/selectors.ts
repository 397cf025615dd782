// Label and field selectors: the query strings of lists and watches, and the selectors inside objects.
import type { KubeObject, LabelSelector } from '../api/meta.ts';
import { CORE_EVENTS, EVENTS, NAMESPACES, NODES, PODS } from '../kube/resources.ts';
import { objectAt } from './json.ts';
import { resourceKey, type ServedKind } from './kinds.ts';
import { keyRules } from './metadata.ts';
import { badRequest } from './status.ts';

/** Whether an object is selected. */
export type Predicate = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;

/** Comparisons (`n > 1`) are not served. */
const SET_REQUIREMENT = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY_REQUIREMENT = /^([^\s!=,()]+)\s*(==|!=|=)\s*([^\s!=,()]*)$/;
const EXISTENCE_REQUIREMENT = /^(!?)\s*([^\s!=,()]+)$/;
/** A comma that is not inside the brackets of `in (a,b)`. */
const SEPARATOR = /,(?![^(]*\))/;

/** Parses `labelSelector`; throws a 400 for one that is not understood. */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements =
    text.trim() === '' ? [] : text.split(SEPARATOR).map((part) => labelRequirement(part.trim()));
  return (labels) => requirements.every((holds) => holds(labels));
}

function labelRequirement(part: string): (labels: Labels) => boolean {
  const [rule] = keyRules(/^!?\s*([^\s!=,()]*)/.exec(part)?.[1] ?? '');
  if (rule !== undefined)
    throw badRequest(`unable to parse requirement: <nil>: Invalid value: "${part}": ${rule}`);
  const set = SET_REQUIREMENT.exec(part);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => isIn(labels[key], values) === (operator === 'in');
  }
  const equality = EQUALITY_REQUIREMENT.exec(part);
  if (equality) {
    const [, key = '', operator, value = ''] = equality;
    return (labels) => isIn(labels[key], [value]) === (operator !== '!=');
  }
  const existence = EXISTENCE_REQUIREMENT.exec(part);
  if (!existence) throw badRequest(`unable to parse requirement: ${part}`);
  const [, not, key = ''] = existence;
  return (labels) => (labels[key] !== undefined) === (not === '');
}

function isIn(value: string | undefined, values: readonly string[]): boolean {
  return value !== undefined && values.includes(value);
}

type Read = (object: KubeObject) => unknown;
type Fields = Readonly<Record<string, Read>>;

/** The value at a path of plain names. */
const at =
  (path: string): Read =>
  (object) =>
    path.split('.').reduce<unknown>((value, name) => objectAt(value)[name], object);
const paths = (...all: string[]): Fields => Object.fromEntries(all.map((path) => [path, at(path)]));
const REFERENCE = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const references = (field: string): Fields => paths(...REFERENCE.map((name) => `${field}.${name}`));

/** What can be selected by field, besides name and namespace. */
const FIELDS_BY_KIND: Readonly<Record<string, Fields>> = {
  [resourceKey(PODS)]: {
    ...paths('spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName'),
    ...paths('status.phase', 'status.podIP', 'status.nominatedNodeName'),
    'spec.hostNetwork': (pod) => String(objectAt(pod['spec'])['hostNetwork'] === true),
  },
  [resourceKey(CORE_EVENTS)]: {
    ...references('involvedObject'),
    ...paths('reason', 'type', 'reportingComponent'),
    source: (event) => at('source.component')(event) ?? event['reportingComponent'],
  },
  [resourceKey(EVENTS)]: { ...references('regarding'), ...paths('reason', 'type', 'reportingController') },
  [resourceKey(NODES)]: {
    'spec.unschedulable': (node) => String(objectAt(node['spec'])['unschedulable'] === true),
  },
  [resourceKey(NAMESPACES)]: paths('status.phase'),
};
const COMMON_FIELDS = paths('metadata.name', 'metadata.namespace');

/** Parses `fieldSelector`; throws a 400 for a field that the kind cannot be selected by. */
export function parseFieldSelector(text: string, kind: ServedKind): Predicate {
  const terms = text === '' ? [] : text.split(',').map((term) => fieldTerm(term, text, kind));
  return (object) => terms.every((holds) => holds(object));
}

function fieldTerm(term: string, whole: string, kind: ServedKind): Predicate {
  const match = /^([^=!]+)(==|!=|=)([^=]*)$/.exec(term);
  if (!match) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  const own = FIELDS_BY_KIND[resourceKey(kind.resource)];
  const read = COMMON_FIELDS[field] ?? own?.[field];
  if (!read) throw badRequest(unknownField(field, own !== undefined || kind.custom));
  return (object) => ((read(object) ?? '') === value) === (operator !== '!=');
}

function unknownField(field: string, short: boolean): string {
  return short
    ? `field label not supported: ${field}`
    : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

/** Whether a selector inside an object selects the labels. No selector selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (!selector) return false;
  const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels?.[key] === value);
  return (
    exact &&
    (selector.matchExpressions ?? []).every((expression) =>
      expressionHolds(expression, labels?.[expression.key]),
    )
  );
}

function expressionHolds(
  { operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return isIn(value, values);
    case 'NotIn':
      return !isIn(value, values);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
