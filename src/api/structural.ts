// Turns a zod schema into a structural schema, the form that the API server demands of CustomResourceDefinitions.
import { z } from 'zod';

/** A rule in CEL, as the API server evaluates it. */
export interface CelRule {
  rule: string;
  message: string;
}

/** The part of `JSONSchemaProps` (apiextensions.k8s.io/v1) that our schemas need. */
export interface StructuralSchema {
  description?: string;
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  format?: string;
  enum?: readonly string[];
  default?: unknown;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: readonly string[];
  properties?: Readonly<Record<string, StructuralSchema>>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-validations'?: readonly CelRule[];
}

// In the order in which they are written.
const KEYWORDS: readonly (keyof StructuralSchema)[] = [
  'description',
  'type',
  'format',
  'enum',
  'default',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
];
const TYPES = ['object', 'array', 'string', 'integer', 'boolean'];

type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The structural form of a schema's input (fields with a default are not required).
 * Throws for what a structural schema cannot say, with the path of the field, rather than drop it in silence.
 */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  const { $schema: _, ...root } = z.toJSONSchema(schema, { io: 'input' });
  return convert(root, '$');
}

function convert(node: JsonSchema, path: string): StructuralSchema {
  const known = withKeyRule(withoutNoise(node));
  const foreign = Object.keys(known).find((key) => !(KEYWORDS as readonly string[]).includes(key));
  if (foreign !== undefined) throw new Error(`${path}: a structural schema has no place for "${foreign}"`);
  if (!TYPES.includes(String(known['type']))) throw new Error(`${path}: a structural schema needs one type`);
  const entries = KEYWORDS.filter((key) => known[key] !== undefined).map(
    (key) => [key, convertKeyword(key, known[key], path)] as const,
  );
  return Object.fromEntries(entries) as unknown as StructuralSchema;
}

function convertKeyword(key: keyof StructuralSchema, value: unknown, path: string): unknown {
  if (key === 'items') return convert(value as JsonSchema, `${path}[]`);
  if (key === 'additionalProperties') return convert(value as JsonSchema, `${path}.*`);
  if (key !== 'properties') return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, JsonSchema>).map(([name, child]) => [
      name,
      convert(child, `${path}.${name}`),
    ]),
  );
}

/** Leaves out what says nothing to an API server. */
function withoutNoise(node: JsonSchema): JsonSchema {
  const { minimum, maximum, pattern, additionalProperties, ...rest } = node;
  return {
    ...rest,
    // zod writes the limits of its integers, +-(2^53 - 1), when we gave none.
    ...(minimum !== Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== Number.MAX_SAFE_INTEGER && { maximum }),
    // The server knows date-time, with fractions and offsets; zod's pattern of it is 300 characters long. What a rule says
    // in words is not said again.
    ...(rest['format'] !== 'date-time' && !isTold(rest) && { pattern }),
    // Beside properties it says only whether others are kept; the server prunes them, or refuses them when asked to.
    ...(rest['properties'] === undefined && { additionalProperties }),
  };
}

function isTold({ 'x-kubernetes-validations': rules }: JsonSchema): boolean {
  return ((rules ?? []) as CelRule[]).some(({ rule }) => rule.startsWith('self.matches('));
}

/**
 * `propertyNames` is not structural, so a limit on the length of keys becomes a rule. The server estimates its cost at 6
 * units a key (1.36); a rule may cost 10^7, all of a CRD 10^8 (`StaticEstimatedCostLimit`, `StaticEstimatedCRDCostLimit`).
 */
function withKeyRule(node: JsonSchema): JsonSchema {
  const { propertyNames, ...rest } = node;
  if (propertyNames === undefined) return rest;
  const { type: _, maxLength, ...others } = propertyNames as JsonSchema;
  if (typeof maxLength !== 'number' || Object.keys(others).length > 0) return node;
  const rules = (rest['x-kubernetes-validations'] ?? []) as CelRule[];
  return { ...rest, 'x-kubernetes-validations': [...rules, keyRule(maxLength)] };
}

function keyRule(maxLength: number): CelRule {
  return {
    rule: `self.all(key, size(key) <= ${maxLength})`,
    message: `keys may not be more than ${maxLength} characters`,
  };
}
