// The rules of our schemas that zod does not know: unique list items, and the CEL rules said again as functions.
import { isDeepStrictEqual } from 'node:util';
import { childSchema, fieldPath, isObject } from './defaulting.ts';
import { problem, type Problem } from './problems.ts';
import type { CelRule, StructuralSchema } from './structural.ts';

/** Whether a rule holds. `oldSelf` is what the field was; rules that need it are not asked on creation. */
type RuleFunction = (self: unknown, oldSelf: unknown) => boolean;

/** The CEL rules by their text, so that a rule that is changed in a schema has to be changed here too. */
const RULES: Readonly<Record<string, RuleFunction>> = {
  'has(self.responses) || has(self.grants)': (self) => {
    const { responses, grants } = self as { responses?: unknown; grants?: unknown };
    return responses !== undefined || grants !== undefined;
  },
  "self.action != 'Approve' || has(self.planHash)": (self) => {
    const { action, planHash } = self as { action?: unknown; planHash?: unknown };
    return action !== 'Approve' || planHash !== undefined;
  },
  "!('Evict' in self.actions && 'Restart' in self.actions)": (self) => {
    const { actions } = self as { actions: string[] };
    return !(actions.includes('Evict') && actions.includes('Restart'));
  },
  // Stricter than CEL in one point: to CEL the same instant in another time zone is the same.
  'self == oldSelf': isDeepStrictEqual,
  "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0":
    (self) => {
      const { operator, values } = self as { operator: string; values?: unknown[] };
      const takesValues = operator === 'In' || operator === 'NotIn';
      return takesValues === (values !== undefined && values.length > 0);
    },
};
// Made from zod's limits on the keys of maps, so there is one for each limit.
const KEY_RULE = /^self\.all\(key, size\(key\) <= ([0-9]+)\)$/;

const MATCHES_RULE = /^self\.matches\('.+'\)$/;

/** Whether a rule only says a pattern of zod in words: that is zod's to check, and it says the same. */
export function isPattern({ rule }: CelRule): boolean {
  return MATCHES_RULE.test(rule);
}

/** The function of a CEL rule. Throws if there is none: a rule that only the API server knows is not said twice. */
export function ruleFunction({ rule }: CelRule): RuleFunction {
  const maxLength = KEY_RULE.exec(rule)?.[1];
  if (maxLength !== undefined) return (self) => longestKey(self) <= Number(maxLength);
  const found = RULES[rule];
  if (found === undefined) throw new Error(`the CEL rule has no function in rules.ts: ${rule}`);
  return found;
}

function longestKey(map: unknown): number {
  return Math.max(0, ...Object.keys(map as object).map((key) => key.length));
}

/** Texts of the rules that have a function; for the test that keeps them in step with the schemas. */
export const RULE_TEXTS: readonly string[] = Object.keys(RULES);

/**
 * What breaks a rule. Call it with values that have the right types only. List items are not compared with what they
 * were: no rule on an item needs that, and the API server refuses such rules except in lists with keys.
 */
export function ruleProblems(schema: StructuralSchema, value: unknown, old?: unknown, path = ''): Problem[] {
  const own = [...brokenRules(schema, value, old, path), ...duplicates(schema, value, path)];
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return [...own, ...value.flatMap((item, i) => ruleProblems(items, item, undefined, fieldPath(path, i)))];
  }
  if (!isObject(value)) return own;
  const ofFields = Object.entries(value).flatMap(([key, field]) => {
    const child = childSchema(schema, key);
    const before = isObject(old) ? old[key] : undefined;
    return child === undefined ? [] : ruleProblems(child, field, before, fieldPath(path, key));
  });
  return [...own, ...ofFields];
}

function brokenRules(schema: StructuralSchema, value: unknown, old: unknown, path: string): Problem[] {
  return (
    (schema['x-kubernetes-validations'] ?? [])
      // A pattern is zod's to check, in the same words.
      .filter(({ rule }) => !MATCHES_RULE.test(rule))
      .filter((rule) => old !== undefined || !rule.rule.includes('oldSelf'))
      .filter((rule) => !ruleFunction(rule)(value, old))
      .map((rule) => problem(path, 'FieldValueInvalid', rule.message))
  );
}

function duplicates(schema: StructuralSchema, value: unknown, path: string): Problem[] {
  const type = schema['x-kubernetes-list-type'];
  if (!Array.isArray(value) || (type !== 'set' && type !== 'map')) return [];
  const identities = value.map((item: unknown) => (type === 'set' ? item : identity(schema, item)));
  return identities.flatMap((item, index) => {
    const first = identities.findIndex((other) => isDeepStrictEqual(other, item));
    return first === index ? [] : [problem(fieldPath(path, index), 'FieldValueDuplicate', '', item)];
  });
}

function identity(schema: StructuralSchema, item: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return Object.fromEntries(keys.map((key) => [key, isObject(item) ? item[key] : undefined]));
}
