// Assembly: builds a receiver and a responder from their parts. `run`, `demo`, simulations and tests all build them here.
import type { Role } from './api/names.ts';
import type { Access } from './detect/access.ts';
import type { Journal } from './detect/journal/journal.ts';
import { OUTCOMES, type OutcomeName } from './detect/outcome.ts';
import type { Webhook } from './detect/webhook.ts';
import type { EvidenceStore } from './evidence/store.ts';
import { createCaches, sourcesOf } from './incidents/caches.ts';
import type { Clock, Random } from './kube/clock.ts';
import type { KubeClient } from './kube/client.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  PODS,
} from './kube/resources.ts';
import type { ReadinessCheck } from './observe/health.ts';
import type { Logger } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { createReceiver, type StreamSettings } from './roles/receiver.ts';
import { createResponder, type Election } from './roles/responder.ts';
import { runTogether } from './roles/together.ts';

/** What an operator is built from. */
export interface OperatorParts extends Access {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  evidence: EvidenceStore;
  /** Keeps alerts that wait through a crash of a receiver; absent: they are in memory only. */
  journal?: Journal;
  /** A second way in beside the webhook. */
  stream?: StreamSettings;
  /** Absent: there is no other responder. */
  election?: Election;
  roles: readonly Role[];
  /** Name of this process among its peers. */
  instance: string;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  protectedNamespaces: readonly string[];
  maxAlertAgeMs: number;
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
  const shared = { ...parts, caches, metrics, protectedNamespaces };
  const receiver = roles.includes('receiver') ? createReceiver(shared) : undefined;
  const responder = roles.includes('responder') ? createResponder(shared) : undefined;
  metrics.showCache(PODS, () => caches.pods.size);
  metrics.showCache(DRIFT_POLICIES, () => caches.policies.size);
  metrics.showCache(CLUSTER_DRIFT_POLICIES, () => caches.clusterPolicies.size);
  metrics.showCache(NAMESPACES, () => caches.namespaces.size);
  metrics.showCache(DRIFT_INCIDENTS, () => caches.incidents.size);
  const all = sourcesOf(caches);
  const cachesCheck: ReadinessCheck = {
    name: 'caches',
    reason: () =>
      all.every((c) => c.isSynced)
        ? undefined
        : 'pods, namespaces, policies and incidents are still being read',
  };
  return {
    metrics,
    synced: Promise.all(all.map((cache) => cache.synced)).then(() => {}),
    checks: [
      cachesCheck,
      ...(tls ? [tls.check] : []),
      ...(receiver?.checks ?? []),
      ...(responder?.checks ?? []),
    ],
    ...(receiver && { webhook: receiver.webhook }),
    run: (signal) =>
      runTogether(
        [...all, receiver, responder].filter((part) => part !== undefined),
        signal,
      ),
  };
}
