// Pruning and defaulting by a structural schema, as the API server does both before it validates an object.
import type { StructuralSchema } from './structural.ts';

/** Any object as plain JSON. */
export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object; null and arrays are not. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path of a field as Kubernetes writes it: `spec.responses[0].actions`. */
export function fieldPath(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/**
 * A copy of a whole object with unknown fields and nulls left out and defaults filled in; `unknownFields` gets the
 * paths of what was left out. Metadata is kept as it is: the API server has rules of its own for it.
 */
export function pruneAndDefault(
  schema: StructuralSchema,
  object: JsonObject,
  unknownFields: string[],
): JsonObject {
  const { metadata, ...rest } = object;
  const settled = settleObject(schema, rest, '', unknownFields);
  return metadata === undefined ? settled : { ...settled, metadata: structuredClone(metadata) };
}

function settle(schema: StructuralSchema, value: unknown, path: string, unknownFields: string[]): unknown {
  if (isObject(value)) return settleObject(schema, value, path, unknownFields);
  if (!Array.isArray(value) || schema.items === undefined) return value;
  const { items } = schema;
  return value.map((item, index) => settle(items, item, fieldPath(path, index), unknownFields));
}

function settleObject(
  schema: StructuralSchema,
  object: JsonObject,
  path: string,
  unknownFields: string[],
): JsonObject {
  const present = Object.entries(object).flatMap(([key, value]) => {
    const child = childSchema(schema, key);
    if (child === undefined) unknownFields.push(fieldPath(path, key));
    if (child === undefined || value === null) return [];
    return [[key, settle(child, value, fieldPath(path, key), unknownFields)] as const];
  });
  // A default is settled too: `{}` gets the defaults of its fields.
  const missing = Object.entries(schema.properties ?? {})
    .filter(([key, child]) => child.default !== undefined && (object[key] ?? undefined) === undefined)
    .map(
      ([key, child]) =>
        [key, settle(child, structuredClone(child.default), fieldPath(path, key), unknownFields)] as const,
    );
  return Object.fromEntries([...present, ...missing]);
}

/** The schema of a field of that name; undefined for one that the schema does not know. */
export function childSchema(schema: StructuralSchema, key: string): StructuralSchema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return schema.additionalProperties;
}
