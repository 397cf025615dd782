// The rules of Kubernetes for schemas in CustomResourceDefinitions, as far as our schemas could break them
// (apiextensions-apiserver 1.36: schema/validation.go, apis/apiextensions/validation), and our own stricter ones.

export type Json = Readonly<Record<string, unknown>>;

const SCALARS = ['string', 'integer', 'number', 'boolean'];
const TYPES = ['object', 'array', ...SCALARS];
const KEYWORDS = new Set([
  'type',
  'description',
  'title',
  'format',
  'default',
  'enum',
  'nullable',
  'pattern',
  'required',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'properties',
  'additionalProperties',
  'items',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
]);
const FORMATS = ['date-time', 'int32', 'int64'];
// Go's regexp (RE2) has no look-around and no references back; a repetition ends at 1000.
const NOT_RE2 = /\(\?[=!]|\(\?<[=!]|\\[1-9]|\\k</;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Calls `visit` for a schema and all schemas in it, with its path and the schema that holds it. */
export function walk(schema: Json, visit: (node: Json, path: string, parent?: Json) => void): void {
  const step = (node: Json, path: string, parent?: Json): void => {
    visit(node, path, parent);
    for (const [name, child] of Object.entries(isObject(node['properties']) ? node['properties'] : {})) {
      step(child as Json, path === '' ? name : `${path}.${name}`, node);
    }
    if (isObject(node['items'])) step(node['items'], `${path}[]`, node);
    if (isObject(node['additionalProperties'])) step(node['additionalProperties'], `${path}.*`, node);
  };
  step(schema, '');
}

/** What an API server would refuse in `openAPIV3Schema`, one line each; empty if it is structural. */
export function structuralErrors(root: Json): string[] {
  const errors: string[] = [];
  walk(root, (node, path, parent) => {
    const found = [
      ...keywordErrors(node),
      ...typeErrors(node),
      ...valueErrors(node),
      ...listErrors(node),
      ...defaultErrors(node),
      ...ruleErrors(node, parent),
    ];
    errors.push(...found.map((error) => `${path === '' ? '(root)' : path}: ${error}`));
  });
  return [...errors, ...rootErrors(root).map((error) => `(root): ${error}`)];
}

function keywordErrors(node: Json): string[] {
  return Object.keys(node)
    .filter((key) => !KEYWORDS.has(key))
    .map((key) => `${key} is not allowed`);
}

/** The messages of those pairs whose condition is true. */
const messages = (...errors: readonly (readonly [is: boolean, message: string])[]): string[] =>
  errors.filter(([is]) => is).map(([, message]) => message);

function typeErrors(node: Json): string[] {
  const { type, properties, additionalProperties, items } = node;
  if (!TYPES.includes(String(type))) return ['needs one type'];
  const isMap = additionalProperties !== undefined;
  const hasFields = properties !== undefined || isMap;
  const fields = isObject(properties) ? properties : {};
  const foreign = strings(node['required']).filter((name) => !Object.hasOwn(fields, name));
  return [
    ...messages(
      [type === 'array' && !isObject(items), 'a list needs items'],
      [type !== 'array' && items !== undefined, 'only a list has items'],
      [type !== 'object' && hasFields, 'only an object has fields'],
      [type === 'object' && !hasFields, 'an object of what?'],
      [isMap && properties !== undefined, 'properties and additionalProperties exclude each other'],
    ),
    ...foreign.map((name) => `requires ${name}, which it does not have`),
  ];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function valueErrors(node: Json): string[] {
  const { type, format, pattern } = node;
  const values: unknown[] = Array.isArray(node['enum']) ? node['enum'] : [];
  return messages(
    [typeof format === 'string' && !FORMATS.includes(format), `unknown format ${JSON.stringify(format)}`],
    [
      typeof pattern === 'string' && !isRe2(pattern),
      `${JSON.stringify(pattern)} is no regular expression for Go`,
    ],
    [values.some((value) => typeOf(value) !== type), 'enum holds values of another type'],
    [new Set(values).size < values.length, 'enum holds a value twice'],
    ...BOUNDS.map(([low, high]) => [isAbove(node[low], node[high]), `${low} is above ${high}`] as const),
  );
}

const BOUNDS = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
] as const;

function isAbove(low: unknown, high: unknown): boolean {
  return Number(low ?? -Infinity) > Number(high ?? Infinity);
}

function isRe2(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').source !== '' && !NOT_RE2.test(pattern);
  } catch {
    return false;
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return value === null ? 'null' : typeof value;
}

function listErrors(node: Json): string[] {
  const { type, items, 'x-kubernetes-list-type': listType, 'x-kubernetes-map-type': mapType } = node;
  const keys = strings(node['x-kubernetes-list-map-keys']);
  const item = isObject(items) ? items : {};
  return [
    ...messages(
      [listType !== undefined && type !== 'array', 'only a list has a list type'],
      [mapType !== undefined && type !== 'object', 'only an object has a map type'],
      [listType !== 'map' && keys.length > 0, 'only a list of type map has keys'],
      [listType === 'map' && keys.length === 0, 'a list of type map needs keys'],
      [listType === 'set' && !SCALARS.includes(String(item['type'])), 'a set needs scalar items'],
    ),
    ...keys.flatMap((key) => keyErrors(item, key)),
  ];
}

function keyErrors(item: Json, key: string): string[] {
  const field = isObject(item['properties']) ? item['properties'][key] : undefined;
  if (!isObject(field) || !SCALARS.includes(String(field['type'])))
    return [`the key ${key} is no scalar field`];
  const given = strings(item['required']).includes(key) || field['default'] !== undefined;
  return given ? [] : [`the key ${key} may be missing`];
}

function defaultErrors(node: Json): string[] {
  return 'default' in node ? misfits(node['default'], node) : [];
}

// Inner defaults are applied before the default is checked, so a field with one is never missing.
function misfits(value: unknown, schema: Json): string[] {
  if (typeOf(value) !== schema['type'])
    return [`the default ${JSON.stringify(value)} is no ${String(schema['type'])}`];
  const values = schema['enum'] as unknown[] | undefined;
  if (values && !values.includes(value)) return [`the default ${JSON.stringify(value)} is not in enum`];
  const pattern = schema['pattern'];
  if (typeof pattern === 'string' && !new RegExp(pattern).test(String(value)))
    return ['the default breaks the pattern'];
  if (!isObject(value) || !isObject(schema['properties'])) return [];
  const fields = schema['properties'] as Record<string, Json>;
  const unknown = Object.keys(value).filter((key) => !Object.hasOwn(fields, key));
  const missing = ((schema['required'] ?? []) as string[]).filter(
    (key) => !Object.hasOwn(value, key) && fields[key]?.['default'] === undefined,
  );
  const inner = Object.entries(value).flatMap(([key, field]) =>
    fields[key] ? misfits(field, fields[key]) : [],
  );
  return [
    ...unknown.map((key) => `the default holds ${key}, which is pruned`),
    ...missing.map((key) => `the default lacks ${key}`),
    ...inner,
  ];
}

function ruleErrors(node: Json, parent: Json | undefined): string[] {
  const rules = (node['x-kubernetes-validations'] ?? []) as Json[];
  const inList = parent?.['items'] === node && parent['x-kubernetes-list-type'] !== 'map';
  return rules.flatMap(({ rule, message }) => [
    ...(typeof rule === 'string' && rule.trim() !== '' ? [] : ['a rule is empty']),
    ...(typeof message === 'string' && message.trim() !== '' && !message.includes('\n')
      ? []
      : ['a rule needs a message on one line']),
    ...(inList && String(rule).includes('oldSelf') ? ['items of this list have no oldSelf'] : []),
  ]);
}

function rootErrors(root: Json): string[] {
  const errors: string[] = [];
  if (root['type'] !== 'object') errors.push('must be an object');
  if (root['additionalProperties'] !== undefined) errors.push('additionalProperties is not allowed');
  const { metadata } = (root['properties'] ?? {}) as Record<string, Json>;
  if (!metadata) return errors;
  const { type, properties = {}, ...others } = metadata;
  const foreign = Object.keys(properties as Json).filter((key) => key !== 'name' && key !== 'generateName');
  if (type !== 'object' || foreign.length > 0 || Object.keys(others).length > 0) {
    errors.push('metadata may restrict name and generateName only');
  }
  return errors;
}

/** Ours: every string, list and map has a limit. An enum is one. */
export function unlimited(root: Json): string[] {
  const found: string[] = [];
  walk(root, (node, path) => {
    const { type } = node;
    if (type === 'string' && node['maxLength'] === undefined && node['enum'] === undefined) found.push(path);
    if (type === 'array' && node['maxItems'] === undefined) found.push(path);
    if (node['additionalProperties'] !== undefined && node['maxProperties'] === undefined) found.push(path);
  });
  return found;
}

/** Ours: every field has a description. Of metadata a CRD may say nothing. */
export function undescribed(root: Json): string[] {
  const found: string[] = [];
  walk(root, (node, path, parent) => {
    const isField = !parent || isObject(parent['properties']);
    if (isField && path !== 'metadata' && !node['description']) found.push(path);
  });
  return found;
}
