// POST pods/<name>/eviction: a deletion that disruption budgets can refuse
// (pkg/registry/core/pod/storage/eviction.go).
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import { POD_DISRUPTION_BUDGETS } from '../kube/resources.ts';
import { admit } from './admission.ts';
import { serverTime, subjectOf, type Backend, type ObjectTarget, type WriteMode } from './backend.ts';
import { withDisruptionCondition, withPodCondition, type Budget } from './conditions.ts';
import { deleteAdmitted, readOptions, type DeleteOptions } from './deletes.ts';
import { objectAt, textAt, type JsonObject } from './json.ts';
import { kindOf } from './kinds.ts';
import { getObject } from './reads.ts';
import { selects } from './selectors.ts';
import { badRequest, disruptionRefused, failure } from './status.ts';
import { updateObject } from './updates.ts';
import { strictDecodingError } from './validators.ts';

/** Seconds that a client is told to wait while a budget's status is out of date. */
const STALE_RETRY_SECONDS = 10;

/**
 * Evicts the pod or throws: 404, 409 for a failed precondition (which has used up the budget, as in the real one),
 * 429 for a budget, 500 for two budgets. A dry run checks all and uses up nothing.
 */
export function evictPod(backend: Backend, target: ObjectTarget, body: JsonObject, mode: WriteMode): void {
  checkBody(body, target, mode.strict);
  const options = { ...readOptions(objectAt(body['deleteOptions'])) };
  options.dryRun ||= mode.dryRun;
  admit(backend, {
    operation: 'CREATE',
    ...subjectOf(target),
    subresource: 'eviction',
    object: body as unknown as KubeObject,
    dryRun: options.dryRun,
    userAgent: mode.userAgent,
  });
  const pod = getObject(backend, target);
  if (isDisruption(pod)) useBudget(backend, pod, { ...mode, dryRun: options.dryRun });
  if (options.dryRun || !preconditionsHold(pod, options)) {
    deleteAdmitted(backend, target, options);
    return;
  }
  markDisrupted(backend, target, mode);
  deleteAdmitted(backend, target, withoutVersion(options));
}

const EVICTION_FIELDS = ['apiVersion', 'kind', 'metadata', 'deleteOptions'];

function checkBody(body: JsonObject, { namespace, name }: ObjectTarget, strict: boolean): void {
  const kind = textAt(body['kind']) || 'Eviction';
  const version = textAt(body['apiVersion']).split('/').at(-1) ?? '';
  const cannot = `${kind} in version "${version}" cannot be handled as a Eviction`;
  if (kind !== 'Eviction') {
    const why = `converting (${version}.${kind}) to (policy.Eviction): unknown conversion`;
    throw badRequest(`${cannot}: ${why}`);
  }
  const unknown = Object.keys(body).filter((field) => !EVICTION_FIELDS.includes(field));
  if (strict && unknown.length > 0) throw badRequest(`${cannot}: ${strictDecodingError(unknown)}`);
  const metadata = objectAt(body['metadata']);
  if ((metadata['namespace'] ?? namespace) !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata['name'] !== name) throw badRequest('name in URL does not match name in Eviction object');
}

/** A pod that does not run or is on its way out disrupts nothing. */
function isDisruption(object: KubeObject): boolean {
  const { phase, deletionTimestamp } = podFacts(object);
  return (phase === 'Running' || phase === 'Unknown') && deletionTimestamp === undefined;
}

function useBudget(backend: Backend, object: KubeObject, mode: WriteMode): void {
  const pod = podFacts(object);
  const [budget, another] = backend.store
    .list(POD_DISRUPTION_BUDGETS)
    .map((stored) => stored as Budget)
    .filter(
      ({ metadata, spec }) => metadata.namespace === pod.namespace && selects(spec?.selector, pod.labels),
    );
  if (another) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw failure(500, undefined, message);
  }
  if (!budget || (!pod.ready && unreadyMayGo(budget))) return;
  refuseWithoutBudget(budget);
  recordDisruption(backend, budget, pod.name, mode);
}

/** KEP-3017: an unready pod goes when the budget says so, or when it is not one of the healthy ones that are needed. */
function unreadyMayGo({ spec, status }: Budget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function refuseWithoutBudget({ metadata, status = {} }: Budget): void {
  const { name, generation = 0 } = metadata;
  if ((status.observedGeneration ?? 0) < generation) {
    const why = `The disruption budget ${name} is still being processed by the server.`;
    throw disruptionRefused(why, STALE_RETRY_SECONDS);
  }
  if ((status.disruptionsAllowed ?? 0) > 0) return;
  const { currentHealthy = 0, desiredHealthy = 0, conditions = [] } = status;
  const failed = conditions.find(
    ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
  );
  if (failed) {
    throw disruptionRefused(
      `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed.message}`,
      0,
    );
  }
  throw disruptionRefused(
    currentHealthy <= desiredHealthy
      ? `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
      : `The disruption budget ${name} does not allow evicting pods currently`,
    0,
  );
}

function recordDisruption(backend: Backend, budget: Budget, podName: string, mode: WriteMode): void {
  const { namespace, name } = budget.metadata;
  const now = serverTime(backend.clock.now());
  const target = { kind: kindOf(POD_DISRUPTION_BUDGETS), namespace, name };
  const change = ({ status = {}, ...rest }: Budget): JsonObject => {
    const disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
    const disruptedPods = { ...status.disruptedPods, [podName]: now };
    return {
      ...rest,
      status: withDisruptionCondition({ ...status, disruptionsAllowed, disruptedPods }, now),
    };
  };
  updateObject(backend, target, { part: 'status', produce: change }, mode);
}

function preconditionsHold({ metadata }: KubeObject, { preconditions = {} }: DeleteOptions): boolean {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  return uid === metadata.uid && resourceVersion === metadata.resourceVersion;
}

function markDisrupted(backend: Backend, target: ObjectTarget, mode: WriteMode): void {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const now = serverTime(backend.clock.now());
  const produce = (pod: KubeObject): JsonObject => withPodCondition(pod, condition, now);
  updateObject(backend, target, { part: 'status', produce }, mode);
}

/** The mark has changed the resourceVersion, which the caller's precondition was about. */
function withoutVersion({ preconditions, ...options }: DeleteOptions): DeleteOptions {
  return preconditions?.uid === undefined
    ? options
    : { ...options, preconditions: { uid: preconditions.uid } };
}
