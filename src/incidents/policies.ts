// Keeps the status of each policy true: whether it is valid and permitted, whether the rights are there that it needs,
// whether its exceptions have ended.
import { isDeepStrictEqual } from 'node:util';
import { findCondition, POLICY_CONDITIONS, setCondition, type NewCondition } from '../api/conditions.ts';
import { API_VERSION } from '../api/names.ts';
import type { DriftPolicyStatus, PolicyKind } from '../api/policy.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { CompiledPolicy, Problem } from '../decide/policies.ts';
import { timestamp, type Clock } from '../kube/clock.ts';
import { isNotFound, isTestFailure } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_POLICIES, type Resource } from '../kube/resources.ts';
import type { Caches, PolicyEntry } from './caches.ts';
import { namespacesOf, prepare, type ReadinessContext } from './policy-readiness.ts';
import { VERIFYING } from './verifications.ts';

/** What {@link reconcilePolicy} needs. */
export interface PolicyContext extends ReadinessContext {
  clock: Clock;
  caches: Pick<Caches, 'policies' | 'clusterPolicies' | 'namespaces' | 'rulebooks'>;
  events: Pick<EventRecorder, 'record'>;
  /** What verifications of the pods of a policy found; undefined: it asks for none. Absent: nobody verifies. */
  verifiedOf?: (policy: CompiledPolicy) => NewCondition | undefined;
}

const RESOURCES: Readonly<Record<PolicyKind, Resource>> = {
  DriftPolicy: DRIFT_POLICIES,
  ClusterDriftPolicy: CLUSTER_DRIFT_POLICIES,
};
const ACCEPTED: NewCondition = {
  type: POLICY_CONDITIONS.Accepted,
  status: 'True',
  reason: 'Accepted',
  message: 'the policy is valid',
};
/** Timers are no calendars: what ends later than this is looked at again before. */
const MAX_WAIT_MS = 86_400_000;
/** While not all pods were verified: those that wait may go meanwhile, of which nobody tells. */
const LOOK_AGAIN_MS = 2_000;

/**
 * Brings one policy's status and namespaces up to date.
 * @param key `namespace/name`, of a ClusterDriftPolicy `/name`.
 * @throws KubeError
 */
export async function reconcilePolicy(context: PolicyContext, key: string): Promise<Outcome> {
  const [namespace = '', name = ''] = key.split('/');
  const { policies, clusterPolicies } = context.caches;
  const entry = namespace === '' ? clusterPolicies.get(undefined, name) : policies.get(namespace, name);
  if (!entry || isForOthers(context, entry)) return { kind: 'done' };
  await sayBeforehand(context, entry);
  const { conditions, again } = await judge(context, entry);
  announce(context, entry, conditions);
  await writeStatus(context, entry, conditions);
  return again === undefined ? { kind: 'done' } : { kind: 'requeue', afterMs: again, reason: 'Prepared' };
}

// An installation that watches some namespaces leaves the policies of the others alone.
function isForOthers(context: PolicyContext, { kind, compilation }: PolicyEntry): boolean {
  return (
    kind === 'ClusterDriftPolicy' &&
    context.watchNamespaces.length > 0 &&
    compilation.accepted &&
    namespacesOf(context, compilation.policy).length === 0
  );
}

// A policy of the cluster can concern thousands of namespaces: whether it is accepted is told before they are prepared.
async function sayBeforehand(context: PolicyContext, entry: PolicyEntry): Promise<void> {
  const { kind, policy, compilation } = entry;
  const before = findCondition(policy.status?.conditions, POLICY_CONDITIONS.Accepted);
  if (kind === 'DriftPolicy' || !compilation.accepted || compilation.policy.mode === 'Audit') return;
  if (before?.status === 'True' && before.observedGeneration === policy.metadata.generation) return;
  const message = 'its namespaces are being prepared';
  await writeStatus(context, entry, [
    ACCEPTED,
    { type: POLICY_CONDITIONS.Ready, status: 'Unknown', reason: 'Preparing', message },
    ...judgeExceptions(compilation.policy, context.clock.now()).conditions,
  ]);
}

// Who applied the policy looks at its Events first when it does not do what it says.
function announce(
  { events }: PolicyContext,
  { kind, policy }: PolicyEntry,
  conditions: readonly NewCondition[],
): void {
  const { namespace = '', name, uid } = policy.metadata;
  const regarding = { apiVersion: API_VERSION, kind, namespace, name, uid };
  for (const { type, status, reason, message } of conditions) {
    const before = findCondition(policy.status?.conditions, type);
    if (!isWorthAnEvent(status, reason) || (before?.status === status && before.reason === reason)) continue;
    const note = `${type}=${status}: ${message}`;
    events.record({ regarding, type: 'Warning', reason, action: 'Prepare', note });
  }
}

function isWorthAnEvent(status: NewCondition['status'], reason: string): boolean {
  return status === 'False' || reason === 'IncompleteEvidence' || reason === 'Unenforced';
}

interface Verdict {
  conditions: NewCondition[];
  /** When to look again, in milliseconds. */
  again?: number;
}

async function judge(context: PolicyContext, { policy, compilation }: PolicyEntry): Promise<Verdict> {
  if (!compilation.accepted) return refused('Invalid', compilation.problems);
  const { namespace = '', uid } = policy.metadata;
  const notPermitted = namespace === '' ? undefined : context.caches.rulebooks.of(namespace).refused.get(uid);
  if (notPermitted) return refused('NotPermitted', notPermitted);
  const { condition, again } = await prepare(context, compilation.policy);
  const exceptions = judgeExceptions(compilation.policy, context.clock.now());
  const verified = context.verifiedOf?.(compilation.policy);
  const looking = verified?.reason === VERIFYING ? LOOK_AGAIN_MS : undefined;
  const waits = [again, exceptions.again, looking].filter((wait) => wait !== undefined);
  return {
    conditions: [ACCEPTED, condition, ...exceptions.conditions, ...(verified ? [verified] : [])],
    ...(waits.length > 0 && { again: Math.min(...waits) }),
  };
}

function refused(reason: 'Invalid' | 'NotPermitted', problems: readonly Problem[]): Verdict {
  const message = problems.map(({ path, message: text }) => `${path}: ${text}`).join('; ');
  return {
    conditions: [
      { type: POLICY_CONDITIONS.Accepted, status: 'False', reason, message },
      {
        type: POLICY_CONDITIONS.Ready,
        status: 'False',
        reason: 'NotAccepted',
        message: 'the policy contributes nothing until it is corrected',
      },
    ],
  };
}

// An exception that ended is not in the way of anything: the policy goes on without it, and its author is told.
function judgeExceptions({ exceptions }: CompiledPolicy, now: number): Verdict {
  if (exceptions.length === 0) return { conditions: [] };
  const ends = exceptions.map(({ name, expires }) => ({ name, expires, at: Date.parse(expires) }));
  const over = ends.filter(({ at }) => at <= now);
  const next = ends.filter(({ at }) => at > now).map(({ at }) => Math.min(at - now, MAX_WAIT_MS));
  const type = POLICY_CONDITIONS.ExceptionsCurrent;
  const condition: NewCondition =
    over.length === 0
      ? { type, status: 'True', reason: 'Current', message: 'no exception has ended' }
      : {
          type,
          status: 'False',
          reason: 'Expired',
          message: `${over.map(({ name, expires }) => `exception ${name} ended at ${expires}`).join(', ')}: remove it, or give it a later end`,
        };
  return { conditions: [condition], ...(next.length > 0 && { again: Math.min(...next) }) };
}

async function writeStatus(
  { client, clock }: PolicyContext,
  { kind, policy }: PolicyEntry,
  next: NewCondition[],
): Promise<void> {
  const { namespace, name, uid, generation } = policy.metadata;
  // What is not judged any more, such as the exceptions of a policy without any, is not said any more.
  const said = new Set(next.map(({ type }) => type));
  const before = (policy.status?.conditions ?? []).filter(({ type }) => said.has(type));
  const conditions = next.reduce(
    (list, condition) => setCondition(list, condition, generation, timestamp(clock)),
    before,
  );
  const status: DriftPolicyStatus = {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions,
  };
  if (isDeepStrictEqual(status, policy.status)) return;
  const at = { ...(namespace !== undefined && { namespace }), name, subresource: 'status' };
  try {
    await client.jsonPatch(RESOURCES[kind], at, [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'add', path: '/status', value: status },
    ]);
  } catch (error) {
    // Gone, or another policy of that name: its own change brings us back.
    if (!isNotFound(error) && !isTestFailure(error)) throw error;
  }
}
