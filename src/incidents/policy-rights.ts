// Which rights the actions of a policy need: the calls of a response as a table, and what people are told of those that
// are missing. Not here: what a responder needs to run at all (its watches), without which it is not ready itself.
import { STEPS, type StepName } from '../api/incident.ts';
import { QUARANTINE_POLICY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import type { Action, PolicyKind } from '../api/policy.ts';
import type { Access } from '../kube/access-reviews.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  CORE_EVENTS,
  DAEMON_SETS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  ENDPOINT_SLICES,
  JOBS,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  RESOURCE_QUOTAS,
  SERVICE_ACCOUNTS,
  STATEFUL_SETS,
  type ObjectPath,
} from '../kube/resources.ts';

/** A right that a policy needs. */
export interface NeededRight extends Access {
  /** The steps that fail without it; none: evidence has a gap without it, and nothing waits. */
  stops: readonly StepName[];
  /** Without it what a workload can spare is not known in full, and nothing waits. */
  counts?: true;
}

/** One line of the table. */
interface Row extends Omit<Access, 'at'> {
  steps: readonly StepName[];
  /** Only policies of this kind need it. */
  of?: PolicyKind;
  /** Where, given the namespace, undefined for the whole cluster; absent: on every object of the namespace. */
  at?: (namespace: string | undefined) => ObjectPath;
}

/** What an action can come to. Only what changed a pod is released or, when its incident is deleted, contained. */
const STEPS_OF: Readonly<Record<Action, readonly StepName[]>> = {
  Label: ['Label', 'Release'],
  Isolate: ['Isolate', 'Release', 'Contain'],
  Capture: ['Capture'],
  Evict: ['Evict', 'Touch'],
  Restart: ['Keep', 'Evict', 'Touch', 'Restart'],
};
const EVERY_ACTION: readonly StepName[] = ['Label', 'Isolate', 'Capture', 'Evict'];
/** Whoever may make pods has the powers of every ServiceAccount there: nobody is asked for that in the whole cluster. */
const TO_RESTART: readonly Row[] = [
  { steps: ['Keep'], verb: 'create', resource: CONTROLLER_REVISIONS },
  { steps: ['Keep', 'Restart'], verb: 'get', resource: CONTROLLER_REVISIONS },
  // Also to ask, before the eviction, whether the copy would be taken.
  { steps: ['Keep', 'Restart'], verb: 'create', resource: PODS },
];

const anywhere = (): ObjectPath => ({});
const inside = (namespace: string | undefined): ObjectPath => (namespace === undefined ? {} : { namespace });
const part = (subresource: string) => (namespace: string | undefined) => ({
  ...inside(namespace),
  subresource,
});
const denyPolicy = (namespace: string | undefined) => ({ ...inside(namespace), name: QUARANTINE_POLICY });
const pauseSwitch = () => ({ namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP });
// A Namespace is authorized as an object in itself.
const itself = (namespace: string | undefined): ObjectPath =>
  namespace === undefined ? {} : { namespace, name: namespace };

/** Without one of these a step fails. */
const TO_ACT: readonly Row[] = [
  // Incident and pod are read live before each step, and what became of it is recorded.
  { steps: EVERY_ACTION, verb: 'get', resource: DRIFT_INCIDENTS },
  { steps: EVERY_ACTION, verb: 'patch', resource: DRIFT_INCIDENTS, at: part('status') },
  { steps: EVERY_ACTION, verb: 'get', resource: PODS },
  // The finalizer, put on before the pod is changed and taken off once it is not.
  { steps: ['Label', 'Isolate', 'Release', 'Contain'], verb: 'patch', resource: DRIFT_INCIDENTS },
  { steps: ['Label', 'Isolate', 'Release'], verb: 'patch', resource: PODS },
  { steps: ['Isolate'], verb: 'get', resource: NETWORK_POLICIES, at: denyPolicy },
  { steps: ['Isolate'], verb: 'patch', resource: NETWORK_POLICIES, at: denyPolicy },
  // RBAC does not see the name of what is created.
  { steps: ['Isolate'], verb: 'create', resource: NETWORK_POLICIES },
  { steps: ['Evict'], verb: 'create', resource: PODS, at: part('eviction') },
  { steps: ['Touch'], verb: 'get', resource: STATEFUL_SETS },
  { steps: ['Touch'], verb: 'patch', resource: STATEFUL_SETS },
  // A policy that was just turned to Audit must stop the eviction.
  { of: 'DriftPolicy', steps: ['Evict'], verb: 'get', resource: DRIFT_POLICIES },
  {
    of: 'ClusterDriftPolicy',
    steps: ['Evict'],
    verb: 'get',
    resource: CLUSTER_DRIFT_POLICIES,
    at: anywhere,
  },
  // A switch that cannot be read counts as paused.
  { steps: ['Evict', 'Contain'], verb: 'get', resource: CONFIG_MAPS, at: pauseSwitch },
  // Whether a deleted incident goes along with its namespace.
  { steps: ['Release', 'Contain'], verb: 'get', resource: NAMESPACES, at: itself },
  { steps: ['Contain'], verb: 'delete', resource: PODS },
];

/** What is looked at before a pod is taken out of its workload: without it the plan says that it was not. */
const TO_COUNT: readonly Omit<Row, 'steps'>[] = [
  { verb: 'list', resource: POD_DISRUPTION_BUDGETS },
  { verb: 'list', resource: RESOURCE_QUOTAS },
];

/** What the collectors read besides: what may not be read is noted in the evidence as missing, and the response goes on. */
const TO_CAPTURE: readonly Omit<Row, 'steps'>[] = [
  { verb: 'get', resource: PODS, at: part('log') },
  { verb: 'list', resource: CORE_EVENTS },
  { verb: 'get', resource: SERVICE_ACCOUNTS },
  { verb: 'get', resource: REPLICA_SETS },
  { verb: 'get', resource: DEPLOYMENTS },
  { verb: 'get', resource: STATEFUL_SETS },
  { verb: 'get', resource: DAEMON_SETS },
  { verb: 'get', resource: JOBS },
  { verb: 'list', resource: ENDPOINT_SLICES },
  { verb: 'list', resource: NETWORK_POLICIES },
  { verb: 'list', resource: POD_DISRUPTION_BUDGETS },
  { verb: 'get', resource: NAMESPACES, at: itself },
  { verb: 'get', resource: NODES, at: anywhere },
];

/** The rights that these actions of a policy need in a namespace, or in the whole cluster, each once. */
export function rightsFor(
  actions: readonly Action[],
  namespace: string | undefined,
  kind: PolicyKind = 'DriftPolicy',
): NeededRight[] {
  const steps = new Set(actions.flatMap((action) => STEPS_OF[action]));
  const rows = namespace === undefined ? TO_ACT : [...TO_ACT, ...TO_RESTART];
  const toAct = rows
    .filter(({ of = kind }) => of === kind)
    .map((row) =>
      toRight(
        row,
        namespace,
        row.steps.filter((step) => steps.has(step)),
      ),
    );
  const takesOut = steps.has('Isolate') || steps.has('Evict');
  const toCount = takesOut
    ? TO_COUNT.map((row) => ({ ...toRight(row, namespace, []), counts: true as const }))
    : [];
  const needed = [...toAct.filter(({ stops }) => stops.length > 0), ...toCount];
  if (!steps.has('Capture')) return needed;
  const named = new Set(needed.map(keyOf));
  const toCapture = TO_CAPTURE.map((row) => toRight(row, namespace, []));
  return [...needed, ...toCapture.filter((right) => !named.has(keyOf(right)))];
}

/** The rights that these actions of a policy need in several places, each once. */
export function rightsIn(
  actions: readonly Action[],
  places: readonly (string | undefined)[],
  kind: PolicyKind,
): NeededRight[] {
  const all = places.flatMap((place) => rightsFor(actions, place, kind));
  return [...new Map(all.map((right) => [keyOf(right), right])).values()];
}

/** The rights to make pods anew, in each of these namespaces; they are given namespace by namespace. */
export function restartRights(namespaces: readonly string[]): NeededRight[] {
  return namespaces.flatMap((namespace) => TO_RESTART.map((row) => toRight(row, namespace, row.steps)));
}

function toRight(
  { verb, resource, at = inside }: Omit<Row, 'steps'>,
  namespace: string | undefined,
  stops: readonly StepName[],
): NeededRight {
  return { verb, resource, at: at(namespace), stops };
}

const CURE = 'Install config/overlays/enforce.';

const RESTART_CURE = 'See docs/restart.md.';
/** Bytes that a condition and an Event have room for. */
const MAX_TEXT = 1_000;
/** Places that a message names. */
const MAX_PLACES = 3;

function inFewPlaces(rights: readonly NeededRight[]): string {
  const places = [...new Set(rights.map(({ at }) => at.namespace))];
  const named = new Set(places.slice(0, MAX_PLACES));
  const more = places.length - named.size;
  const some = listed(rights.filter(({ at }) => named.has(at.namespace)));
  return more > 0 ? `${some}, and in ${more} more namespaces` : some;
}

/**
 * For people: every right that is missing, what that means for the policy, and what to do.
 * @param missing at least one. With all rights missing in a namespace of 63 letters it stays below 1,000 bytes.
 */
export function describeMissing(missing: readonly NeededRight[]): string {
  const gaps = missing.filter(isGapOnly);
  const toAct = missing.filter((right) => !isGapOnly(right));
  const stopped = STEPS.filter((step) => toAct.some(({ stops }) => stops.includes(step)));
  const sentences = [
    toAct.length > 0
      ? `die-operator lacks ${inFewPlaces(toAct)}. These steps fail and are retried: ${stopped.join(', ')}.`
      : 'Responses are carried out.',
    ...(gaps.length > 0 ? [`${lostWithout(gaps)} without ${listed(gaps)}.`] : []),
    CURE,
  ];
  const text = sentences.join(' ');
  const told = stopped.includes('Restart') ? `${text} ${RESTART_CURE}` : text;
  return Buffer.byteLength(told) <= MAX_TEXT ? told : withPlaceOnce(text, toAct[0]?.at.namespace);
}

// The name of a namespace can be most of the text.
function withPlaceOnce(text: string, namespace: string | undefined): string {
  const place = `in namespace ${namespace}`;
  const after = text.indexOf(place) + place.length;
  return text.slice(0, after) + text.slice(after).replaceAll(place, 'there');
}

function lostWithout(gaps: readonly NeededRight[]): string {
  return gaps.some(({ counts }) => counts) ? 'Facts are missing' : 'Evidence has gaps';
}

/** Whether the response goes on without it as if it were there, with less evidence. */
export function isGapOnly({ stops }: NeededRight): boolean {
  return stops.length === 0;
}

/** `pods patch/delete, pods/eviction create in namespace shop, and nodes get`. */
export function listed(rights: readonly Access[]): string {
  const places = Map.groupBy(rights, ({ at }) => at.namespace);
  const parts = [...places].map(([namespace, there]) => {
    const kinds = Map.groupBy(there, pathOf);
    const names = [...kinds].map(([path, ofKind]) => `${path} ${ofKind.map(({ verb }) => verb).join('/')}`);
    return names.join(', ') + (namespace === undefined ? '' : ` in namespace ${namespace}`);
  });
  return parts.join(', and ');
}

// The resource as RBAC writes it, `pods/log`, with the group as kubectl does.
function pathOf({ resource: { plural, group }, at: { subresource } }: Access): string {
  return `${plural}${group && `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
}

function keyOf({ verb, resource, at }: Access): string {
  return JSON.stringify([verb, resource.group, resource.plural, at]);
}
