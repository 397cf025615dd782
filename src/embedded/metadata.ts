// Rules of metadata that hold for every kind (k8s.io/apimachinery/pkg/api/validation/objectmeta.go).
import { isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json.ts';
import type { FieldProblem } from './status.ts';

/** All annotations of an object together, in bytes. */
const MAX_ANNOTATION_BYTES = 262_144;
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 253;

const LABEL_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${LABEL_KEY})?`;
const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${DNS_LABEL}(\\.${DNS_LABEL})*`;
const ALPHANUMERIC =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

const hint = (text: string, examples: readonly string[], pattern: string) =>
  `${text} (e.g. ${examples.map((example) => `'${example}'`).join(',  or ')}, regex used for validation is '${pattern}')`;
const KEY_RULE = hint(ALPHANUMERIC, ['MyName', 'my.name', '123-abc'], LABEL_KEY);
const VALUE_RULE = hint(
  'a valid label must be an empty string or consist of alphanumeric characters' +
    ALPHANUMERIC.slice('must consist of alphanumeric characters'.length),
  ['MyValue', 'my_value', '12345'],
  LABEL_VALUE,
);
const SUBDOMAIN_RULE = hint(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  ['example.com'],
  SUBDOMAIN,
);
const STANDARD_FINALIZERS = ['foregroundDeletion', 'orphan', 'kubernetes'];

const matches = (pattern: string, text: string) => new RegExp(`^${pattern}$`).test(text);
const tooLong = (bytes: number) => `must be no more than ${bytes} bytes`;

/** A field with a wrong value, as the server words it. */
export function invalidValue(field: string, value: unknown, detail: string): FieldProblem {
  return {
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${JSON.stringify(value)}: ${detail}`,
  };
}

/** What is wrong with the metadata; empty if nothing is. */
export function metadataProblems(metadata: JsonObject, dotsInName: boolean): FieldProblem[] {
  return [
    ...nameProblems(textAt(metadata['name']), dotsInName),
    ...Object.entries(objectAt(metadata['labels'])).flatMap(([key, value]) => [
      ...keyRules(key).map((rule) => invalidValue('metadata.labels', key, rule)),
      ...valueRules(String(value)).map((rule) => invalidValue('metadata.labels', value, rule)),
    ]),
    ...annotationProblems(objectAt(metadata['annotations'])),
    ...listAt(metadata['ownerReferences']).flatMap(ownerProblems),
    ...managerProblems(listAt(metadata['ownerReferences']).map(objectAt)),
    ...listAt(metadata['finalizers']).flatMap(finalizerProblems),
  ];
}

/** Fields of the metadata that an update tried to change and cannot. */
export function immutableProblems(next: JsonObject, current: JsonObject): FieldProblem[] {
  return ['name', 'namespace', 'uid', 'deletionTimestamp', 'deletionGracePeriodSeconds']
    .filter((field) => next[field] !== current[field])
    .map((field) => invalidValue(`metadata.${field}`, next[field], 'field is immutable'));
}

/** Finalizers that were added to an object that is being deleted. */
export function addedFinalizers(next: JsonObject, current: JsonObject): FieldProblem[] {
  const before = listAt(current['finalizers']);
  const added = listAt(next['finalizers']).filter((finalizer) => !before.includes(finalizer));
  if (current['deletionTimestamp'] === undefined || added.length === 0) return [];
  const names = added.map((name) => JSON.stringify(name)).toSorted();
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${names.join(', ')}}`;
  return [{ reason: 'FieldValueForbidden', field: 'metadata.finalizers', message }];
}

/** What Go's decoder would say about values of the wrong type, or undefined if there are none. */
export function decodeProblem(metadata: JsonObject): string | undefined {
  for (const field of ['labels', 'annotations']) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    const wrong = isJsonObject(map)
      ? Object.values(map).find((value) => value !== null && typeof value !== 'string')
      : map;
    if (wrong === undefined) continue;
    const wanted = isJsonObject(map) ? 'string' : 'map[string]string';
    return `json: cannot unmarshal ${goType(wrong)} into Go struct field ObjectMeta.metadata.${field} of type ${wanted}`;
  }
  return undefined;
}

const METADATA_FIELDS: readonly string[] = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
];
/** Known to a real server, kept by none of ours. */
const IGNORED_FIELDS: readonly string[] = ['managedFields', 'selfLink'];

/** Fields of the metadata that no server knows, as paths. */
export function unknownMetadata(metadata: JsonObject): string[] {
  const known = [...METADATA_FIELDS, ...IGNORED_FIELDS];
  return Object.keys(metadata)
    .filter((field) => !known.includes(field))
    .map((field) => `metadata.${field}`);
}

/** The metadata as the typed decoder leaves it: without nulls, empty and unknown fields; null labels are empty. */
export function normalizedMetadata(metadata: JsonObject): JsonObject {
  const entries = Object.entries(metadata).map(([field, value]): [string, unknown] =>
    isJsonObject(value)
      ? [field, Object.fromEntries(Object.entries(value).map(([key, text]) => [key, text ?? '']))]
      : [field, value],
  );
  return Object.fromEntries(
    entries.filter(([field, value]) => METADATA_FIELDS.includes(field) && !isEmpty(value)),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}

function nameProblems(name: string, dotsInName: boolean): FieldProblem[] {
  const field = 'metadata.name';
  if (name === '') {
    const message = 'Required value: name or generateName is required';
    return [{ reason: 'FieldValueRequired', field, message }];
  }
  const rules = [];
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) rules.push(tooLong(MAX_NAME_BYTES));
  if (!matches(SUBDOMAIN, name)) rules.push(SUBDOMAIN_RULE);
  else if (!dotsInName && name.includes('.')) rules.push('must not contain dots');
  return rules.map((rule) => invalidValue(field, name, rule));
}

/** Which rules of label keys (`[domain/]name`) the text breaks. */
export function keyRules(key: string): string[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return [
      `a valid label key ${KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const rules = [];
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  if (prefix === '') rules.push('prefix part must be non-empty');
  else if (prefix !== undefined && !matches(SUBDOMAIN, prefix)) rules.push(`prefix part ${SUBDOMAIN_RULE}`);
  if (name === '') rules.push('name part must be non-empty');
  if (Buffer.byteLength(name) > MAX_LABEL_BYTES) rules.push(`name part ${tooLong(MAX_LABEL_BYTES)}`);
  if (!matches(LABEL_KEY, name)) rules.push(`name part ${KEY_RULE}`);
  return rules;
}

function valueRules(value: string): string[] {
  const rules = [];
  if (Buffer.byteLength(value) > MAX_LABEL_BYTES) rules.push(tooLong(MAX_LABEL_BYTES));
  if (!matches(LABEL_VALUE, value)) rules.push(VALUE_RULE);
  return rules;
}

function annotationProblems(annotations: JsonObject): FieldProblem[] {
  const field = 'metadata.annotations';
  const entries = Object.entries(annotations);
  const problems = entries.flatMap(([key]) =>
    keyRules(key.toLowerCase()).map((rule) => invalidValue(field, key, rule)),
  );
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key + String(value)), 0);
  if (bytes <= MAX_ANNOTATION_BYTES) return problems;
  const message = `Too long: may not be more than ${MAX_ANNOTATION_BYTES} bytes`;
  return [...problems, { reason: 'FieldValueTooLong', field, message }];
}

function ownerProblems(owner: unknown): FieldProblem[] {
  return ['apiVersion', 'kind', 'name', 'uid']
    .filter((field) => (objectAt(owner)[field] ?? '') === '')
    .map((field) => {
      const detail = field === 'apiVersion' ? 'version must not be empty' : 'must not be empty';
      return invalidValue(`metadata.ownerReferences.${field}`, '', detail);
    });
}

/** The second owner that would manage the object; the server stops there. */
function managerProblems(owners: readonly JsonObject[]): FieldProblem[] {
  const [first, second] = owners.filter(({ controller }) => controller === true);
  if (!first || !second) return [];
  const [one, another] = [first, second].map(({ kind, name }) => `${textAt(kind)}/${textAt(name)}`);
  const detail = `Only one reference can have Controller set to true. Found "true" in references for ${one} and ${another}`;
  return [invalidValue('metadata.ownerReferences', owners, detail)];
}

function finalizerProblems(finalizer: unknown, index: number): FieldProblem[] {
  const name = String(finalizer);
  const rules = keyRules(name);
  if (rules.length > 0) return rules.map((rule) => invalidValue('metadata.finalizers', name, rule));
  if (name.includes('/') || STANDARD_FINALIZERS.includes(name)) return [];
  const detail = 'name is neither a standard finalizer name nor is it fully qualified';
  return [invalidValue(`metadata.finalizers[${index}]`, name, detail)];
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
