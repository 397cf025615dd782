// Selectors that are valid and that no set of labels can meet.
import type { LabelSelector } from '../api/meta.ts';

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/**
 * Why no labels can meet the selector, as a clause; undefined: some can. Keys do not touch each other, so each is judged
 * alone; NotIn and DoesNotExist also hold for a label that is not there.
 */
export function selectorConflict(selector: LabelSelector = {}): string | undefined {
  const byKey = Map.groupBy(requirementsOf(selector), ({ key }) => key);
  return [...byKey].map(([key, all]) => keyConflict(key, all)).find((conflict) => conflict !== undefined);
}

/** All parts of a selector in one form. */
export function requirementsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): Requirement[] {
  const labels = Object.entries(matchLabels).map(([key, value]): Requirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  return [...labels, ...matchExpressions];
}

/** Whether a requirement can only be met by a label that is there. */
export function needsLabel({ operator }: Requirement): boolean {
  return operator === 'In' || operator === 'Exists';
}

function keyConflict(key: string, all: readonly Requirement[]): string | undefined {
  if (!all.some(needsLabel)) return undefined;
  const label = JSON.stringify(key);
  if (all.some(({ operator }) => operator === 'DoesNotExist')) {
    return `it wants the label ${label} to be there and to be absent`;
  }
  const [first, ...others] = valuesOf(all, 'In');
  if (!first) return undefined;
  const wanted = others.reduce((left, values) => left.intersection(values), first);
  if (wanted.size === 0) return `it wants the label ${label} to have two values at once`;
  const unwanted = valuesOf(all, 'NotIn').reduce((left, values) => left.union(values), new Set<string>());
  if (!wanted.isSubsetOf(unwanted)) return undefined;
  return `it wants the label ${label} to have a value that it excludes`;
}

function valuesOf(all: readonly Requirement[], wanted: Requirement['operator']): Set<string>[] {
  return all.flatMap(({ operator, values = [] }) => (operator === wanted ? [new Set(values)] : []));
}
