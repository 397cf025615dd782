// Assembly: builds a receiver and a responder from their parts. `run`, `demo`, simulations and tests all build them here.
import type { Role } from './api/names.ts';
import type { Access } from './detect/access.ts';
import type { DefenderOptions } from './detect/defender.ts';
import type { Journal } from './detect/journal/journal.ts';
import { OUTCOMES, type OutcomeName } from './detect/outcome.ts';
import type { Webhook } from './detect/webhook.ts';
import type { EvidenceStore } from './evidence/store.ts';
import { createCaches, sourcesOf, type Caches } from './incidents/caches.ts';
import { createNetwork, networkSources, NO_FINDINGS, type NetworkFindings } from './incidents/network.ts';
import { NodeVerdicts } from './incidents/node-verdicts.ts';
import type { Clock, Random } from './kube/clock.ts';
import type { KubeClient } from './kube/client.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  NETWORK_POLICIES,
  PODS,
} from './kube/resources.ts';
import type { ReadinessCheck } from './observe/health.ts';
import type { Logger } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { DESTINATIONS, NOTIFY_RESULTS } from './observe/notify/destination.ts';
import { Notifier, type NotifySettings } from './observe/notify/notifier.ts';
import type { RespondContext } from './respond/context.ts';
import type { EvidenceSweepParts } from './roles/evidence-sweep.ts';
import { createReceiver, type StreamSettings } from './roles/receiver.ts';
import { createResponder, type Election } from './roles/responder.ts';
import type { SilenceSettings } from './roles/silence.ts';
import type { TermParts } from './roles/term.ts';
import { runTogether } from './roles/together.ts';

/** What an operator is built from. */
export interface OperatorParts extends Access {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  evidence: EvidenceStore;
  /** Compares the clock with that of the API server; absent: nobody does. */
  serverSkew?: EvidenceSweepParts['serverSkew'];
  /** Reads nodes; absent: with helper pods. */
  nodeCollector?: RespondContext['nodeCollector'];
  /** Absent: no checkpoints can be made. */
  kubelets?: RespondContext['kubelets'];
  /** What registries tell of digests; absent: only equal digests are the same image. */
  digests?: TermParts['digests'];
  /** Absent: no commands can be run in pods. */
  podExec?: RespondContext['podExec'];
  /** What was tried out about the network; absent: nothing. */
  findings?: NetworkFindings;
  /** Keeps alerts that wait through a crash of a receiver; absent: they are in memory only. */
  journal?: Journal;
  /** Whom to tell what responses do, besides Events; absent: nobody. */
  notify?: NotifySettings;
  /** A second way in beside the webhook. */
  stream?: StreamSettings;
  /** Which cluster this is in Azure, and which alerts are drift; absent: alerts of Defender for Cloud are not taken. */
  defender?: DefenderOptions;
  /** Absent: it is not noted when alerts come. */
  silence?: SilenceSettings;
  /** Absent: there is no other responder. */
  election?: Election;
  roles: readonly Role[];
  /** Name of this process among its peers. */
  instance: string;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  protectedNamespaces: readonly string[];
  maxAlertAgeMs: number;
  /** What the installation limits, whatever policies say. */
  limits: TermParts['limits'];
  /** See {@link TermParts.ledgerName}. */
  ledgerName?: TermParts['ledgerName'];
}

/** An operator that is built and not started. */
export interface AssembledOperator {
  /** Runs until the signal fires and what is in hand is done. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once the caches have read everything. */
  readonly synced: Promise<void>;
  /** Why the process is not ready. */
  readonly checks: readonly ReadinessCheck[];
  readonly metrics: Metrics<OutcomeName>;
  /** The way in; absent without the role `receiver`. */
  readonly webhook?: Webhook;
}

/** Builds the halves that `roles` names. */
export function createOperator(parts: OperatorParts): AssembledOperator {
  const { roles, watchNamespaces, tls } = parts;
  const metrics = createMetrics({ outcomes: OUTCOMES });
  const namespaces = watchNamespaces.length > 0 ? { namespaces: watchNamespaces } : {};
  const caches = createCaches({ ...parts, ...namespaces });
  const protectedNamespaces = new Set(parts.protectedNamespaces);
  const notifier = notifierOf(parts, metrics);
  const shared = { ...parts, caches, metrics, protectedNamespaces, notifier };
  const nodes = new NodeVerdicts();
  const { findings = findingsFrom(nodes) } = parts;
  const network = roles.includes('responder')
    ? createNetwork({ ...parts, ...namespaces }, findings)
    : undefined;
  const receiver = roles.includes('receiver') ? createReceiver(shared) : undefined;
  const responder = network && createResponder({ ...shared, network, nodes });
  showCaches(metrics, caches);
  if (network) metrics.showCache(NETWORK_POLICIES, () => network.networkPolicies.size);
  const all = [...sourcesOf(caches), ...(network ? networkSources(network) : [])];
  return {
    metrics,
    synced: Promise.all(all.map((cache) => cache.synced)).then(() => {}),
    checks: [cachesCheck(all), ...[tls && { checks: [tls.check] }, receiver, responder].flatMap(checksOf)],
    ...(receiver && { webhook: receiver.webhook }),
    run: async (signal) => {
      const running = [...all, receiver, responder].filter((part) => part !== undefined);
      try {
        await runTogether(running, signal);
      } finally {
        await notifier?.stop();
      }
    },
  };
}

function notifierOf(
  { notify, clock, random, log, instance }: OperatorParts,
  metrics: Metrics<OutcomeName>,
): Notifier | undefined {
  if (!notify) return undefined;
  const count = metrics.countNotifications(DESTINATIONS, NOTIFY_RESULTS);
  return new Notifier({ ...notify, clock, random, log, instance, count });
}

function showCaches(metrics: Metrics<OutcomeName>, caches: Caches): void {
  metrics.showCache(PODS, () => caches.pods.size);
  metrics.showCache(DRIFT_POLICIES, () => caches.policies.size);
  metrics.showCache(CLUSTER_DRIFT_POLICIES, () => caches.clusterPolicies.size);
  metrics.showCache(NAMESPACES, () => caches.namespaces.size);
  metrics.showCache(DRIFT_INCIDENTS, () => caches.incidents.size);
}

function cachesCheck(all: readonly { readonly isSynced: boolean }[]): ReadinessCheck {
  return {
    name: 'caches',
    reason: () =>
      all.every((cache) => cache.isSynced)
        ? undefined
        : 'pods, namespaces, policies and incidents are still being read',
  };
}

function checksOf(part: { checks: readonly ReadinessCheck[] } | undefined): readonly ReadinessCheck[] {
  return part?.checks ?? [];
}

function findingsFrom(nodes: NodeVerdicts): NetworkFindings {
  return { ...NO_FINDINGS, enforcementOf: (node) => nodes.proofOf(node) };
}
