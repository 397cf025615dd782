// Whether what a policy asks for can be done: the rights, and the deny policy in each namespace before it is needed.
import { POLICY_CONDITIONS, type NewCondition } from '../api/conditions.ts';
import type { Action } from '../api/policy.ts';
import { classify, type Classified } from '../controller/errors.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { isClosed } from '../decide/protect.ts';
import { MAY_READ_SETTINGS } from '../helpers/helper-rights.ts';
import { readHelperSettings } from '../helpers/helper-settings.ts';
import type { Access, AccessReviews } from '../kube/access-reviews.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Logger } from '../observe/log.ts';
import { ensureDenyPolicy } from '../respond/deny-policy.ts';
import type { Caches } from './caches.ts';
import { nodeAsks, nodeTrouble, rightsOfAsks, type NodeAsk, type NodeTrouble } from './policy-node.ts';
import { describeMissing, isGapOnly, restartRights, rightsIn, type NeededRight } from './policy-rights.ts';
import { protectionRules } from './protection.ts';

/** What {@link prepare} needs. */
export interface ReadinessContext {
  client: KubeClient;
  clock: Pick<Clock, 'now'>;
  caches: Pick<Caches, 'namespaces' | 'rulebooks'>;
  /** Shared by all policies. */
  reviews: Pick<AccessReviews, 'mayDo'>;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  protectedNamespaces: ReadonlySet<string>;
  /** Nodes with pods of these namespaces that were found not to enforce NetworkPolicies, in words; undefined for none. */
  unenforcedIn?: (namespaces: readonly string[]) => string | undefined;
  log: Logger;
}

// A right that is missing, or a foreign object in the way, changes only when a person changes it.
const SLOW_RETRY_MS = 300_000;
const RETRY_MS = 15_000;
// An edited or deleted deny policy is put back, and a right that was taken away is noticed, at the latest after this.
const REPAIR_MS = 600_000;
// Isolation uses the same connections, and waits for no questions.
const PARALLEL = 4;
/** Namespaces that a message names. */
const MAX_NAMED = 3;
/** Bytes of a condition's message, which an Event has with `Ready=False: ` before it. */
const MAX_MESSAGE = 1_000;
/** Reasons of a policy with which nothing is amiss. */
const WELL: ReadonlySet<string> = new Set(['Enforcing', 'Audit', 'Compares', 'Verifies']);

/** What was found. */
export interface Prepared {
  condition: NewCondition;
  /** When to look again, in milliseconds. */
  again?: number;
}

/** Whether what the policy asks for can be done; puts the deny policy where it may be needed. */
export async function prepare(context: ReadinessContext, policy: CompiledPolicy): Promise<Prepared> {
  const actions = possibleActions(policy);
  const places = whereRightsAreNeeded(context, policy);
  const asks = nodeAsks(policy, actions, places);
  const settled = withoutActing(policy, actions, asks);
  if (settled && asks.length === 0) return settled;
  if (
    policy.kind === 'DriftPolicy' &&
    isClosed(policy.namespace, protectionRules(context, policy.namespace))
  ) {
    const message = `namespace ${policy.namespace} is protected: nothing is ever done to its pods`;
    return { condition: { type: POLICY_CONDITIONS.Ready, status: 'False', reason: 'Protected', message } };
  }
  const key = `${policy.namespace}/${policy.name}`;
  if (settled) return withNode(settled, await checkNode(context, key, asks));
  const [rights, trouble, node] = await Promise.all([
    checkRights(context, key, rightsOf(context, policy, actions, places)),
    actions.includes('Isolate') ? placeDenyPolicies(context, key, policy) : undefined,
    checkNode(context, key, asks),
  ]);
  // The refusal of the deny policy names one missing right; the reviews name all.
  const prepared = rights.condition.status === 'False' ? rights : (trouble ?? rights);
  return withNode(actions.includes('Isolate') ? onItsNodes(context, policy, prepared) : prepared, node);
}

function rightsOf(
  context: ReadinessContext,
  policy: CompiledPolicy,
  actions: readonly Action[],
  places: readonly (string | undefined)[],
): NeededRight[] {
  const rights = rightsIn(actions, places, policy.kind);
  const everywhere = actions.includes('Restart') && places.includes(undefined);
  return everywhere ? [...rights, ...restartRights(namespacesOf(context, policy))] : rights;
}

/** What is to be said of a policy that has nothing done to pods; undefined: it has. */
function withoutActing(
  policy: CompiledPolicy,
  actions: readonly Action[],
  asks: readonly NodeAsk[],
): Prepared | undefined {
  const again = asks.length > 0 ? { again: REPAIR_MS } : {};
  const looks = looksOf(policy);
  if (actions.length === 0) {
    const compares = policy.comparison ? 'Compares' : 'Verifies';
    const [reason, message] =
      looks === ''
        ? ['Grants', 'the policy grants, and asks for nothing']
        : [compares, `${looks}, and the policy asks for no response`];
    return { ...ready(reason, message), ...again };
  }
  if (policy.mode !== 'Audit') return undefined;
  const besides = looks === '' ? '' : `; ${looks}`;
  return { ...ready('Audit', `responses are recorded, nothing is touched${besides}`), ...again };
}

function looksOf({ comparison, verification }: CompiledPolicy): string {
  const what = [
    ...(comparison ? ['compared with their images'] : []),
    ...(verification ? ['verified against what was approved'] : []),
  ];
  return what.length === 0 ? '' : `running pods are ${what.join(' and ')}`;
}

/** What a policy can come to. A quarantine that expires may end in an eviction, which no rung asks for. */
export function possibleActions({ rungs, settings }: CompiledPolicy): Action[] {
  const actions = rungs.flatMap((rung) => rung.actions);
  const expires = settings.isolation.onExpiry === 'Evict' && actions.includes('Isolate');
  return expires ? [...actions, 'Evict'] : actions;
}

// Everything is done that the policy asks for, and on such a node isolates nobody. The step is not left out: the label
// takes the pod out of its Services, and evicting it helps all the same.
function onItsNodes(context: ReadinessContext, policy: CompiledPolicy, prepared: Prepared): Prepared {
  if (prepared.condition.reason !== 'Enforcing') return prepared;
  const nodes = context.unenforcedIn?.(namespacesOf(context, policy));
  if (nodes === undefined) return prepared;
  const message = `responses are carried out, but a test showed that these nodes do not enforce network policies, so that a pod there is taken out of its workload and not cut off: ${nodes}. Give them a network plugin that does (docs/isolation.md)`;
  return { ...prepared, condition: { ...prepared.condition, reason: 'Unenforced', message } };
}

function ready(reason: string, message: string): Prepared {
  return { condition: { type: POLICY_CONDITIONS.Ready, status: 'True', reason, message } };
}

async function checkRights(
  { reviews, log }: ReadinessContext,
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
    return notKnown(log, policy, error);
  }
}

function notKnown(log: Logger, policy: string, error: unknown): Prepared {
  const { kind, message: why } = classify(error);
  log.warn({ policy, err: error }, 'the API server does not tell which rights die-operator has');
  const message = `whether the rights are there that the policy needs is not known: ${why}. Responses are tried all the same; the API server is asked again.`;
  const condition: NewCondition = {
    type: POLICY_CONDITIONS.Ready,
    status: 'Unknown',
    reason: 'RightsUnknown',
    message,
  };
  return { condition, again: retryMs(kind) };
}

/** Resolves to what is in the way of what is asked of nodes; undefined: nothing is. */
async function checkNode(
  { client, reviews, log }: ReadinessContext,
  policy: string,
  asks: readonly NodeAsk[],
): Promise<NodeTrouble | Prepared | undefined> {
  const needed = rightsOfAsks(asks);
  if (needed.length === 0) return undefined;
  try {
    const missing = await missingOf(reviews, needed);
    const mayRead = needed.includes(MAY_READ_SETTINGS) && !missing.includes(MAY_READ_SETTINGS);
    const settings = mayRead ? await readHelperSettings(client) : undefined;
    return nodeTrouble(asks, { missing, settings });
  } catch (error) {
    return notKnown(log, policy, error);
  }
}

/** What is amiss with the policy itself comes first, and what it asks of nodes is told with it. */
function withNode(own: Prepared, node: NodeTrouble | Prepared | undefined): Prepared {
  if (node === undefined) return own;
  const isWell = WELL.has(own.condition.reason);
  if ('condition' in node) return isWell ? node : own;
  const again = SLOW_RETRY_MS;
  const { type, status, message } = own.condition;
  if (node.stops && status === 'True') {
    const whole = isWell ? node.message : together(node.message, message);
    return { condition: { type, status: 'False', reason: node.reason, message: whole }, again };
  }
  if (isWell) return { ...ready('IncompleteEvidence', `Responses are carried out. ${node.message}`), again };
  return { ...own, condition: { ...own.condition, message: together(message, node.message) } };
}

/** The second is told once the first is mended, where there is no room for both. */
function together(first: string, second: string): string {
  const both = `${first} ${second}`;
  return Buffer.byteLength(both) > MAX_MESSAGE ? first : both;
}

/** In the order of `needed`. @throws KubeError as soon as one answer cannot be had. */
async function missingOf<T extends Access>(
  reviews: ReadinessContext['reviews'],
  needed: readonly T[],
): Promise<T[]> {
  const allowed = await fewAtATime(needed, (right) => reviews.mayDo(right));
  return needed.filter((_, index) => allowed[index] === false);
}

/** Like `Promise.all(items.map(work))`, with at most {@link PARALLEL} at a time. */
async function fewAtATime<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return results;
}

/** Resolves to what is in the way in how many namespaces, if anything is. */
async function placeDenyPolicies(
  context: ReadinessContext,
  key: string,
  policy: CompiledPolicy,
): Promise<Prepared | undefined> {
  const namespaces = namespacesOf(context, policy);
  const found = await fewAtATime(namespaces, (namespace) => placeDenyPolicy(context, key, namespace));
  const troubles = found.flatMap((trouble, index) => (trouble ? [{ trouble, in: namespaces[index] }] : []));
  const [first] = troubles;
  if (!first || policy.kind === 'DriftPolicy') return first?.trouble;
  const named = troubles
    .slice(0, MAX_NAMED)
    .map(({ in: name, trouble }) => `${name}: ${trouble.condition.message}`);
  const more = troubles.length > MAX_NAMED ? '; and others' : '';
  const message = `${troubles.length} of ${namespaces.length} namespaces have no deny policy: ${named.join('; ')}${more}`;
  return { ...first.trouble, condition: { ...first.trouble.condition, message } };
}

/** Resolves to what is in the way, if anything is. */
async function placeDenyPolicy(
  { client, log }: ReadinessContext,
  policy: string,
  namespace: string,
): Promise<Prepared | undefined> {
  try {
    await ensureDenyPolicy(client, namespace);
    return undefined;
  } catch (error) {
    const { kind, reason, message } = classify(error);
    log.warn({ policy, namespace, err: error }, 'the namespace could not be prepared');
    const condition: NewCondition = { type: POLICY_CONDITIONS.Ready, status: 'False', reason, message };
    return { condition, again: retryMs(kind) };
  }
}

/** Namespaces whose pods the policy can reach. */
export function namespacesOf(context: ReadinessContext, policy: CompiledPolicy): string[] {
  if (policy.kind === 'DriftPolicy') return [policy.namespace];
  const { caches, watchNamespaces } = context;
  return caches.namespaces
    .values()
    .filter((space) => policy.matchesNamespace(space) && space.terminating !== true)
    .map(({ name }) => name)
    .filter((name) => !isClosed(name, protectionRules(context, name)))
    .filter((name) => watchNamespaces.length === 0 || watchNamespaces.includes(name));
}

/** Undefined: in the whole cluster. */
function whereRightsAreNeeded(
  context: ReadinessContext,
  policy: CompiledPolicy,
): readonly (string | undefined)[] {
  const everywhere = policy.kind === 'ClusterDriftPolicy' && context.watchNamespaces.length === 0;
  return everywhere ? [undefined] : namespacesOf(context, policy);
}

function retryMs(kind: Classified['kind']): number {
  return kind === 'retry' ? RETRY_MS : SLOW_RETRY_MS;
}
