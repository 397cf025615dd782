// Label selectors with the semantics of Kubernetes, and what is wrong with one.
import type { LabelSelector } from '../api/meta.ts';
import type { Problem } from './problem.ts';

type Labels = Readonly<Record<string, string>>;
type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAX_NAME = 63;
const MAX_PREFIX = 253;

const OPERATORS: Readonly<
  Record<Requirement['operator'], (value: string | undefined, listed: ReadonlySet<string>) => boolean>
> = {
  In: (value, listed) => value !== undefined && listed.has(value),
  NotIn: (value, listed) => value === undefined || !listed.has(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

/**
 * Compiles a selector; all its parts must hold, so an empty one selects everything. As in Kubernetes, NotIn and
 * DoesNotExist also hold for a label that is not there (apimachinery `labels.Requirement.Matches`).
 */
export function compileSelector(selector: LabelSelector): (labels: Labels) => boolean {
  const tests = [
    ...Object.entries(selector.matchLabels ?? {}).map(compileLabel),
    ...(selector.matchExpressions ?? []).map(compileRequirement),
  ];
  return (labels) => tests.every((test) => test(labels));
}

/** What is wrong with a selector, with paths below it; empty if it is valid. */
export function selectorProblems(selector: LabelSelector): Problem[] {
  const labels = Object.entries(selector.matchLabels ?? {}).flatMap(([key, value]) => {
    const path = `matchLabels[${JSON.stringify(key)}]`;
    return [...keyProblems(path, key), ...valueProblems(path, value)];
  });
  const requirements = (selector.matchExpressions ?? []).flatMap((requirement, index) =>
    requirementProblems(`matchExpressions[${index}]`, requirement),
  );
  return [...labels, ...requirements];
}

// A label may be called `constructor`: only what is really in the object counts.
function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function compileLabel([key, value]: readonly [string, string]): (labels: Labels) => boolean {
  return (labels) => valueOf(labels, key) === value;
}

function compileRequirement({ key, operator, values = [] }: Requirement): (labels: Labels) => boolean {
  const holds = OPERATORS[operator];
  const listed = new Set(values);
  return (labels) => holds(valueOf(labels, key), listed);
}

function requirementProblems(path: string, { key, operator, values = [] }: Requirement): Problem[] {
  const takesValues = operator === 'In' || operator === 'NotIn';
  const problems = keyProblems(`${path}.key`, key);
  if (takesValues && values.length === 0) {
    problems.push({ path: `${path}.values`, message: `${operator} needs values: list at least one` });
  }
  if (!takesValues && values.length > 0) {
    problems.push({ path: `${path}.values`, message: `${operator} takes no values: remove them` });
  }
  return [...problems, ...values.flatMap((value, index) => valueProblems(`${path}.values[${index}]`, value))];
}

function keyProblems(path: string, key: string): Problem[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const validPrefix = prefix === undefined || (prefix.length <= MAX_PREFIX && SUBDOMAIN.test(prefix));
  if (validPrefix && isName(key.slice(slash + 1))) return [];
  return [
    {
      path,
      message: `${JSON.stringify(key)} is not a label key: write up to 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit, if need be after a DNS name and '/', as in app or example.com/team`,
    },
  ];
}

function valueProblems(path: string, value: string): Problem[] {
  if (value === '' || isName(value)) return [];
  return [
    {
      path,
      message: `${JSON.stringify(value)} is not a label value: write up to 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit, or nothing`,
    },
  ];
}

function isName(text: string): boolean {
  return text.length <= MAX_NAME && NAME.test(text);
}
