// Plays scheduler and kubelets: binds pods to made-up nodes and reports their life. No container runs.
import { orAbsent } from '../../src/kube/absent.ts';
import { timestamp, sleep, type Cancel, type Clock, type Random } from '../../src/kube/clock.ts';
import type { JsonPatchOp, KubeClient, WatchEvent } from '../../src/kube/client.ts';
import { NODES, PODS } from '../../src/kube/resources.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { serveLogs } from './kubelet-logs.ts';
import type { KeyPair } from './pki.ts';
import { DEFAULT_TIMINGS, stageMs, stageOf, type PodStage, type PodTimings } from './pod-stages.ts';
import * as statusOf from './pod-status.ts';
import type { ImageTable, KubeletPod } from './pod-status.ts';

/** What a kubelet is made of. */
export interface KubeletOptions {
  client: KubeClient;
  clock: Clock;
  random: Random;
  /** Names of the nodes that it plays, at least one. */
  nodes: readonly string[];
  /** Images that can be pulled; the caller may change the map meanwhile. */
  images: ImageTable;
  /** Only pods of this namespace; absent: all. */
  namespace?: string;
  /** Times of that pod that differ from {@link DEFAULT_TIMINGS}. Asked anew at each stage. */
  timings?: (pod: KubeObject) => Partial<PodTimings>;
  /** Certificate of its endpoint for logs; absent: the API server cannot read any. */
  serving?: KeyPair;
  /** False where a scheduler binds the pods. Default: true. */
  schedules?: boolean;
}

/** A kubelet at work. */
export interface TestKubelet {
  /** Calls that failed, newest last: changed meanwhile, no connection. Each was, or will be, tried again. */
  readonly problems: readonly unknown[];
  /** Ends its work and removes its nodes; pods stay as they are. */
  stop(): Promise<void>;
}

/** One pod in its care. */
interface Tracked {
  pod: KubeletPod;
  stage: PodStage | undefined;
  /** Chosen when the pod was first to be bound, and counted before the API server says so. */
  node?: string;
  /** When the stage was first seen. */
  since: number;
  timer?: Cancel | undefined;
  /** A call is under way; `changed` tells that the pod is another one since. */
  busy: boolean;
  changed: boolean;
}

const RETRY_MS = 200;
const WATCH_SECONDS = 300;
const IDLE_MS = 120_000;
const KEPT_PROBLEMS = 50;

/** Makes the nodes and starts. Rejects if a node cannot be made. */
export async function startKubelet(options: KubeletOptions): Promise<TestKubelet> {
  const kubelet = new Kubelet(options);
  const logs = options.serving && (await serveLogs(options.serving, (...at) => kubelet.find(...at)));
  const made = await Promise.all(options.nodes.map((name) => createNode(options.client, name, logs?.port)));
  kubelet.start();
  return {
    problems: kubelet.problems,
    stop: async () => {
      await Promise.all([kubelet.stop(), logs?.close()]);
      const gone = made.map(({ metadata }) =>
        options.client.delete(NODES, { name: metadata.name }, metadata.uid),
      );
      await Promise.all(gone);
    },
  };
}

/** Admission taints a new node as not ready, and the controller that would take the taint away does not run. */
async function createNode(client: KubeClient, name: string, logPort?: number): Promise<KubeObject> {
  const metadata = { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } };
  const node = await client.create(NODES, {}, { apiVersion: 'v1', kind: 'Node', metadata });
  const resources = { cpu: '64', memory: '256Gi', pods: '1000' };
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }];
  const status = { capacity: resources, allocatable: resources, conditions, ...addressOf(logPort) };
  const at = { name, subresource: 'status' };
  await client.jsonPatch(NODES, at, [{ op: 'add', path: '/status', value: status }]);
  return client.jsonPatch(NODES, { name }, [{ op: 'add', path: '/spec/taints', value: [] }]).then(() => node);
}

/** Where the API server finds the kubelet of a node. */
function addressOf(port: number | undefined): object {
  if (port === undefined) return {};
  return {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
}

class Kubelet {
  readonly problems: unknown[] = [];
  readonly #options: KubeletOptions;
  readonly #pods = new Map<string, Tracked>();
  readonly #stop = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  #watching: Promise<void> = Promise.resolve();

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const tracked of this.#pods.values()) tracked.timer?.();
    await Promise.all([this.#watching, ...this.#calls]);
  }

  find(namespace: string, name: string): KubeletPod | undefined {
    const pods = [...this.#pods.values()].map(({ pod }) => pod);
    return pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  }

  /** Lists and watches, and begins again when the watch ends or fails. */
  async #watch(): Promise<void> {
    const { client, clock, namespace } = this.#options;
    const { signal } = this.#stop;
    const selection = namespace === undefined ? {} : { namespace };
    while (!signal.aborted) {
      try {
        const { metadata, items } = await client.list<KubeletPod>(PODS, selection, { signal });
        this.#replace(items);
        const from = {
          ...selection,
          resourceVersion: metadata.resourceVersion,
          timeoutSeconds: WATCH_SECONDS,
        };
        for await (const event of client.watch(PODS, from, { signal, idleMs: IDLE_MS })) {
          this.#apply(event);
        }
      } catch (error) {
        if (!signal.aborted) this.#note(error);
      }
      await sleep(clock, RETRY_MS, signal);
    }
  }

  #replace(pods: readonly KubeletPod[]): void {
    const present = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const uid of this.#pods.keys()) if (!present.has(uid)) this.#forget(uid);
    for (const pod of pods) this.#take(pod);
  }

  #apply({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw new Error(`the watch of pods ended: ${JSON.stringify(object)}`);
    if (type === 'DELETED') this.#forget(object.metadata.uid);
    else if (type !== 'BOOKMARK') this.#take(object as KubeletPod);
  }

  #forget(uid: string): void {
    this.#pods.get(uid)?.timer?.();
    this.#pods.delete(uid);
  }

  #take(pod: KubeletPod): void {
    const tracked = this.#pods.get(pod.metadata.uid) ?? newlyTracked(pod);
    this.#pods.set(pod.metadata.uid, tracked);
    tracked.pod = pod;
    tracked.changed = true;
    this.#look(tracked);
  }

  /** Does what the pod's stage ends with, now or when it is due. */
  #look(tracked: Tracked): void {
    const { clock, timings } = this.#options;
    if (tracked.busy || this.#stop.signal.aborted) return;
    const { pod } = tracked;
    const stage = stageOf(pod);
    if (stage === 'Unbound' && this.#options.schedules === false) return;
    if (stage !== tracked.stage) Object.assign(tracked, { stage, since: clock.now() });
    tracked.timer?.();
    tracked.changed = false;
    const dueMs =
      tracked.since + stageMs(stage, pod, { ...DEFAULT_TIMINGS, ...timings?.(pod) }) - clock.now();
    if (dueMs <= 0) this.#act(tracked, stage);
    else if (dueMs !== Infinity) tracked.timer = clock.after(dueMs, () => this.#look(tracked));
  }

  #act(tracked: Tracked, stage: PodStage): void {
    tracked.busy = true;
    const call = this.#end(stage, tracked)
      .catch((error: unknown) => this.#note(error))
      .then(() => {
        tracked.busy = false;
        this.#calls.delete(call);
        if (this.#pods.get(tracked.pod.metadata.uid) !== tracked) return;
        // The watch tells what came of it. Should the call have failed without a change, it is tried again.
        if (tracked.changed) this.#look(tracked);
        else tracked.timer = this.#options.clock.after(RETRY_MS, () => this.#look(tracked));
      });
    this.#calls.add(call);
  }

  /** The call that ends a stage. */
  async #end(stage: PodStage, tracked: Tracked): Promise<void> {
    const { pod } = tracked;
    const { clock, images, random } = this.#options;
    const at = timestamp(clock);
    const missing = statusOf.missingImages(pod, images);
    switch (stage) {
      case 'Unbound':
        return this.#bind(tracked);
      case 'Starting':
      case 'Pulling':
        if (missing.length === 0) return this.#report(pod, statusOf.running(pod, { images, random, at }));
        if (stage === 'Starting') return this.#report(pod, statusOf.pullFailed(pod, missing, at));
        return;
      case 'Running':
        return this.#report(pod, statusOf.ready(pod, at));
      case 'Stopping':
        return this.#report(pod, statusOf.terminated(pod, at));
      case 'Stopped':
        return this.#remove(pod);
      case 'Ready':
      case 'Over':
    }
  }

  async #bind(tracked: Tracked): Promise<void> {
    const { name, namespace = '', uid } = tracked.pod.metadata;
    tracked.node ??= requiredNode(tracked.pod.spec) ?? this.#freestNode();
    const target = { apiVersion: 'v1', kind: 'Node', name: tracked.node };
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, uid }, target };
    await this.#options.client.create(PODS, { namespace, name, subresource: 'binding' }, body);
  }

  async #report({ metadata: { name, namespace = '' } }: KubeletPod, ops: JsonPatchOp[]): Promise<void> {
    await this.#options.client.jsonPatch(PODS, { namespace, name, subresource: 'status' }, ops);
  }

  async #remove({ metadata: { name, namespace = '', uid } }: KubeletPod): Promise<void> {
    const gone = this.#options.client.delete(PODS, { namespace, name }, uid, { gracePeriodSeconds: 0 });
    // What showed it as still there may have been under way when it went.
    await orAbsent(gone);
  }

  #freestNode(): string {
    const used = [...this.#pods.values()].map(({ pod, node }) => pod.spec.nodeName ?? node);
    const load = (node: string) => used.filter((name) => name === node).length;
    const [node] = this.#options.nodes.toSorted((a, b) => load(a) - load(b));
    if (node === undefined) throw new Error('the test kubelet plays no node');
    return node;
  }

  #note(error: unknown): void {
    this.problems.push(error);
    this.problems.splice(0, this.problems.length - KEPT_PROBLEMS);
  }
}

const newlyTracked = (pod: KubeletPod): Tracked => ({
  pod,
  stage: undefined,
  since: 0,
  busy: false,
  changed: false,
});

/** The node that the pod asks for: the DaemonSet controller does by affinity, people do by host name. */
function requiredNode(spec: KubeletPod['spec']): string | undefined {
  const affinity = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = affinity?.nodeSelectorTerms.flatMap((term) => term.matchFields ?? []);
  const byName = fields?.find(({ key }) => key === 'metadata.name')?.values[0];
  return byName ?? spec.nodeSelector?.['kubernetes.io/hostname'];
}
