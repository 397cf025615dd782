// Assembly: builds a receiver and a responder from their parts. `run`, `demo`, simulations and tests all build them here.
import type { DriftIncident } from './api/incident.ts';
import { isFinal } from './api/incident.ts';
import type { Role } from './api/names.ts';
import { controllerOf, type PodFacts } from './api/pod.ts';
import { classify } from './controller/errors.ts';
import type { Outcome } from './controller/outcome.ts';
import { KeyedQueue } from './controller/queue.ts';
import type { Access } from './detect/access.ts';
import { stepOf } from './decide/marks.ts';
import { responseOf } from './decide/merge.ts';
import { OUTCOMES, type OutcomeName } from './detect/outcome.ts';
import { IntakeQueue } from './detect/queue.ts';
import { createWebhook, type Webhook } from './detect/webhook.ts';
import type { EvidenceStore } from './evidence/store.ts';
import { createCaches, type Caches } from './incidents/caches.ts';
import { hasFinalizer } from './incidents/facts.ts';
import { createOpener } from './incidents/open.ts';
import { reconcilePolicy } from './incidents/policies.ts';
import { reconcile, type ReconcileContext } from './incidents/reconcile.ts';
import { Reporter } from './incidents/report.ts';
import { Reservations } from './incidents/reservations.ts';
import { Snapshots } from './incidents/snapshots.ts';
import { cacheKey, type CacheChange } from './kube/cache.ts';
import { sleep, type Clock, type Random } from './kube/clock.ts';
import type { KubeClient } from './kube/client.ts';
import { EventRecorder } from './kube/events.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from './kube/resources.ts';
import type { ReadinessCheck } from './observe/health.ts';
import type { Logger } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';

/** How long a stop waits for alerts that were accepted, in milliseconds; Kubernetes kills after 30 s. */
const STOP_GRACE_MS = 10_000;

/** How long a stop waits for Events to be sent, in milliseconds. */
const EVENTS_GRACE_MS = 5_000;

/** What an operator is built from. */
export interface OperatorParts extends Access {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  evidence: EvidenceStore;
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

/** What both halves share. */
interface Shared extends OperatorParts {
  caches: Caches;
  metrics: Metrics<OutcomeName>;
  protectedSet: ReadonlySet<string>;
}

/** Builds the halves that `roles` names. */
export function createOperator(parts: OperatorParts): AssembledOperator {
  const metrics = createMetrics({ outcomes: OUTCOMES });
  const caches = createCaches({
    ...parts,
    ...(parts.watchNamespaces.length > 0 && { namespaces: parts.watchNamespaces }),
  });
  const shared: Shared = { ...parts, caches, metrics, protectedSet: new Set(parts.protectedNamespaces) };
  const receiver = parts.roles.includes('receiver') ? createReceiver(shared) : undefined;
  const responder = parts.roles.includes('responder') ? createResponder(shared) : undefined;
  metrics.showCache(PODS, () => caches.pods.size);
  metrics.showCache(DRIFT_POLICIES, () => caches.policies.size);
  metrics.showCache(DRIFT_INCIDENTS, () => caches.incidents.size);
  const all = [caches.pods, caches.policies, caches.incidents];
  return {
    metrics,
    synced: Promise.all(all.map((cache) => cache.synced)).then(() => {}),
    checks: [
      {
        name: 'caches',
        reason: () =>
          all.every((c) => c.isSynced) ? undefined : 'pods, policies and incidents are still being read',
      },
      ...(parts.tls ? [parts.tls.check] : []),
    ],
    ...(receiver && { webhook: receiver.webhook }),
    run: async (signal) => {
      await Promise.all([
        ...all.map((cache) => cache.run(signal)),
        receiver?.run(signal),
        responder?.run(signal),
      ]);
    },
  };
}

function createReceiver(shared: Shared): { webhook: Webhook; run(signal: AbortSignal): Promise<void> } {
  const { client, clock, random, log, caches, metrics } = shared;
  const reporter = new Reporter({ client, clock, log, receiver: shared.instance });
  const handle = createOpener({ ...shared, reporter, protectedNamespaces: shared.protectedSet });
  const intake = new IntakeQueue({
    handle,
    clock,
    random,
    log,
    onOutcome: ({ outcome, incident, message }, { summary }) => {
      metrics.detection(outcome);
      log.info({ outcome, incident, detection: summary.id, severity: summary.severity }, message);
    },
  });
  metrics.showQueue('intake', () => intake.depth);
  const webhook = createWebhook({ ...shared, intake });
  return {
    webhook,
    run: async (signal) => {
      const unsubscribe = caches.incidents.subscribe((change) => forgetEnded(reporter, change));
      await aborted(signal);
      unsubscribe();
      await webhook.close();
      const left = await intake.stop(STOP_GRACE_MS);
      if (left > 0)
        log.error({ left }, 'alerts that were accepted are lost: the API server did not take them in time');
      await reporter.flush();
    },
  };
}

function forgetEnded(reporter: Reporter, { type, value }: CacheChange<DriftIncident>): void {
  const remembered = reporter.incidentOf(value.spec.target.uid);
  const same = remembered?.metadata.uid === value.metadata.uid;
  if (same && (type === 'delete' || isFinal(value))) reporter.forget(value);
}

function createResponder(shared: Shared): { run(signal: AbortSignal): Promise<void> } {
  const { client, clock, random, log, caches, metrics } = shared;
  const events = new EventRecorder({ client, clock, random, log, reportingInstance: shared.instance });
  const context: Omit<ReconcileContext, 'stopping'> = {
    ...shared,
    events,
    protectedNamespaces: shared.protectedSet,
    reservations: new Reservations(),
    snapshots: new Snapshots(),
  };
  const onOutcome = (key: string, outcome: Outcome) => logFailure(log, key, outcome);
  const incidents = new KeyedQueue({
    clock,
    random,
    onOutcome,
    worker: (key, stopping) => reconcile({ ...context, stopping }, key),
  });
  const policies = new KeyedQueue({
    clock,
    random,
    onOutcome,
    workers: 2,
    worker: (key) => reconcilePolicy(context, key),
  });
  metrics.showQueue('incidents', () => incidents.depth);
  metrics.showQueue('policies', () => policies.depth);
  return {
    run: async (signal) => {
      const unsubscribe = wake(caches, context, incidents, policies);
      await Promise.race([
        aborted(signal),
        Promise.all([caches.pods, caches.policies, caches.incidents].map((c) => c.synced)),
      ]);
      await Promise.all([incidents.run(signal), policies.run(signal)]);
      unsubscribe();
      // Events are for people and not worth holding up a stop.
      await Promise.race([events.flush(), sleep(clock, EVENTS_GRACE_MS)]);
    },
  };
}

/** Every change that can matter to an incident or policy puts its key into the queue. */
function wake(caches: Caches, held: Held, incidents: KeyedQueue, policies: KeyedQueue): () => void {
  const add = (incident: DriftIncident) => {
    if (isFinal(incident) && !hasFinalizer(incident)) return;
    incidents.add(keyOf(incident), 0, waitsForIsolation(incident) ? 'containment' : 'normal');
  };
  const cancels = [
    caches.incidents.subscribe(({ type, value }) => {
      if (type === 'set') return add(value);
      held.reservations.forget(value.metadata.uid);
      held.snapshots.forget(value.metadata.uid);
    }),
    caches.pods.subscribe(({ type, value: pod }) => {
      if (type === 'delete') held.reservations.podGone(pod.uid);
      for (const incident of concernedBy(caches, pod)) add(incident);
    }),
    caches.policies.subscribe(({ type, key, value: { policy }, previous }) => {
      policies.add(key);
      // Its status is written by us, and changes nothing for an incident.
      const sameSpec = previous?.policy.metadata.generation === policy.metadata.generation;
      if (type === 'set' && sameSpec) return;
      for (const incident of caches.incidents.byIndex('namespace', policy.metadata.namespace ?? ''))
        add(incident);
    }),
  ];
  return () => cancels.forEach((cancel) => cancel());
}

type Held = Pick<ReconcileContext, 'reservations' | 'snapshots'>;

function waitsForIsolation(incident: DriftIncident): boolean {
  const { contributions } = responseOf(incident);
  const asked = contributions.some(({ mode, actions }) => mode === 'Enforce' && actions.includes('Isolate'));
  return asked && stepOf(incident, 'Isolate') === undefined;
}

/** The incidents of the pod itself, and of its siblings those that wait for a Ready copy. */
function concernedBy({ incidents }: Caches, pod: PodFacts): DriftIncident[] {
  const controller = controllerOf(pod);
  const siblings = controller ? incidents.byIndex('workload', controller.uid).filter(waitsForCopy) : [];
  return [...incidents.byIndex('pod', pod.uid), ...siblings];
}

function waitsForCopy({ status }: DriftIncident): boolean {
  return (
    status?.phase === 'Verifying' ||
    status?.conditions?.some(({ reason }) => reason === 'LastReadyCopy') === true
  );
}

function keyOf({ metadata }: DriftIncident): string {
  return cacheKey(metadata.namespace, metadata.name);
}

function logFailure(log: Logger, key: string, outcome: Outcome): void {
  if (outcome.kind !== 'failed') return;
  const { reason, message } = classify(outcome.error);
  log.warn({ key, reason, err: outcome.error }, `${key} did not get further and is tried again: ${message}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
