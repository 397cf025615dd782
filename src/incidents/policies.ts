// Keeps the status of each DriftPolicy true: whether it is valid, whether the rights are there that it needs. Puts the
// deny policy into its namespace before it is needed.
import { isDeepStrictEqual } from 'node:util';
import { findCondition, POLICY_CONDITIONS, setCondition, type NewCondition } from '../api/conditions.ts';
import { API_VERSION } from '../api/names.ts';
import type { DriftPolicy, DriftPolicyStatus } from '../api/policy.ts';
import { classify, type Classified } from '../controller/errors.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { timestamp, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, isTestFailure } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { DRIFT_POLICIES } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { ensureDenyPolicy } from '../respond/deny-policy.ts';
import type { Caches, PolicyEntry } from './caches.ts';
import { describeMissing, isGapOnly, rightsFor, type NeededRight } from './policy-rights.ts';

/** What {@link reconcilePolicy} needs. */
export interface PolicyContext {
  client: KubeClient;
  clock: Clock;
  caches: Pick<Caches, 'policies'>;
  /** Shared by all policies. */
  reviews: Pick<AccessReviews, 'mayDo'>;
  protectedNamespaces: ReadonlySet<string>;
  events: Pick<EventRecorder, 'record'>;
  log: Logger;
}

// A right that is missing, or a foreign object in the way, changes only when a person changes it.
const SLOW_RETRY_MS = 300_000;
const RETRY_MS = 15_000;
// An edited or deleted deny policy is put back, and a right that was taken away is noticed, at the latest after this.
const REPAIR_MS = 600_000;
// Isolation uses the same connections, and waits for no questions.
const PARALLEL_REVIEWS = 4;

/** Brings one policy's status and namespace up to date. @param key `namespace/name`. @throws KubeError */
export async function reconcilePolicy(context: PolicyContext, key: string): Promise<Outcome> {
  const [namespace = '', name = ''] = key.split('/');
  const entry = context.caches.policies.get(namespace, name);
  if (!entry) return { kind: 'done' };
  const { conditions, again } = await judge(context, entry);
  announce(context, entry.policy, conditions);
  await writeStatus(context, entry.policy, conditions);
  return again === undefined ? { kind: 'done' } : { kind: 'requeue', afterMs: again, reason: 'Prepared' };
}

// Who applied the policy looks at its Events first when it does not do what it says.
function announce({ events }: PolicyContext, policy: DriftPolicy, conditions: readonly NewCondition[]): void {
  const { namespace = '', name, uid } = policy.metadata;
  const regarding = { apiVersion: API_VERSION, kind: DRIFT_POLICIES.kind, namespace, name, uid };
  for (const { type, status, reason, message } of conditions) {
    const before = findCondition(policy.status?.conditions, type);
    if (!isWorthAnEvent(status, reason) || (before?.status === status && before.reason === reason)) continue;
    const note = `${type}=${status}: ${message}`;
    events.record({ regarding, type: 'Warning', reason, action: 'Prepare', note });
  }
}

function isWorthAnEvent(status: NewCondition['status'], reason: string): boolean {
  return status === 'False' || reason === 'IncompleteEvidence';
}

interface Verdict {
  conditions: NewCondition[];
  /** When to look again, in milliseconds. */
  again?: number;
}

async function judge(context: PolicyContext, { policy, compilation }: PolicyEntry): Promise<Verdict> {
  const { Accepted, Ready } = POLICY_CONDITIONS;
  if (!compilation.accepted) {
    const message = compilation.problems.map(({ path, message: text }) => `${path}: ${text}`).join('; ');
    return {
      conditions: [
        { type: Accepted, status: 'False', reason: 'Invalid', message },
        {
          type: Ready,
          status: 'False',
          reason: 'NotAccepted',
          message: 'the policy contributes nothing until it is corrected',
        },
      ],
    };
  }
  const accepted: NewCondition = {
    type: Accepted,
    status: 'True',
    reason: 'Accepted',
    message: 'the policy is valid',
  };
  const { condition, again } = await prepare(context, policy, compilation.policy);
  return { conditions: [accepted, condition], ...(again !== undefined && { again }) };
}

interface Prepared {
  condition: NewCondition;
  again?: number;
}

async function prepare(
  context: PolicyContext,
  policy: DriftPolicy,
  compiled: CompiledPolicy,
): Promise<Prepared> {
  if (compiled.mode === 'Audit') return ready('Audit', 'responses are recorded, nothing is touched');
  if (context.protectedNamespaces.has(compiled.namespace)) {
    const message = `namespace ${compiled.namespace} is protected: nothing is ever done to its pods`;
    return { condition: { type: POLICY_CONDITIONS.Ready, status: 'False', reason: 'Protected', message } };
  }
  const actions = compiled.rungs.flatMap((rung) => rung.actions);
  const key = `${compiled.namespace}/${policy.metadata.name}`;
  const [rights, trouble] = await Promise.all([
    checkRights(context, key, rightsFor(actions, compiled.namespace)),
    actions.includes('Isolate') ? placeDenyPolicy(context, key, compiled.namespace) : undefined,
  ]);
  // The refusal of the deny policy names one missing right; the reviews name all.
  return rights.condition.status === 'False' ? rights : (trouble ?? rights);
}

function ready(reason: string, message: string): Prepared {
  return { condition: { type: POLICY_CONDITIONS.Ready, status: 'True', reason, message } };
}

async function checkRights(
  { reviews, log }: PolicyContext,
  policy: string,
  needed: readonly NeededRight[],
): Promise<Prepared> {
  const { Ready } = POLICY_CONDITIONS;
  try {
    const missing = await missingOf(reviews, needed);
    if (missing.length === 0) return { ...ready('Enforcing', 'responses are carried out'), again: REPAIR_MS };
    const message = describeMissing(missing);
    const again = SLOW_RETRY_MS;
    if (missing.every(isGapOnly)) return { ...ready('IncompleteEvidence', message), again };
    return { condition: { type: Ready, status: 'False', reason: 'MissingPermission', message }, again };
  } catch (error) {
    const { kind, message: why } = classify(error);
    log.warn({ policy, err: error }, 'the API server does not tell which rights die-operator has');
    const message = `whether the rights are there that the policy needs is not known: ${why}. Responses are tried all the same; the API server is asked again.`;
    const condition: NewCondition = { type: Ready, status: 'Unknown', reason: 'RightsUnknown', message };
    return { condition, again: retryMs(kind) };
  }
}

/** In the order of `needed`. @throws KubeError as soon as one answer cannot be had. */
async function missingOf(
  reviews: PolicyContext['reviews'],
  needed: readonly NeededRight[],
): Promise<NeededRight[]> {
  const missing = new Set<NeededRight>();
  const queue = needed.values();
  const ask = async () => {
    for (const right of queue) if (!(await reviews.mayDo(right))) missing.add(right);
  };
  await Promise.all(Array.from({ length: PARALLEL_REVIEWS }, ask));
  return needed.filter((right) => missing.has(right));
}

/** Resolves to what is in the way, if anything is. */
async function placeDenyPolicy(
  { client, log }: PolicyContext,
  policy: string,
  namespace: string,
): Promise<Prepared | undefined> {
  try {
    await ensureDenyPolicy(client, namespace);
    return undefined;
  } catch (error) {
    const { kind, reason, message } = classify(error);
    log.warn({ policy, err: error }, 'the namespace could not be prepared');
    const condition: NewCondition = { type: POLICY_CONDITIONS.Ready, status: 'False', reason, message };
    return { condition, again: retryMs(kind) };
  }
}

function retryMs(kind: Classified['kind']): number {
  return kind === 'retry' ? RETRY_MS : SLOW_RETRY_MS;
}

async function writeStatus(
  { client, clock }: PolicyContext,
  policy: DriftPolicy,
  next: NewCondition[],
): Promise<void> {
  const { namespace = '', name, uid, generation } = policy.metadata;
  const conditions = next.reduce(
    (list, condition) => setCondition(list, condition, generation, timestamp(clock)),
    policy.status?.conditions ?? [],
  );
  const status: DriftPolicyStatus = {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions,
  };
  if (isDeepStrictEqual(status, policy.status)) return;
  try {
    await client.jsonPatch(DRIFT_POLICIES, { namespace, name, subresource: 'status' }, [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'add', path: '/status', value: status },
    ]);
  } catch (error) {
    // Gone, or another policy of that name: its own change brings us back.
    if (!isNotFound(error) && !isTestFailure(error)) throw error;
  }
}
