// Has pods in quarantine probed from within their own network: which, when, and who is told of the results. What is known is
// in memory: the next leader finds it out again.
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../api/names.ts';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { KeyedQueue } from '../controller/queue.ts';
import type { NetworkProbe } from '../decide/isolated.ts';
import { afterProbe, isOutdated, probeDueAt, type ProbeRecord } from '../decide/probes.ts';
import { readHelperSettings } from '../helpers/helper-settings.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { cacheKey } from '../kube/cache.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { probePod } from '../respond/probe.ts';
import type { Caches } from './caches.ts';
import type { NetworkFindings } from './network.ts';

/** What {@link Probes} needs. */
export interface ProbesOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  caches: {
    pods: Pick<Caches['pods'], 'get'>;
    incidents: Pick<Caches['incidents'], 'get' | 'values' | 'subscribe'>;
  };
  reviews: Pick<AccessReviews, 'mayDo'>;
  enforcementOf: NetworkFindings['enforcementOf'];
  /** Told of an incident of which something else may be said than before, by its key. */
  onChange: (key: string) => void;
}

/** Where no such helpers are installed, that is asked again this often, in milliseconds. */
const NOT_INSTALLED_MS = 600_000;
/** On a node one pod is probed at a time; for the next one it is looked again after this, in milliseconds. */
const BUSY_MS = 5_000;

/** See the file's first line. One for each term of a leader; the queue of incidents' keys is the caller's. */
export class Probes {
  readonly #options: ProbesOptions;
  /** By UID of the pod, of the network that it had. */
  readonly #records = new Map<string, { network: string; record: ProbeRecord }>();
  readonly #busy = new Set<string>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** See {@link NetworkFindings}. */
  readonly probeOf = (pod: PodFacts): NetworkProbe | undefined => this.#recordOf(pod)?.proof;

  /** Puts incidents into the queue as they change, until the result is called. */
  watch(queue: Pick<KeyedQueue, 'add'>): () => void {
    const { incidents } = this.#options.caches;
    const look = (incident: DriftIncident) => {
      this.#forgetOutdated(incident);
      const dueAt = this.#dueAt(incident);
      if (dueAt !== undefined) queue.add(keyOf(incident), Math.max(0, dueAt - this.#options.clock.now()));
    };
    const cancel = incidents.subscribe(({ type, value }) => {
      if (type === 'delete' || isFinal(value)) this.#records.delete(value.spec.target.uid);
      else look(value);
    });
    for (const incident of incidents.values()) look(incident);
    return cancel;
  }

  /** Probes the pod of an incident if that is due. @throws KubeError */
  async reconcile(key: string, stopping: AbortSignal): Promise<Outcome> {
    const { clock, caches } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const incident = caches.incidents.get(namespace, name);
    const pod = incident && this.#podOf(incident);
    const dueAt = incident && this.#dueAt(incident);
    if (!incident || !pod || dueAt === undefined) return { kind: 'done' };
    if (dueAt > clock.now()) return requeue(dueAt - clock.now());
    const node = pod.nodeName ?? '';
    if (this.#busy.has(node)) return requeue(BUSY_MS);
    this.#busy.add(node);
    try {
      const image = await this.#image();
      if (image === undefined) return requeue(NOT_INSTALLED_MS);
      await this.#probe(incident, pod, { image, stopping });
    } finally {
      this.#busy.delete(node);
    }
    // When it is due again is found out by the next look.
    return requeue(BUSY_MS);
  }

  #recordOf(pod: PodFacts): ProbeRecord | undefined {
    const known = this.#records.get(pod.uid);
    return known?.network === networkOf(pod) ? known.record : undefined;
  }

  #podOf({ spec: { target } }: DriftIncident): PodFacts | undefined {
    const pod = this.#options.caches.pods.get(target.namespace, target.name);
    return pod?.uid === target.uid ? pod : undefined;
  }

  #dueAt(incident: DriftIncident): number | undefined {
    const pod = this.#podOf(incident);
    const enforcement = pod?.nodeName === undefined ? undefined : this.#options.enforcementOf(pod.nodeName);
    return probeDueAt(incident, pod, pod && this.#recordOf(pod), enforcement);
  }

  #forgetOutdated(incident: DriftIncident): void {
    const { uid } = incident.spec.target;
    const known = this.#records.get(uid);
    if (!known?.record.proof || !isOutdated(incident, known.record.proof)) return;
    const { proof: _proof, ...record } = known.record;
    this.#records.set(uid, { ...known, record });
  }

  async #probe(incident: DriftIncident, pod: PodFacts, given: { image: string; stopping: AbortSignal }) {
    const { client, clock, log, caches, onChange } = this.#options;
    const { namespace, name, uid } = pod;
    const result = await probePod({ client, clock, log, stopping: given.stopping }, incident, given.image);
    if (given.stopping.aborted) return;
    const say = result.verdict === 'Closed' ? 'info' : 'warn';
    log[say](
      { namespace, pod: name, verdict: result.verdict },
      `probe from within the network of pod ${namespace}/${name}: ${result.verdict}, ${result.message}`,
    );
    const now = caches.incidents.get(incident.metadata.namespace, incident.metadata.name);
    // What a policy opened meanwhile, or a person decided, is told by the incident.
    if (now?.metadata.uid !== incident.metadata.uid || this.#dueAt(now) === undefined) return;
    const record = afterProbe(this.#recordOf(pod), result);
    this.#records.set(uid, { network: networkOf(pod), record });
    this.#forgetOutdated(now);
    onChange(keyOf(incident));
  }

  /** The image of helpers; undefined where none may be in the network of a pod. @throws KubeError */
  async #image(): Promise<string | undefined> {
    const { client, reviews } = this.#options;
    const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
    if (!(await reviews.mayDo({ verb: 'get', resource: CONFIG_MAPS, at }))) return undefined;
    const settings = await readHelperSettings(client);
    return typeof settings !== 'string' && settings.profiles.has('netns') ? settings.image : undefined;
  }
}

function requeue(afterMs: number): Outcome {
  return { kind: 'requeue', afterMs, reason: 'Probed', priority: 'normal' };
}

/** The kubelet may make the network of a pod anew. */
function networkOf({ ip = '', sandboxAt = '' }: PodFacts): string {
  return `${ip} ${sandboxAt}`;
}

function keyOf({ metadata }: DriftIncident): string {
  return cacheKey(metadata.namespace, metadata.name);
}
