// Rules of built-in kinds that a write of ours could break, and would only be told of by a real server.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import { EVENTS, NETWORK_POLICIES, PODS, type Resource } from '../kube/resources.ts';
import { isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json.ts';
import { invalidValue, keyRules } from './metadata.ts';
import type { FieldProblem } from './status.ts';

/** What is wrong with an object of a built-in kind; `old` is the stored one on an update. */
export function builtInProblems(
  resource: Resource,
  next: KubeObject,
  old: KubeObject | undefined,
): FieldProblem[] {
  if (resource === PODS && old) return podUpdateProblems(next, old);
  if (resource === EVENTS && !old) return eventProblems(next);
  return [];
}

const FROZEN_POD_FIELDS =
  'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function podUpdateProblems(next: KubeObject, old: KubeObject): FieldProblem[] {
  if (isDeepStrictEqual(frozenSpec(next), frozenSpec(old))) return [];
  return [{ reason: 'FieldValueForbidden', field: 'spec', message: FROZEN_POD_FIELDS }];
}

function frozenSpec(pod: KubeObject): JsonObject {
  const all = objectAt(pod['spec']);
  const { activeDeadlineSeconds: _a, tolerations: _t, terminationGracePeriodSeconds: _g, ...spec } = all;
  const withoutImages = (containers: unknown) =>
    listAt(containers).map((container) => ({ ...objectAt(container), image: '' }));
  return {
    ...spec,
    containers: withoutImages(spec['containers']),
    initContainers: withoutImages(spec['initContainers']),
  };
}

/** Rules of events.k8s.io/v1 (pkg/apis/core/validation/events.go); sizes in bytes. */
const EVENT_FIELDS = [
  { field: 'reportingController', limit: 63 },
  { field: 'reportingInstance', limit: 128 },
  { field: 'action', limit: 128 },
  { field: 'reason', limit: 128 },
];
const MAX_NOTE_BYTES = 1024;
/** Namespaces of events about cluster-scoped objects. */
const CLUSTER_EVENT_NAMESPACES = ['default', 'kube-system'];

function eventProblems(event: KubeObject): FieldProblem[] {
  const isTimed = textAt(event['eventTime']) !== '';
  const type = textAt(event['type']);
  return [
    ...namespaceProblems(event),
    ...(isTimed ? EVENT_FIELDS.flatMap((rule) => eventFieldProblems(event, rule)) : []),
    ...(Buffer.byteLength(textAt(event['note'])) > MAX_NOTE_BYTES
      ? [invalidValue('message', '', `can have at most ${MAX_NOTE_BYTES} characters`)]
      : []),
    ...(isTimed ? [] : [requiredValue('eventTime')]),
    ...(['Normal', 'Warning'].includes(type) ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
  ];
}

function namespaceProblems({ metadata, regarding }: KubeObject): FieldProblem[] {
  const { namespace = '' } = metadata;
  const about = textAt(objectAt(regarding)['namespace']);
  const fits = about === namespace || (about === '' && CLUSTER_EVENT_NAMESPACES.includes(namespace));
  return fits ? [] : [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
}

function eventFieldProblems(
  event: KubeObject,
  { field, limit }: { field: string; limit: number },
): FieldProblem[] {
  const text = textAt(event[field]);
  const isName = field === 'reportingController';
  return [
    ...(text === '' ? [requiredValue(field)] : []),
    ...(isName ? keyRules(text).map((rule) => invalidValue(field, text, rule)) : []),
    ...(!isName && Buffer.byteLength(text) > limit
      ? [invalidValue(field, '', `can have at most ${limit} characters`)]
      : []),
  ];
}

function requiredValue(field: string): FieldProblem {
  return { reason: 'FieldValueRequired', field, message: 'Required value' };
}

/** Known fields below a field; a leaf knows all that is in it. */
type Fields = { readonly [field: string]: Fields } | undefined;

const PEER: Fields = { podSelector: undefined, namespaceSelector: undefined, ipBlock: undefined };
const PORT: Fields = { port: undefined, protocol: undefined, endPort: undefined };
/** A misspelt peer list is an allow-all, so these are worth knowing. */
const NETWORK_POLICY: Fields = {
  apiVersion: undefined,
  kind: undefined,
  metadata: undefined,
  spec: {
    podSelector: undefined,
    policyTypes: undefined,
    ingress: { from: PEER, ports: PORT },
    egress: { to: PEER, ports: PORT },
  },
};

/** Paths of fields that the kind does not know, for the kinds whose fields are listed here. */
export function unknownBuiltInFields(resource: Resource, object: JsonObject): string[] {
  return resource === NETWORK_POLICIES ? unknownIn(object, NETWORK_POLICY, '') : [];
}

function unknownIn(value: unknown, fields: Fields, path: string): string[] {
  if (fields === undefined) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => unknownIn(item, fields, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) => {
    const here = path === '' ? field : `${path}.${field}`;
    return Object.hasOwn(fields, field) ? unknownIn(inner, fields[field], here) : [here];
  });
}
