// Validates whole objects of our kinds as the API server does: prune, default, check the schema, check the rules.
import type { z } from 'zod';
import { CUSTOM_KINDS, openApiSchema, type CustomKind } from './crd.ts';
import { childSchema, fieldPath, isObject, pruneAndDefault, type JsonObject } from './defaulting.ts';
import { problem, type Problem } from './problems.ts';
import { ruleProblems } from './rules.ts';
import type { StructuralSchema } from './structural.ts';

export type { Problem, ProblemReason } from './problems.ts';

/** What is wrong with an object, and what the API server would make of it. */
export interface Verdict {
  problems: Problem[];
  /** Paths such as `spec.x`, sorted. They are pruned from `value`; strict field validation refuses the object for them. */
  unknownFields: string[];
  /** The object without unknown fields and with defaults; worth something only without problems. */
  value: JsonObject;
}

/**
 * Validates an object, on update with the one that is stored: records cannot be changed. Unlike the API server it
 * does not spare unchanged fields of an update, since all fields of a stored object are valid.
 */
export type Validator = (object: unknown, old?: unknown) => Verdict;

/** The validators of our kinds by plural. */
export interface Validators {
  readonly driftpolicies: Validator;
  readonly clusterdriftpolicies: Validator;
  readonly driftincidents: Validator;
  readonly [plural: string]: Validator | undefined;
}

/** See {@link Validators}. */
export const validators: Validators = Object.fromEntries(
  CUSTOM_KINDS.map((kind) => [kind.plural, validatorOf(kind)]),
) as unknown as Validators;

/** What strict field validation says of an unknown field. */
export function unknownFieldMessage(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}

function validatorOf(kind: CustomKind): Validator {
  const structural = openApiSchema(kind);
  return (object, old) => {
    if (!isObject(object)) {
      return { problems: [wrongType('', object, 'object')], unknownFields: [], value: {} };
    }
    const unknownFields: string[] = [];
    const value = pruneAndDefault(structural, object, unknownFields);
    const before = isObject(old) ? pruneAndDefault(structural, old, []) : undefined;
    const ofSchema = issuesOf(kind.schema, value).map((issue) => issueProblem(issue, structural));
    const ofRules = ofSchema.some(isBlocking) ? [] : ruleProblems(structural, value, before);
    return { problems: [...ofSchema, ...ofRules], unknownFields: unknownFields.toSorted(), value };
  };
}

/** After these the API server asks no rules: they count on types and limits. */
function isBlocking({ reason }: Problem): boolean {
  return reason !== 'FieldValueInvalid';
}

function issuesOf(schema: z.ZodType, value: JsonObject): z.core.$ZodIssue[] {
  const issues = schema.safeParse(value, { reportInput: true }).error?.issues ?? [];
  // zod measures a string where a list should be; that it is a string says enough.
  const mistyped = new Set(
    issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join()),
  );
  return issues.filter(
    // Wrong keys are left to the rule that the server has for them.
    ({ code, path }) => code === 'invalid_type' || (code !== 'invalid_key' && !mistyped.has(path.join())),
  );
}

function issueProblem(issue: z.core.$ZodIssue, structural: StructuralSchema): Problem {
  const field = issue.path.map(toKey).reduce<string>(fieldPath, '');
  const { input } = issue;
  if (input === undefined) return problem(field, 'FieldValueRequired', descriptionAt(structural, issue.path));
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(field, input, issue.expected);
    case 'invalid_value':
      return problem(field, 'FieldValueNotSupported', `supported values: ${quoted(issue.values)}`, input);
    case 'too_big':
      return tooBig(field, issue.origin, Number(issue.maximum), input);
    case 'too_small':
      return tooSmall(field, issue);
    case 'custom': // The one check of ours: see limitedRecord in meta.ts.
      return tooBig(field, 'record', Number(issue.params?.['maxProperties']), input);
    case 'invalid_format':
      return issue.format === 'datetime'
        ? problem(field, 'FieldValueTypeInvalid', 'must be a time such as 2026-11-22T08:30:00Z', input)
        : problem(field, 'FieldValueInvalid', issue.message, input);
    default:
      return problem(field, 'FieldValueInvalid', issue.message, input);
  }
}

function descriptionAt(root: StructuralSchema, path: readonly PropertyKey[]): string {
  const step = (schema: StructuralSchema | undefined, key: PropertyKey) =>
    typeof key === 'number' ? schema?.items : schema && childSchema(schema, String(key));
  return path.reduce(step, root)?.description ?? '';
}

function toKey(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key);
}

/** zod's names of types that Kubernetes calls otherwise. */
const TYPE_NAMES: Readonly<Record<string, string>> = { record: 'object', int: 'integer', number: 'integer' };

function wrongType(field: string, input: unknown, expected: string): Problem {
  return problem(
    field,
    'FieldValueTypeInvalid',
    `must be of type ${TYPE_NAMES[expected] ?? expected}`,
    input,
  );
}

function tooBig(field: string, origin: string, maximum: number, input: unknown): Problem {
  switch (origin) {
    case 'string':
      return problem(field, 'FieldValueTooLong', `may not be more than ${maximum} characters`);
    case 'array':
    case 'record':
      return problem(field, 'FieldValueTooMany', `must have at most ${maximum} items`, sizeOf(input));
    default:
      return problem(field, 'FieldValueInvalid', `must be at most ${maximum}`, input);
  }
}

function sizeOf(input: unknown): number {
  return Object.keys(input as object).length;
}

function tooSmall(field: string, issue: z.core.$ZodIssueTooSmall): Problem {
  const { origin, minimum, input, message } = issue;
  const isEmpty = (origin === 'array' || origin === 'string') && Number(minimum) === 1;
  if (isEmpty) return problem(field, 'FieldValueInvalid', 'must not be empty', input);
  const detail = origin === 'int' || origin === 'number' ? `must be at least ${minimum}` : message;
  return problem(field, 'FieldValueInvalid', detail, input);
}

function quoted(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ');
}
