// The CustomResourceDefinitions are such as an API server takes, and say of our kinds what they should.
import { describe, expect, it } from 'vitest';
import { crdDocuments, CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../../src/kube/resources.ts';
import { isObject, structuralErrors, undescribed, unlimited, walk, type Json } from './structural-rules.ts';

const schemas = CUSTOM_KINDS.map((kind) => [kind.kind, openApiSchema(kind) as unknown as Json] as const);
const documents = crdDocuments() as {
  metadata: { name: string };
  spec: { group: string; names: Record<string, unknown>; scope: string; versions: Json[] };
}[];

function nodesOf(schema: Json): Json[] {
  const nodes: Json[] = [];
  walk(schema, (node) => nodes.push(node));
  return nodes;
}

function nodeAt(schema: Json, path: string): Json {
  const found: Json[] = [];
  walk(schema, (node, at) => {
    if (at === path) found.push(node);
  });
  const [node] = found;
  if (!node) throw new Error(`there is no field ${path}`);
  return node;
}

const schemaOf = (kind: string): Json => schemas.find(([name]) => name === kind)?.[1] ?? {};

describe.each(schemas)('the schema of %s', (_, schema) => {
  it('is structural', () => expect(structuralErrors(schema)).toEqual([]));
  it('limits every string, list and map', () => expect(unlimited(schema)).toEqual([]));
  it('describes every field', () => expect(undescribed(schema)).toEqual([]));

  it('requires what an object cannot be without, and no status', () => {
    expect(schema['required']).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
  });

  it('limits the length of the keys of every map', () => {
    const withoutRule: string[] = [];
    walk(schema, (node, path) => {
      const rules = JSON.stringify(node['x-kubernetes-validations'] ?? '');
      if (isObject(node['additionalProperties']) && !rules.includes('size(key)')) withoutRule.push(path);
    });
    expect(withoutRule).toEqual([]);
  });

  it('anchors every pattern, as an API server looks for it anywhere in the text', () => {
    const patterns = nodesOf(schema).flatMap(({ pattern }) => (typeof pattern === 'string' ? [pattern] : []));
    expect(patterns.filter((pattern) => !/^\^.*\$$/.test(pattern))).toEqual([]);
  });

  it('gives times to the format date-time, which knows fractions and offsets, and not to a pattern', () => {
    const times = nodesOf(schema).filter(({ format }) => format === 'date-time');
    expect(times.length).toBeGreaterThan(0);
    expect(times.filter(({ pattern }) => pattern !== undefined)).toEqual([]);
  });

  it('holds no limits of JavaScript’s integers', () => {
    expect(JSON.stringify(schema)).not.toContain(String(Number.MAX_SAFE_INTEGER));
  });
});

describe('fields that carry more than a type', () => {
  it.each([
    ['DriftPolicy', 'spec', { required: ['responses'] }],
    [
      'DriftPolicy',
      'spec.responses',
      { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
    ],
    ['DriftPolicy', 'spec.responses[].actions', { 'x-kubernetes-list-type': 'set', minItems: 1 }],
    ['DriftPolicy', 'spec.responses[]', { required: ['name', 'actions'] }],
    ['DriftPolicy', 'spec.mode', { default: 'Audit', enum: ['Audit', 'Enforce'] }],
    ['DriftPolicy', 'spec.eviction', { default: {} }],
    ['DriftPolicy', 'spec.eviction.gracePeriodSeconds', { default: 1, minimum: 1, maximum: 3600 }],
    ['DriftPolicy', 'spec.match.podSelector', { 'x-kubernetes-map-type': 'atomic' }],
    ['DriftPolicy', 'spec.match.podSelector.matchLabels', { maxProperties: 16 }],
    ['DriftIncident', 'spec', { required: ['target', 'trigger'] }],
    ['DriftIncident', 'spec.target.containers', { 'x-kubernetes-list-map-keys': ['name'] }],
    ['DriftIncident', 'spec.trigger.detection.time', { format: 'date-time', maxLength: 40 }],
    ['DriftIncident', 'status', { default: {} }],
    ['DriftIncident', 'status.reports', { default: {}, maxProperties: 32 }],
    ['DriftIncident', 'status.conditions', { 'x-kubernetes-list-map-keys': ['type'] }],
  ])('%s %s', (kind, path, expected) => expect(nodeAt(schemaOf(kind), path)).toMatchObject(expected));

  it.each(['spec.target', 'spec.trigger'])('%s of an incident is a record', (path) => {
    const rules = nodeAt(schemaOf('DriftIncident'), path)['x-kubernetes-validations'];
    expect(rules).toEqual([
      { rule: 'self == oldSelf', message: `${path} is a record and cannot be changed` },
    ]);
  });
});

describe('the documents', () => {
  it.each([
    [DRIFT_POLICIES, 'dp'],
    [DRIFT_INCIDENTS, 'di'],
  ])('name $plural as the client asks for them', ({ group, plural, kind, version, namespaced }, short) => {
    const document = documents.find(({ metadata }) => metadata.name === `${plural}.${group}`);
    expect(document).toMatchObject({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      spec: {
        group,
        scope: namespaced ? 'Namespaced' : 'Cluster',
        names: { kind, plural, listKind: `${kind}List`, shortNames: [short], categories: ['die'] },
        versions: [{ name: version, served: true, storage: true, subresources: { status: {} } }],
      },
    });
    expect(document?.spec.names['singular']).toBe(kind.toLowerCase());
  });

  it('has a document for each kind', () => expect(documents).toHaveLength(CUSTOM_KINDS.length));

  it.each([
    ['DriftPolicy', ['Mode', 'Accepted', 'Ready', 'Age'], ['Reason', 'Message']],
    ['DriftIncident', ['Pod', 'Severity', 'Phase', 'Isolated', 'Age'], ['Rule']],
  ])('shows the columns of %s', (kind, always, wide) => {
    const columns = CUSTOM_KINDS.find((custom) => custom.kind === kind)?.columns ?? [];
    expect(columns.filter(({ priority }) => !priority).map(({ name }) => name)).toEqual(always);
    expect(columns.filter(({ priority }) => priority).map(({ name }) => name)).toEqual(wide);
  });

  // The creation time is in every object's metadata, of which a CRD says nothing.
  const shown = CUSTOM_KINDS.flatMap(({ kind, columns }) =>
    columns
      .filter(({ jsonPath }) => jsonPath !== '.metadata.creationTimestamp')
      .map(({ name, jsonPath }) => ({ kind, name, jsonPath })),
  );
  it.each(shown)('the column $name of $kind shows a field that there is', ({ kind, jsonPath }) => {
    const path = jsonPath.slice(1).replace(/\[\?\(@\.type=="[A-Za-z]+"\)\]/, '[]');
    expect(nodeAt(schemaOf(kind), path)['type']).toBe('string');
  });
});
