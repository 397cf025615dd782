// Keeps the status of each DriftPolicy true, and puts the deny policy into its namespace before it is needed.
import { isDeepStrictEqual } from 'node:util';
import { findCondition, POLICY_CONDITIONS, setCondition, type NewCondition } from '../api/conditions.ts';
import { API_VERSION } from '../api/names.ts';
import type { DriftPolicy, DriftPolicyStatus } from '../api/policy.ts';
import { classify } from '../controller/errors.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { timestamp, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, isTestFailure } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { DRIFT_POLICIES } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { ensureDenyPolicy } from '../respond/deny-policy.ts';
import type { Caches, PolicyEntry } from './caches.ts';

/** What {@link reconcilePolicy} needs. */
export interface PolicyContext {
  client: KubeClient;
  clock: Clock;
  caches: Pick<Caches, 'policies'>;
  protectedNamespaces: ReadonlySet<string>;
  events: Pick<EventRecorder, 'record'>;
  log: Logger;
}

// A right that is missing, or a foreign object in the way, changes only when a person changes it.
const SLOW_RETRY_MS = 300_000;
const RETRY_MS = 15_000;
// An edited or deleted deny policy is put back at the latest after this.
const REPAIR_MS = 600_000;

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
  for (const { type, status, reason, message: note } of conditions) {
    const before = findCondition(policy.status?.conditions, type);
    if (status !== 'False' || (before?.status === status && before.reason === reason)) continue;
    events.record({ regarding, type: 'Warning', reason, action: 'Prepare', note: `${type}=False: ${note}` });
  }
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

async function prepare(
  { client, log, protectedNamespaces }: PolicyContext,
  policy: DriftPolicy,
  compiled: CompiledPolicy,
): Promise<{ condition: NewCondition; again?: number }> {
  const { Ready } = POLICY_CONDITIONS;
  if (compiled.mode === 'Audit') {
    return {
      condition: {
        type: Ready,
        status: 'True',
        reason: 'Audit',
        message: 'responses are recorded, nothing is touched',
      },
    };
  }
  if (protectedNamespaces.has(compiled.namespace)) {
    const message = `namespace ${compiled.namespace} is protected: nothing is ever done to its pods`;
    return { condition: { type: Ready, status: 'False', reason: 'Protected', message } };
  }
  const isolates = compiled.rungs.some((rung) => rung.actions.includes('Isolate'));
  const ready: NewCondition = {
    type: Ready,
    status: 'True',
    reason: 'Enforcing',
    message: 'responses are carried out',
  };
  if (!isolates) return { condition: ready };
  try {
    await ensureDenyPolicy(client, compiled.namespace);
    return { condition: ready, again: REPAIR_MS };
  } catch (error) {
    const { kind, reason, message } = classify(error);
    log.warn(
      { policy: `${compiled.namespace}/${policy.metadata.name}`, err: error },
      'the namespace could not be prepared',
    );
    return {
      condition: { type: Ready, status: 'False', reason, message },
      again: kind === 'retry' ? RETRY_MS : SLOW_RETRY_MS,
    };
  }
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
