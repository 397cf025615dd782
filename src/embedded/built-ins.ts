// Rules of built-in kinds that a write of ours could break, and would only be told of by a real server.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import {
  CONTROLLER_REVISIONS,
  CORE_EVENTS,
  EVENTS,
  LEASES,
  NETWORK_POLICIES,
  PODS,
  SELF_SUBJECT_ACCESS_REVIEWS,
  type Resource,
} from '../kube/resources.ts';
import { eventFields } from './event-forms.ts';
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
  if (resource === CONTROLLER_REVISIONS) return revisionProblems(next, old);
  if ((resource === EVENTS || resource === CORE_EVENTS) && !old) return eventProblems(resource, next);
  return [];
}

function revisionProblems(next: KubeObject, old: KubeObject | undefined): FieldProblem[] {
  const { data = null, revision = 0 } = next;
  if (old && !isDeepStrictEqual(data, old['data'])) return [invalidValue('data', data, 'field is immutable')];
  const mandatory = data === null ? 'data is mandatory' : 'data must be a valid JSON object';
  return [
    ...(isJsonObject(data)
      ? []
      : [{ reason: 'FieldValueRequired', field: 'data', message: `Required value: ${mandatory}` }]),
    ...(Number(revision) < 0
      ? [invalidValue('revision', Number(revision), 'must be greater than or equal to 0')]
      : []),
  ];
}

const FROZEN_POD_FIELDS =
  'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

const FROZEN_TOLERATION = 'Forbidden: existing toleration can not be modified except its tolerationSeconds';

function podUpdateProblems(next: KubeObject, old: KubeObject): FieldProblem[] {
  const forbidden = (field: string, message: string) => [{ reason: 'FieldValueForbidden', field, message }];
  if (!isDeepStrictEqual(frozenSpec(next), frozenSpec(old))) return forbidden('spec', FROZEN_POD_FIELDS);
  return keepsTolerations(next, old) ? [] : forbidden('spec.tolerations', FROZEN_TOLERATION);
}

/** Tolerations can be added, and their seconds can change. */
function keepsTolerations(next: KubeObject, old: KubeObject): boolean {
  const [after, before] = [next, old].map((pod) =>
    listAt(objectAt(pod['spec'])['tolerations']).map((toleration) => {
      const { tolerationSeconds: _seconds, ...rest } = objectAt(toleration);
      return rest;
    }),
  );
  return (before ?? []).every((kept) => after?.some((toleration) => isDeepStrictEqual(toleration, kept)));
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

/** Rules of Events with a time (pkg/apis/core/validation/events.go); sizes in bytes. */
const EVENT_FIELDS = [
  { field: 'reportingInstance', limit: 128 },
  { field: 'action', limit: 128 },
  { field: 'reason', limit: 128 },
];
const MAX_NOTE_BYTES = 1024;
/** Namespaces of events about cluster-scoped objects. */
const CLUSTER_EVENT_NAMESPACES = ['default', 'kube-system'];

/** The core API takes Events without a time as clients of old send them. */
function eventProblems(resource: Resource, event: KubeObject): FieldProblem[] {
  const isModern = resource === EVENTS;
  const isTimed = textAt(event['eventTime']) !== '';
  const type = textAt(event['type']);
  return [
    ...namespaceProblems(event, isModern ? 'regarding' : 'involvedObject'),
    ...(isTimed ? reporterProblems(event, isModern ? 'reportingController' : 'reportingComponent') : []),
    ...(isTimed ? EVENT_FIELDS.flatMap((rule) => eventFieldProblems(event, rule)) : []),
    ...(isTimed || isModern ? noteProblems(textAt(event[isModern ? 'note' : 'message'])) : []),
    ...(isTimed || !isModern ? [] : [requiredValue('eventTime')]),
    ...(isModern && !['Normal', 'Warning'].includes(type)
      ? [invalidValue('type', '', `has invalid value: ${type}`)]
      : []),
  ];
}

function noteProblems(note: string): FieldProblem[] {
  if (Buffer.byteLength(note) <= MAX_NOTE_BYTES) return [];
  return [invalidValue('message', '', `can have at most ${MAX_NOTE_BYTES} characters`)];
}

function namespaceProblems(event: KubeObject, field: string): FieldProblem[] {
  const { namespace = '' } = event.metadata;
  const about = textAt(objectAt(event[field])['namespace']);
  const fits = about === namespace || (about === '' && CLUSTER_EVENT_NAMESPACES.includes(namespace));
  return fits ? [] : [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
}

function reporterProblems(event: KubeObject, field: string): FieldProblem[] {
  const name = textAt(event[field]);
  return [
    ...(name === '' ? [requiredValue(field)] : []),
    ...keyRules(name).map((rule) => invalidValue(field, name, rule)),
  ];
}

function eventFieldProblems(
  event: KubeObject,
  { field, limit }: { field: string; limit: number },
): FieldProblem[] {
  const text = textAt(event[field]);
  if (text === '') return [requiredValue(field)];
  if (Buffer.byteLength(text) <= limit) return [];
  return [invalidValue(field, '', `can have at most ${limit} characters`)];
}

function requiredValue(field: string): FieldProblem {
  return { reason: 'FieldValueRequired', field, message: 'Required value' };
}

/** Known fields below a field; a leaf knows all that is in it. */
type Fields = { readonly [field: string]: Fields } | undefined;

const leaves = (...names: string[]): NonNullable<Fields> =>
  Object.fromEntries(names.map((name) => [name, undefined]));
const OBJECT = leaves('apiVersion', 'kind', 'metadata');
const PEER = leaves('podSelector', 'namespaceSelector', 'ipBlock');
const PORT = leaves('port', 'protocol', 'endPort');

/**
 * Of the kinds that are written by us: these are worth knowing, since a misspelt peer list is an allow-all, and a misspelt
 * attribute of an access review another question.
 */
const KNOWN_FIELDS: ReadonlyMap<Resource, Fields> = new Map([
  [
    NETWORK_POLICIES,
    {
      ...OBJECT,
      spec: {
        ...leaves('podSelector', 'policyTypes'),
        ingress: { from: PEER, ports: PORT },
        egress: { to: PEER, ports: PORT },
      },
    },
  ],
  [CONTROLLER_REVISIONS, { ...OBJECT, ...leaves('data', 'revision') }],
  [CORE_EVENTS, { ...OBJECT, ...leaves(...eventFields(CORE_EVENTS)) }],
  [EVENTS, { ...OBJECT, ...leaves(...eventFields(EVENTS)) }],
  [
    LEASES,
    {
      ...OBJECT,
      spec: leaves(
        'holderIdentity',
        'leaseDurationSeconds',
        'acquireTime',
        'renewTime',
        'leaseTransitions',
        'strategy',
        'preferredHolder',
      ),
    },
  ],
  [
    SELF_SUBJECT_ACCESS_REVIEWS,
    {
      ...OBJECT,
      ...leaves('status'),
      spec: {
        ...leaves('nonResourceAttributes'),
        resourceAttributes: leaves(
          'namespace',
          'verb',
          'group',
          'version',
          'resource',
          'subresource',
          'name',
          'fieldSelector',
          'labelSelector',
        ),
      },
    },
  ],
]);

/** Paths of fields that the kind does not know, for the kinds whose fields are listed here. */
export function unknownBuiltInFields(resource: Resource, object: JsonObject): string[] {
  return unknownIn(object, KNOWN_FIELDS.get(resource), '');
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
