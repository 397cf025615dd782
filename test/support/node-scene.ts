// An Enforcement over pods that a test names, in a cluster whose networks do as the test says.
import type { KubeObject } from '../../src/api/meta.ts';
import {
  CAPTURE_NAMESPACE,
  ENFORCEMENT_CONFIGMAP,
  HELPERS_CONFIGMAP,
  QUARANTINE_LABEL,
  SYSTEM_NAMESPACE,
} from '../../src/api/names.ts';
import type { PodFacts } from '../../src/api/pod.ts';
import { KeyedQueue } from '../../src/controller/queue.ts';
import { createEmbeddedCluster } from '../../src/embedded/api-server.ts';
import { Enforcement, type EnforcementOptions } from '../../src/incidents/enforcement.ts';
import { NodeVerdicts } from '../../src/incidents/node-verdicts.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS, NAMESPACES, NODES, PODS } from '../../src/kube/resources.ts';
import { silentLogger, type Logger } from '../../src/observe/log.ts';
import { aPod } from './builders.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

export const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
export const RECORD = { namespace: SYSTEM_NAMESPACE, name: ENFORCEMENT_CONFIGMAP };
const SETTINGS = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };

type Reach = 'cut' | 'open' | 'silent';
interface Made {
  metadata: KubeObject['metadata'];
  spec: { nodeName: string };
}
type Listener = (event: { type: 'set' | 'delete'; value: PodFacts }) => void;

/** See the file's first line. */
export class NodeScene {
  readonly clock = new VirtualClock();
  readonly cluster = createEmbeddedCluster({
    clock: this.clock,
    random: seededRandom(1),
    nodes: ['node-1', 'node-2', 'node-3', 'node-4'],
  });
  readonly client = createKubeClient({
    transport: this.cluster.transport,
    clock: this.clock,
    random: seededRandom(2),
    userAgent: 'test',
  });
  readonly nodes = new NodeVerdicts();
  readonly changed: string[] = [];
  readonly said: string[] = [];
  readonly stop = new AbortController();
  /** What the network of each node does with a quarantined pod. */
  readonly networks = new Map<string, Reach>();
  readonly pods = new Map<string, PodFacts>();
  /** Namespaces in which a policy isolates. */
  isolated = new Set(['shop']);
  mayRun = true;
  /** Tests that were begun, and how many ran at a time at most. */
  readonly begun: string[] = [];
  most = 0;
  /** Node by pair. */
  readonly #nodes = new Map<string, string>();
  readonly #listeners = new Set<Listener>();
  readonly #stopped = new Set<string>();
  #boots = 0;
  readonly enforcement: Enforcement;

  constructor() {
    const say = (_: object, message: string) => void this.said.push(message);
    const log: Logger = { ...silentLogger, info: say, warn: say };
    const policy = { mode: 'Enforce', rungs: [{ actions: ['Isolate'] }] };
    const options = {
      client: this.client,
      clock: this.clock,
      random: seededRandom(3),
      log,
      nodes: this.nodes,
      protectedNamespaces: new Set(['kube-system']),
      reviews: { mayDo: () => Promise.resolve(this.mayRun) },
      onChange: (node: string) => void this.changed.push(node),
      caches: {
        pods: {
          values: () => [...this.pods.values()],
          subscribe: (listener: Listener) => {
            this.#listeners.add(listener);
            return () => this.#listeners.delete(listener);
          },
        },
        rulebooks: {
          of: (namespace: string) => ({
            inForce: new Map(this.isolated.has(namespace) ? [['uid', policy]] : []),
            exemptions: [],
          }),
        },
      },
    };
    this.enforcement = new Enforcement(options as unknown as EnforcementOptions);
  }

  async prepare(installed = true): Promise<void> {
    const { api } = this.cluster;
    for (const name of [CAPTURE_NAMESPACE, SYSTEM_NAMESPACE])
      if (!api.get(NAMESPACES, { name }))
        api.create(NAMESPACES, undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    this.cluster.start();
    await this.clock.advance(1_000);
    if (installed) this.#configMap(SETTINGS, { image: IMAGE, profiles: 'canary' });
    if (installed) this.#configMap(RECORD);
    this.cluster.onRequest(({ method, path, body }) => this.#script(method, path, body));
  }

  #configMap({ namespace, name }: typeof RECORD, data?: Record<string, string>): void {
    const metadata = { name, namespace };
    this.cluster.api.create(CONFIG_MAPS, namespace, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  }

  // Both canaries are connected as soon as they are there, and cut when one is labelled, or not.
  #script(method: string, path: string, body = '{}'): void {
    if (method === 'POST' && path.includes(`${CAPTURE_NAMESPACE}/pods`))
      this.#begin(JSON.parse(body) as Made);
    const [, pair = ''] = /\/(canary-\w+)-subject(?:\?|$)/.exec(path) ?? [];
    if (method !== 'PATCH' || pair === '' || this.#reachOf(this.#nodes.get(pair)) !== 'cut') return;
    const cut = { state: 'Cut', lastSuccessAgoMs: 3_000, established: 'Cut' };
    this.clock.after(3_100, () => {
      for (const side of ['peer', 'subject']) this.#say(`${pair}-${side}`, [cut]);
    });
  }

  #begin({ metadata: { name }, spec: { nodeName } }: Made): void {
    this.#say(name, this.#reachOf(nodeName) === 'silent' ? [] : [{ state: 'Connected' }]);
    if (this.#stopped.has(nodeName)) this.clock.after(100, () => this.#keep(name));
    if (!name.endsWith('-peer')) return;
    this.begun.push(nodeName);
    this.#nodes.set(name.replace('-peer', ''), nodeName);
    const there = this.cluster.api.list(PODS, CAPTURE_NAMESPACE);
    const staying = there.filter(
      (pod) => pod.metadata.deletionTimestamp === undefined && pod.metadata.name.endsWith('-peer'),
    );
    this.most = Math.max(this.most, staying.length);
  }

  #keep(name: string): void {
    const at = { namespace: CAPTURE_NAMESPACE, name };
    void this.client.jsonPatch(PODS, at, [
      { op: 'add', path: '/metadata/finalizers', value: ['test/kubelet'] },
    ]);
  }

  #reachOf(node: string | undefined): Reach {
    return this.networks.get(node ?? '') ?? 'cut';
  }

  #say(name: string, reports: object[]): void {
    const current = reports.map((report) => `${JSON.stringify(report)}\n`).join('');
    this.cluster.logs.set({ namespace: CAPTURE_NAMESPACE, name }, { current });
  }

  /** A pod that the caches show from now on. */
  pod(name: string, change: Partial<PodFacts> = {}): void {
    const pod = { ...aPod(), namespace: 'shop', name, uid: name, nodeName: 'node-1', ...change };
    this.pods.set(name, pod);
    for (const listener of this.#listeners) listener({ type: 'set', value: pod });
  }

  /** A pod that is in quarantine, or its next change. */
  quarantine(name: string): void {
    this.pod(name, { labels: { [QUARANTINE_LABEL]: 'true' } });
  }

  /** The node is booted, and its network with it. */
  boot(name: string): void {
    const boots = ++this.#boots;
    const nodeInfo = { bootID: `00000000-0000-4000-8000-${String(boots).padStart(12, '0')}` };
    this.cluster.api.update(NODES, { name }, 'status', (stored) => ({
      ...stored,
      status: { ...(stored['status'] as object), nodeInfo },
    }));
  }

  /** What was started on the node does nothing, and never ends. */
  kubeletStops(name: string): void {
    this.networks.set(name, 'silent');
    this.#stopped.add(name);
  }

  /** Begins the term of a leader. */
  run(): KeyedQueue {
    const queue = new KeyedQueue({
      clock: this.clock,
      random: seededRandom(4),
      workers: 2,
      worker: (node, stopping) => this.enforcement.reconcile(node, stopping),
    });
    void queue.run(this.stop.signal);
    void this.enforcement.run(queue, this.stop.signal);
    return queue;
  }

  record(): Record<string, Record<string, unknown>> {
    const data = (this.cluster.api.get(CONFIG_MAPS, RECORD)?.['data'] ?? {}) as Record<string, string>;
    return Object.fromEntries(
      Object.entries(data).map(([node, text]) => [node, JSON.parse(text) as Record<string, unknown>]),
    );
  }

  verdictOf(node: string): string | undefined {
    return this.nodes.proofOf(node)?.verdict;
  }
}
