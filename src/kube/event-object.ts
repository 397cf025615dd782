// Builds Events of the group events.k8s.io/v1 within the limits that the API server sets.
import type { KubeObject } from '../api/meta.ts';
import { OPERATOR_NAME } from '../api/names.ts';
import type { Clock, Random } from './clock.ts';
import { apiVersionOf, EVENTS } from './resources.ts';
import { cleanText } from './text.ts';

/** An object that an Event is about. */
export interface ObjectReference {
  apiVersion: string;
  kind: string;
  /** Absent for cluster-scoped objects. */
  namespace?: string;
  name: string;
  uid?: string;
}

/** What happened. */
export interface EventInput {
  regarding: ObjectReference;
  /** A second object, e.g. the incident of a pod. */
  related?: ObjectReference;
  type: 'Normal' | 'Warning';
  /** Why, one word in UpperCamelCase. */
  reason: string;
  /** What was done, one word in UpperCamelCase. */
  action: string;
  /** For people; cleaned and cut to 1024 bytes. */
  note: string;
}

// Limits of `ValidateEvent` in kubernetes/pkg/apis/core/validation/events.go, which count bytes.
const MAX_NOTE_BYTES = 1024;
const MAX_WORD_BYTES = 128;
/** A DNS subdomain. */
const MAX_NAME_LENGTH = 253;

/** Namespace of the Event: that of the object, or `default` for a cluster-scoped one. */
function eventNamespace(regarding: ObjectReference): string {
  return regarding.namespace ?? 'default';
}

/** An Event as it is sent. */
export interface EventObject extends Pick<KubeObject, 'apiVersion' | 'kind'>, EventInput {
  metadata: { name: string; namespace: string };
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
}

/** The Event of what happened now. `reportingInstance` says which replica speaks. */
export function eventObject(
  input: EventInput,
  reportingInstance: string,
  { clock, random }: { clock: Clock; random: Random },
): EventObject {
  const { regarding, related, type, reason, action, note } = input;
  const now = clock.now();
  return {
    apiVersion: apiVersionOf(EVENTS),
    kind: EVENTS.kind,
    metadata: { name: eventName(regarding.name, now, random), namespace: eventNamespace(regarding) },
    eventTime: microTime(now),
    type,
    reason: cleanText(reason, MAX_WORD_BYTES),
    action: cleanText(action, MAX_WORD_BYTES),
    note: cleanText(note, MAX_NOTE_BYTES),
    regarding,
    ...(related === undefined ? {} : { related }),
    reportingController: OPERATOR_NAME,
    reportingInstance: cleanText(reportingInstance, MAX_WORD_BYTES),
  };
}

/** `metav1.MicroTime`: six digits of a second; clocks of ours have three. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** As client-go names them, `<object>.<time in hex>`, with 48 random bits since replicas share a millisecond. */
function eventName(object: string, now: number, random: Random): string {
  const suffix = `.${now.toString(16)}${hex24(random)}${hex24(random)}`;
  const prefix = object.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
  return trimToLabel(prefix.slice(0, MAX_NAME_LENGTH - suffix.length)) + suffix;
}

const hex24 = (random: Random): string =>
  Math.floor(random() * 0x1000000)
    .toString(16)
    .padStart(6, '0');

/** Each part of a DNS subdomain begins and ends with a letter or digit. */
function trimToLabel(name: string): string {
  return name.replace(/^[.-]+/, '').replace(/[.-]+$/, '') || 'event';
}
