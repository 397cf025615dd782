// Events have two APIs and one store: each is kept in the form of core/v1 and in that of events.k8s.io/v1, whose fields have
// other names (kubernetes/pkg/apis/events/v1/conversion.go).
import type { KubeObject } from '../api/meta.ts';
import { apiVersionOf, CORE_EVENTS, EVENTS, type Resource } from '../kube/resources.ts';
import type { JsonObject } from './json.ts';

/** An object as one API shows it. */
export interface Form {
  resource: Resource;
  object: KubeObject;
}

/** A field under both names, and what is sent where it is empty; absent: then it is left out. */
interface EventField {
  core: string;
  modern: string;
  blanks?: { core: unknown; modern?: unknown };
}

const same = (name: string): EventField => ({ core: name, modern: name });
const OBJECT = { core: {}, modern: {} };
const TIME = { core: null, modern: null };
const TEXT = { core: '' };

const FIELDS: readonly EventField[] = [
  { core: 'involvedObject', modern: 'regarding', blanks: OBJECT },
  same('reason'),
  { core: 'message', modern: 'note' },
  { core: 'source', modern: 'deprecatedSource', blanks: OBJECT },
  { core: 'firstTimestamp', modern: 'deprecatedFirstTimestamp', blanks: TIME },
  { core: 'lastTimestamp', modern: 'deprecatedLastTimestamp', blanks: TIME },
  { core: 'count', modern: 'deprecatedCount' },
  same('type'),
  { ...same('eventTime'), blanks: TIME },
  same('series'),
  same('action'),
  same('related'),
  { core: 'reportingComponent', modern: 'reportingController', blanks: TEXT },
  { ...same('reportingInstance'), blanks: TEXT },
];

type Api = 'core' | 'modern';
const RESOURCES = { core: CORE_EVENTS, modern: EVENTS } as const;

function apiOf(resource: Resource): Api | undefined {
  if (resource === CORE_EVENTS) return 'core';
  return resource === EVENTS ? 'modern' : undefined;
}

/** The resources that show the same objects, the asked one first. */
export function sharedBy(resource: Resource): Resource[] {
  const api = apiOf(resource);
  if (api === undefined) return [resource];
  return api === 'core' ? [CORE_EVENTS, EVENTS] : [EVENTS, CORE_EVENTS];
}

/** The object as each of {@link sharedBy} shows it. */
export function formsOf(resource: Resource, object: KubeObject): Form[] {
  const api = apiOf(resource);
  if (api === undefined) return [{ resource, object }];
  return sharedBy(resource).map((shown) => ({
    resource: shown,
    object: converted(object, api, apiOf(shown) ?? api),
  }));
}

function converted(event: KubeObject, from: Api, to: Api): KubeObject {
  const { kind } = RESOURCES[to];
  const fields: JsonObject = {};
  for (const field of FIELDS) {
    const given = event[field[from]];
    const isBlank = given === undefined || given === null || given === '' || given === 0;
    const value = isBlank ? field.blanks?.[to] : given;
    if (value !== undefined) fields[field[to]] = value;
  }
  return { kind, apiVersion: apiVersionOf(RESOURCES[to]), metadata: event.metadata, ...fields };
}

/** Names of the fields of an Event in that API, without those that every object has. */
export function eventFields(resource: Resource): string[] {
  return FIELDS.map((field) => field[apiOf(resource) ?? 'core']);
}
