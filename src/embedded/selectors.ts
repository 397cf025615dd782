// Label and field selectors: the query strings of lists and watches, and the selectors inside objects.
import type { KubeObject, LabelSelector } from '../api/meta.ts';
import { objectAt } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { badRequest } from './status.ts';

/** Whether an object is selected. */
export type Predicate = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;

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

/** What can be selected by field, besides name and namespace, as far as anybody here asks. */
const POD_FIELDS: Readonly<Record<string, (object: KubeObject) => unknown>> = {
  'spec.nodeName': (object) => objectAt(object['spec'])['nodeName'],
  'spec.restartPolicy': (object) => objectAt(object['spec'])['restartPolicy'],
  'status.phase': (object) => objectAt(object['status'])['phase'],
  'status.podIP': (object) => objectAt(object['status'])['podIP'],
};
/** Events of the core group, by what they are about. */
const EVENT_FIELDS: Readonly<Record<string, (object: KubeObject) => unknown>> = Object.fromEntries(
  ['kind', 'namespace', 'name', 'uid'].map((field) => [
    `involvedObject.${field}`,
    (object: KubeObject) => objectAt(object['involvedObject'])[field],
  ]),
);
const FIELDS_BY_KIND: Readonly<Record<string, typeof POD_FIELDS>> = { Pod: POD_FIELDS, Event: EVENT_FIELDS };
const COMMON_FIELDS: Readonly<Record<string, (object: KubeObject) => unknown>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace,
};

/** Parses `fieldSelector`; throws a 400 for a field that the kind cannot be selected by. */
export function parseFieldSelector(text: string, kind: ServedKind): Predicate {
  const terms = text === '' ? [] : text.split(',').map((term) => fieldTerm(term, text, kind));
  return (object) => terms.every((holds) => holds(object));
}

function fieldTerm(term: string, whole: string, kind: ServedKind): Predicate {
  const match = /^([^=!]+)(==|!=|=)([^=]*)$/.exec(term);
  if (!match) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  const own = FIELDS_BY_KIND[kind.resource.kind];
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
