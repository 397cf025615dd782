// A cluster with an operator in it, for tests of whole responses. The tests do not see whether the API is the embedded
// one or a real kube-apiserver.
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { API_VERSION } from '../../src/api/names.ts';
import type { ClusterDriftPolicy, DriftPolicy } from '../../src/api/policy.ts';
import type { Clock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  PODS,
  type Resource,
} from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { alertAbout, type AlertChange } from './alerts.ts';
import { aPolicy } from './builders.ts';
import type { PodTimings } from './pod-stages.ts';
import { startOperator, type OperatorChange, type TestOperator } from './test-operator.ts';

export { TOKEN, type TestOperator, type WriteCall } from './test-operator.ts';

export const REPOSITORY = 'registry.example/shop/web';
export const IMAGE = `${REPOSITORY}:1.2`;
export const DIGEST = `sha256:${'1'.repeat(64)}`;
export const PINNED = `${IMAGE}@${DIGEST}`;

/** What differs between the embedded and a real API server. */
export interface WorldParts {
  namespace: string;
  /** The test itself, allowed to do everything. */
  client: KubeClient;
  /** What the operator sends over. */
  transport: Transport;
  clock: Clock;
  random: () => number;
  /** Digests by image; the kubelet resolves images by it, and a test may change it. */
  images: Map<string, string>;
  /** Times that the kubelet takes, read anew at each stage; a test may change them. Absent: they cannot be. */
  timings?: Partial<PodTimings>;
  /** Lets something happen: time passes. */
  tick: () => Promise<void>;
  /** How long {@link World.until} waits, in milliseconds of `clock`. */
  patienceMs: number;
}

/** See the file's first line. */
export class World {
  readonly parts: WorldParts;
  readonly #running = new Set<TestOperator>();
  readonly #cluster: ClusterDriftPolicy[] = [];

  constructor(parts: WorldParts) {
    this.parts = parts;
  }

  get client(): KubeClient {
    return this.parts.client;
  }

  get namespace(): string {
    return this.parts.namespace;
  }

  /** From now on containers take that many milliseconds to end, as far as the grace lets them. */
  stopsWithin(ms: number): void {
    if (this.parts.timings === undefined) throw new Error('the times of this kubelet are fixed');
    this.parts.timings.stopMs = ms;
  }

  /** Starts an operator that watches the world's namespace, and waits until its caches are read. */
  async operator(
    change: OperatorChange = {},
    wrap: (transport: Transport) => Transport = (t) => t,
  ): Promise<TestOperator> {
    const running = await startOperator(this, change, wrap, () => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Asks until the answer is not undefined; time passes meanwhile. */
  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const end = this.parts.clock.now() + this.parts.patienceMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.parts.clock.now() > end) {
        throw new Error(
          `not within ${this.parts.patienceMs} ms: ${what}; there is ${await this.#incidents()}`,
        );
      }
      await this.parts.tick();
    }
  }

  /** Creates a Deployment `web` and waits until its pods are Ready. */
  async deployment(replicas: number, image = PINNED): Promise<KubeObject[]> {
    const labels = { app: 'web' };
    const containers = [{ name: 'web', image }];
    await this.client.create(
      DEPLOYMENTS,
      { namespace: this.namespace },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: this.namespace },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      },
    );
    return this.until(`${replicas} Ready pods`, async () => {
      const ready = (await this.list(PODS)).filter(isReady);
      return ready.length === replicas ? ready : undefined;
    });
  }

  /** Like {@link deployment}; one of its pods is what the test is about. */
  async victim(replicas: number, image = PINNED): Promise<KubeObject> {
    const [first] = await this.deployment(replicas, image);
    if (!first) throw new Error('a Deployment without pods has no victim');
    return first;
  }

  /** Creates a DriftPolicy and waits until the operator has judged it. */
  async policy(spec: object = {}, name = 'web'): Promise<DriftPolicy> {
    const { apiVersion, kind, spec: full } = aPolicy(spec);
    const metadata = { name, namespace: this.namespace };
    await this.client.create(
      DRIFT_POLICIES,
      { namespace: this.namespace },
      { apiVersion, kind, metadata, spec: full },
    );
    return this.until('the policy is judged', async () => {
      const policy = await this.client.get<DriftPolicy>(DRIFT_POLICIES, metadata);
      return policy.status?.conditions ? policy : undefined;
    });
  }

  /** Creates a ClusterDriftPolicy for this namespace only, and waits until the operator has judged it. */
  async clusterPolicy(spec: object = {}): Promise<ClusterDriftPolicy> {
    const name = `cluster-${this.namespace}`;
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': this.namespace } };
    await this.client.create(
      CLUSTER_DRIFT_POLICIES,
      {},
      {
        apiVersion: API_VERSION,
        kind: CLUSTER_DRIFT_POLICIES.kind,
        metadata: { name },
        spec: { namespaceSelector, ...spec },
      },
    );
    const judged = await this.until('the policy of the cluster is judged', async () => {
      const policy = await this.client.get<ClusterDriftPolicy>(CLUSTER_DRIFT_POLICIES, { name });
      const ready = policy.status?.conditions?.find(({ type }) => type === 'Ready');
      return ready && ready.reason !== 'Preparing' ? policy : undefined;
    });
    this.#cluster.push(judged);
    return judged;
  }

  /** The recorded alert about that pod, told now. */
  alert(pod: KubeObject, change: Partial<AlertChange> = {}): Record<string, unknown> {
    return alertAbout(pod, { time: new Date(this.parts.clock.now()).toISOString(), ...change });
  }

  async list<T extends KubeObject = KubeObject>(resource: Resource): Promise<T[]> {
    return (await this.client.list<T>(resource, { namespace: this.namespace })).items;
  }

  /** Waits until the only incident of the namespace pleases. */
  async incident(what: string, pleases: (incident: DriftIncident) => boolean): Promise<DriftIncident> {
    return this.until(`an incident ${what}`, async () =>
      (await this.list<DriftIncident>(DRIFT_INCIDENTS)).find(pleases),
    );
  }

  /** What the incidents of the namespace say, for the error of a wait. */
  async #incidents(): Promise<string> {
    const incidents = await this.list<DriftIncident>(DRIFT_INCIDENTS);
    const told = incidents.map(({ metadata, spec, status }) => {
      const { phase, conditions, reports } = status ?? {};
      return JSON.stringify({
        name: metadata.name,
        asked: spec.decision?.action,
        phase,
        conditions,
        reports,
      });
    });
    return told.join('\n') || 'no incident';
  }

  /** UIDs of the replacements that incidents which are resolved name. */
  async replacements(): Promise<string[]> {
    const incidents = await this.list<DriftIncident>(DRIFT_INCIDENTS);
    const resolved = incidents.filter((incident) => incident.status?.phase === 'Resolved');
    return resolved.flatMap((incident) => incident.status?.replacement?.uid ?? []);
  }

  /** The pod by name, if there is one. */
  async pod(name: string): Promise<KubeObject | undefined> {
    return (await this.list(PODS)).find((pod) => pod.metadata.name === name);
  }

  /** Stops what runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((operator) => operator.stop()));
    // The namespace does not take these along.
    for (const { metadata } of this.#cluster.splice(0)) {
      const gone = this.client.delete(CLUSTER_DRIFT_POLICIES, { name: metadata.name }, metadata.uid);
      await gone.catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}

/** Whether the pod has the condition Ready and is not about to go. */
export function isReady(pod: KubeObject): boolean {
  const status = pod['status'] as { conditions?: { type: string; status: string }[] } | undefined;
  const ready = status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  return ready && pod.metadata.deletionTimestamp === undefined;
}
