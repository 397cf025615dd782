// One term of a responder: its queues, and what fills them.
import { classify } from '../controller/errors.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Outcome } from '../controller/outcome.ts';
import { KeyedQueue } from '../controller/queue.ts';
import type { EvidenceStore } from '../evidence/store.ts';
import { ApprovedLists } from '../incidents/approved-lists.ts';
import { verifiedBy } from '../incidents/asked-verification.ts';
import { DenyPolicies } from '../incidents/deny-policies.ts';
import type { Network, NetworkFindings } from '../incidents/network.ts';
import type { NodeVerdicts } from '../incidents/node-verdicts.ts';
import { reconcilePolicy } from '../incidents/policies.ts';
import { QuarantineLists } from '../incidents/quarantine-lists.ts';
import { reconcile } from '../incidents/reconcile.ts';
import { Reservations } from '../incidents/reservations.ts';
import { Snapshots } from '../incidents/snapshots.ts';
import { createSpending } from '../incidents/spend.ts';
import type { SpendingLimits } from '../incidents/spent.ts';
import { Verifications } from '../incidents/verifications.ts';
import { AccessReviews } from '../kube/access-reviews.ts';
import type { Digests } from '../registry/digests.ts';
import type { Logger } from '../observe/log.ts';
import type { Announcements } from '../observe/notify/notifier.ts';
import type { RespondContext } from '../respond/context.ts';
import { sweepEvidence, type EvidenceSweepParts } from './evidence-sweep.ts';
import { comparePods } from './comparison.ts';
import { createOwnDetections } from './own-detections.ts';
import { runVerifications } from './verification.ts';
import { addIncidentOf, onIncidentAndPolicyChanges } from './incident-changes.ts';
import { onNamespaceChanges } from './namespace-changes.ts';
import { onNetworkChanges } from './network-changes.ts';
import { equivalentBy } from './image-digests.ts';
import { createNodeTests } from './node-tests.ts';
import type { SharedParts } from './parts.ts';
import { createPodProbes } from './pod-probes.ts';
import { sweepStrays } from './stray-sweep.ts';

/** What a term works with. */
export interface TermParts
  extends SharedParts, Pick<RespondContext, 'nodeCollector' | 'kubelets' | 'podExec'> {
  evidence: EvidenceStore;
  /** See {@link EvidenceSweepParts}. */
  serverSkew?: EvidenceSweepParts['serverSkew'];
  network: Network;
  /** What the installation limits, whatever policies say. */
  limits: SpendingLimits;
  /** Name of the ledger; another one is for tests that share a cluster. */
  ledgerName?: string | undefined;
  /** What registries tell of digests; absent: only equal digests are the same image. */
  digests?: Digests | undefined;
  /** Outlives the terms of a leader; {@link Network} asks it. */
  nodes: NodeVerdicts;
}

/** Responds from now until the signal fires. Nothing is remembered from before: all state is in the API server. */
export async function respond(parts: TermParts, events: Announcements, signal: AbortSignal): Promise<void> {
  const { clock, random, log, metrics } = parts;
  const onOutcome = (key: string, outcome: Outcome) => logFailure(log, key, outcome);
  const reviews = new AccessReviews(parts);
  const { findings } = parts.network;
  const podProbes = createPodProbes({
    ...parts,
    reviews,
    enforcementOf: (node) => findings.enforcementOf(node),
    onOutcome,
  });
  const context = contextOf(parts, { events, reviews, probeOf: podProbes.probeOf });
  const common = { clock, random, onOutcome };
  const { approvedLists } = context;
  const verifications = new Verifications();
  const verifiedOf = verifiedBy(parts, verifications, approvedLists);
  const equivalent = equivalentBy(parts, (key) => incidents.add(key));
  const nodeTests = createNodeTests({ ...context, onOutcome });
  const incidents = new KeyedQueue({
    ...common,
    worker: (key, stopping) => reconcile({ ...context, ...equivalent, stopping }, key),
  });
  const policies = new KeyedQueue({
    ...common,
    workers: 4,
    worker: (key) => reconcilePolicy({ ...context, unenforcedIn: nodeTests.unenforcedIn, verifiedOf }, key),
  });
  const namespaces = new KeyedQueue({ ...common, workers: 4, worker: namespaceWorker(context) });
  metrics.showQueue('incidents', () => incidents.depth);
  metrics.showQueue('policies', () => policies.depth);
  metrics.showQueue('namespaces', () => namespaces.depth);
  metrics.showSpending(context.spending);
  const own = createOwnDetections(parts);
  const finding = { ...context, handle: own.handle, nodeCollector: parts.nodeCollector, onOutcome };
  await Promise.all([nodeTests.load(signal), approvedLists.load()]);
  const cancels = [
    onIncidentAndPolicyChanges(context, { incidents, policies }),
    onNamespaceChanges(parts, namespaces, policies),
    onNetworkChanges(parts, addIncidentOf(incidents)),
  ];
  await Promise.all([
    incidents.run(signal),
    policies.run(signal),
    namespaces.run(signal),
    sweepStrays({ ...context, onOutcome }, signal),
    sweepEvidence(parts, signal),
    nodeTests.run({ incidents, policies }, signal),
    podProbes.run(incidents, signal),
    comparePods(finding, signal),
    runVerifications({ ...finding, verifications }, policies, signal),
    approvedLists.run(signal),
    parts.network.backends.run(signal),
    context.spending.run(signal),
  ]);
  for (const cancel of cancels) cancel();
  await own.end();
}

interface OfTerm {
  events: Announcements;
  reviews: AccessReviews;
  probeOf: NetworkFindings['probeOf'];
}

function contextOf(parts: TermParts, { events, reviews, probeOf }: OfTerm) {
  const quarantineLists = new QuarantineLists({ ...parts, reviews });
  const { findings } = parts.network;
  const reservations = new Reservations();
  return {
    ...parts,
    events,
    reviews,
    quarantineLists,
    network: {
      ...parts.network,
      findings: {
        ...findings,
        probeOf,
        isExecProtected: (pod: Pick<PodFacts, 'uid'>) =>
          quarantineLists.deniesAccess && quarantineLists.lists(pod),
      },
    },
    reservations,
    approvedLists: new ApprovedLists(parts),
    spending: createSpending({ ...parts, events, reservations }),
    snapshots: new Snapshots(),
  };
}

function namespaceWorker(context: ReturnType<typeof contextOf>): (namespace: string) => Promise<Outcome> {
  const denyPolicies = new DenyPolicies(context);
  return async (namespace) => {
    // What is wrong with the one holds up nothing of the other.
    const [denied, listed] = await Promise.allSettled([
      denyPolicies.reconcile(namespace),
      context.quarantineLists.reconcile(namespace),
    ]);
    if (denied.status === 'rejected') throw denied.reason;
    if (listed.status === 'rejected') throw listed.reason;
    return denied.value.kind === 'requeue' ? denied.value : listed.value;
  };
}

function logFailure(log: Logger, key: string, outcome: Outcome): void {
  if (outcome.kind !== 'failed') return;
  const { reason, message } = classify(outcome.error);
  log.warn({ key, reason, err: outcome.error }, `${key} did not get further and is tried again: ${message}`);
}
