// Stands in for nodes that run helper pods in the networks of pods: puts firewalls in, takes them away and looks for them,
// and says so as the kubelet tells the end of a helper.
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../../src/api/names.ts';
import type { EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import type { NetnsReport } from '../../../src/helpers/netns-report.ts';
import { DRIFT_INCIDENTS, PODS } from '../../../src/kube/resources.ts';
import type { SimClock } from './clock.ts';
import { drawInt, drawsFor } from './draws.ts';
import type { History } from './history.ts';

/** What a helper did in the network of a pod. */
export interface FirewallAct {
  at: number;
  action: 'cut' | 'uncut';
  /** As it was then. */
  pod: KubeObject;
  /** As they were then. */
  incidents: readonly DriftIncident[];
}

/** Until a helper acts, and from then until its end is told, in milliseconds. */
const WITHIN_MS = 1_500;
/** So often it finds no process of the pod, as between two containers. */
const MISSES = 0.1;

/** See the file's first line. */
export class NodeAgent {
  readonly #cluster: EmbeddedCluster;
  readonly #clock: SimClock;
  readonly #history: History;
  #helpers = 0;
  readonly acts: FirewallAct[] = [];

  constructor({ cluster, clock, history }: { cluster: EmbeddedCluster; clock: SimClock; history: History }) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#history = history;
    cluster.admission.push(({ operation, resource, namespace, object, dryRun }) => {
      const isHelper = operation === 'CREATE' && resource === PODS && namespace === CAPTURE_NAMESPACE;
      if (isHelper && !dryRun && object && argsOf(object)[0] === 'netns')
        void this.#run(object.metadata.name);
      return undefined;
    });
  }

  async #run(name: string): Promise<void> {
    const draws = drawsFor(this.#history.seed, `helper ${++this.#helpers}`);
    await this.#clock.sleep(drawInt(draws, 100, WITHIN_MS));
    const helper = this.#helper(name);
    if (!helper) return;
    const report = draws() < MISSES ? NO_PROCESS : this.#act(helper);
    await this.#clock.sleep(drawInt(draws, 1, WITHIN_MS));
    if (this.#helper(name)?.metadata.uid === helper.metadata.uid) this.#end(name, report);
  }

  #helper(name: string): KubeObject | undefined {
    const pod = this.#cluster.api.get(PODS, { namespace: CAPTURE_NAMESPACE, name });
    return pod?.metadata.deletionTimestamp === undefined ? pod : undefined;
  }

  #act(helper: KubeObject): NetnsReport {
    const { api } = this.#cluster;
    const { action, uid } = orderOf(helper);
    const pod = api.list(PODS).find(({ metadata }) => metadata.uid === uid);
    if (!pod) return NO_PROCESS;
    const incidents = api.list(DRIFT_INCIDENTS, pod.metadata.namespace) as DriftIncident[];
    if (action !== 'cut' && action !== 'uncut') return this.#look(uid);
    this.acts.push({ at: this.#clock.elapsed(), action, pod, incidents });
    return { result: action === 'cut' ? 'Cut' : 'Uncut' };
  }

  /** Without a firewall nobody knows here what the network does. */
  #look(uid: string): NetnsReport {
    const last = this.acts.findLast(({ pod }) => pod.metadata.uid === uid);
    return last?.action === 'cut' ? { result: 'Closed' } : UNCLEAR;
  }

  #end(name: string, report: NetnsReport): void {
    const terminated = { exitCode: 0, reason: 'Completed', message: JSON.stringify(report) };
    const status = { phase: 'Succeeded', containerStatuses: [{ name: 'helper', state: { terminated } }] };
    this.#cluster.api.update(PODS, { namespace: CAPTURE_NAMESPACE, name }, 'status', (pod) => ({
      ...pod,
      status,
    }));
  }
}

const NO_PROCESS: NetnsReport = {
  result: 'Refused',
  reason: 'NoProcess',
  message: 'no process of the pod runs',
};

const UNCLEAR: NetnsReport = {
  result: 'Refused',
  reason: 'Unclear',
  message: 'it is not known what the network does',
};

/** What the arguments of a helper tell it to do. */
export function orderOf(helper: KubeObject): { action: string; uid: string } {
  const args = argsOf(helper);
  return { action: args[1] ?? '', uid: args[args.indexOf('--pod-uid') + 1] ?? '' };
}

/** The arguments of the program in a helper. */
export function argsOf(helper: KubeObject): string[] {
  const { containers } = helper['spec'] as { containers: { args?: string[] }[] };
  return containers[0]?.args ?? [];
}
