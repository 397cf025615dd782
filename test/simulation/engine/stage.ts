// The stage of a scenario: cluster, replicas, alerts and people, and what a story may do with them.
import type { KubeObject, OwnerReference } from '../../../src/api/meta.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { PAUSED_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { createEmbeddedCluster, type EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  PODS,
  type Resource,
} from '../../../src/kube/resources.ts';
import type { AlertChange } from '../../support/alerts.ts';
import { aPolicy } from '../../support/builders.ts';
import type { DefenderChange } from '../../support/defender-alerts.ts';
import { NO_LIMITS } from '../../support/limits.ts';
import type { MemoryStore } from '../../support/memory-store.ts';
import { DIGEST, isReady, PINNED } from '../../support/world.ts';
import { CanaryAgent } from './canary-agent.ts';
import { SimClock } from './clock.ts';
import { Exposure } from './exposure.ts';
import { drawInt, drawOf, drawsFor } from './draws.ts';
import type { History } from './history.ts';
import { Listener } from './listener.ts';
import { NodeAgent } from './node-agent.ts';
import { NodeReader } from './node-reader.ts';
import { Replica } from './replica.ts';
import { ServerLog } from './server-log.ts';
import type { Sidekick } from './sidekick.ts';
import { defenderSays, falcoSays, layout, watched, type SentAlert, type SpokenAlert } from './stage-parts.ts';
import { StoreTrouble } from './store-trouble.ts';

export const NAMESPACE = 'shop';

/** How often an alert is sent until somebody takes it. */
const MAX_SENDS = 40;
const RESEND_MS = 2_000;
/** A story that waits longer for its moment goes on without it. */
const MOMENT_PATIENCE_MS = 120_000;
const WRITES_OF_A_RESPONSE = 12;

/** See the file's first line. */
export class Stage {
  readonly history: History;
  readonly clock = new SimClock();
  readonly cluster: EmbeddedCluster;
  readonly log: ServerLog;
  readonly exposure: Exposure;
  /** Stands in for what helper pods do on their nodes. */
  readonly nodeAgent: NodeAgent;
  /** Stands in for canaries and their networks. */
  readonly canaryAgent: CanaryAgent;
  readonly evidence: MemoryStore;
  readonly store: StoreTrouble;
  /** Stands in for what capture pods read on their nodes. */
  readonly nodeReader: NodeReader;
  readonly replicas: Replica[] = [];
  readonly alerts: SentAlert[] = [];
  /** UIDs of pods that were changed so that a verification has to find it. */
  readonly drifted = new Set<string>();
  /** What processes logged. */
  readonly logged: { replica: string; at: number; fields: object; message: string }[] = [];
  readonly onLog = (replica: string, fields: object, message: string): void =>
    void this.logged.push({ replica, at: this.clock.elapsed(), fields, message });
  /** What the installation limits; a scenario that is about them changes it before the replicas start. */
  limits = NO_LIMITS;
  /** As the settings list them; a scenario that is about them adds its own before the replicas start. */
  readonly protectedNamespaces = ['kube-system'];
  /** Stands in for Falcosidekick, where silence is watched. */
  sidekick: Sidekick | undefined;
  /** The server that is told what responses do. */
  readonly listener: Listener;
  #moments = 0;
  /** When somebody last did something that the operator has to react to, in milliseconds after the start. */
  lastActAt = 0;

  constructor(history: History) {
    this.history = history;
    this.cluster = createEmbeddedCluster({
      clock: this.clock,
      random: drawsFor(history.seed, 'cluster'),
      historyLimit: 5_000,
    });
    for (const image of [PINNED]) this.cluster.images.set(image, DIGEST);
    this.log = new ServerLog(this.cluster, this.clock);
    this.exposure = new Exposure(this, NAMESPACE);
    this.nodeAgent = new NodeAgent(this);
    this.canaryAgent = new CanaryAgent(this);
    this.store = new StoreTrouble(this.clock);
    this.nodeReader = new NodeReader(this);
    this.listener = new Listener(this.clock, history);
    this.evidence = this.store.evidence;
    this.cluster.start();
    this.cluster.api.create(NAMESPACES, undefined, { metadata: { name: NAMESPACE } });
    this.cluster.api.create(NAMESPACES, undefined, { metadata: { name: SYSTEM_NAMESPACE } });
  }

  /** Starts the replicas; times of faults count from here. */
  start(): void {
    this.clock.markStart();
    for (const [index, roles] of layout(this.history.replicas).entries()) {
      const replica = new Replica(`r${index + 1}`, roles, this);
      this.replicas.push(replica);
      replica.start();
    }
  }

  /** Creates a Deployment `web` and lets time pass until its pods are Ready. */
  async deployment(replicas: number, labels: Record<string, string> = {}): Promise<void> {
    const all = { app: 'web', ...labels };
    this.cluster.api.create(DEPLOYMENTS, NAMESPACE, {
      metadata: { name: 'web', namespace: NAMESPACE },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: all }, spec: { containers: [{ name: 'web', image: PINNED }] } },
      },
    });
    await this.settlePods(replicas);
  }

  /** Lets time pass until so many pods are Ready. */
  async settlePods(count: number): Promise<void> {
    const ready = () => this.pods().filter(isReady).length === count;
    await this.clock.runUntil(this.clock.now() + 60_000, ready);
    if (!ready()) throw new Error(`there are not ${count} Ready pods after a minute`);
  }

  /** Creates a pod by hand. */
  bare(name: string, namespace = NAMESPACE, ownerReferences: readonly OwnerReference[] = []): void {
    this.acted();
    this.cluster.api.create(PODS, namespace, {
      metadata: { name, namespace, labels: { app: 'web' }, ownerReferences },
      spec: { containers: [{ name: 'web', image: PINNED }] },
    });
  }

  /** A policy of everything in Enforce, with what is given. */
  policy(spec: object = {}, name = 'web'): void {
    const { apiVersion, kind, spec: full } = aPolicy(watched(spec));
    const metadata = { name, namespace: NAMESPACE };
    this.cluster.api.create(DRIFT_POLICIES, NAMESPACE, { apiVersion, kind, metadata, spec: full });
  }

  /** Changes an object as a person does; nothing happens if it is not there. */
  edit(resource: Resource, name: string, change: (object: KubeObject) => object): void {
    this.acted();
    const at = resource.namespaced ? { namespace: NAMESPACE, name } : { name };
    this.cluster.api.update(resource, at, 'object', (object) => ({
      ...object,
      ...change(object),
    }));
  }

  /** Deletes an object as a person does; nothing happens if it is not there. */
  remove(resource: Resource, name: string, options: { gracePeriodSeconds?: number } = {}): void {
    this.acted();
    const at = resource.namespaced ? { namespace: NAMESPACE, name } : { name };
    this.cluster.api.delete(resource, at, options);
  }

  /** Turns the pause switch. */
  pause(on: boolean): void {
    this.acted();
    const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
    const data = { [PAUSED_KEY]: String(on) };
    if (this.cluster.api.get(CONFIG_MAPS, at)) {
      this.cluster.api.update(CONFIG_MAPS, at, 'object', (map) => ({ ...map, data }));
    } else {
      this.cluster.api.create(CONFIG_MAPS, SYSTEM_NAMESPACE, { metadata: at, data });
    }
  }

  /** Releases every incident that is open. */
  release(): void {
    for (const { metadata } of this.incidents()) {
      this.edit(DRIFT_INCIDENTS, metadata.name, (object) => ({
        spec: {
          ...(object as DriftIncident).spec,
          decision: { action: 'Release', by: 'ann', reason: 'a false alarm' },
        },
      }));
    }
  }

  /** Deletes every incident. */
  deleteIncidents(): void {
    for (const { metadata } of this.incidents()) this.remove(DRIFT_INCIDENTS, metadata.name);
  }

  pods(): KubeObject[] {
    return this.cluster.api.list(PODS, NAMESPACE);
  }

  /** The n-th pod by name that was there at the start. */
  pod(n = 0): KubeObject {
    const found = this.pods().toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))[n];
    if (!found) throw new Error(`there is no pod number ${n}`);
    return found;
  }

  /** Name of the pod that the first alert is about. */
  named(): string {
    const uid = this.alerts[0]?.pod;
    return this.pods().find(({ metadata }) => metadata.uid === uid)?.metadata.name ?? '';
  }

  incidents(): DriftIncident[] {
    return this.cluster.api.list(DRIFT_INCIDENTS, NAMESPACE) as DriftIncident[];
  }

  /** Somebody did something: the operator gets its time to react. */
  acted(): void {
    this.lastActAt = this.clock.elapsed();
    this.clock.stir();
  }

  /** Sends an alert about a pod until a receiver takes it. Resolves when one did, or nobody does. */
  async alert(
    pod: KubeObject,
    rule: string,
    change: Partial<AlertChange> & { token?: string; harmless?: boolean; repeat?: boolean } = {},
  ): Promise<void> {
    const { token, harmless = false, repeat = false, ...fields } = change;
    const time = new Date(this.clock.now()).toISOString();
    await this.#tell(pod, { rule, harmless, repeat }, falcoSays(pod, { time, rule, ...fields }), token);
  }

  /** The same for an alert of Defender, which only names its pod; its rule is its alert type. */
  async defender(
    pod: KubeObject,
    change: Partial<DefenderChange> & { harmless?: boolean } = {},
  ): Promise<void> {
    const { harmless = false, ...fields } = change;
    const startTimeUtc = new Date(this.clock.now()).toISOString();
    const spoken = defenderSays(pod, { startTimeUtc, ...fields });
    await this.#tell(pod, { rule: String(spoken.body['alertType']), harmless, repeat: false }, spoken);
  }

  async #tell(
    { metadata: { uid: pod } }: KubeObject,
    told: Pick<SentAlert, 'rule' | 'harmless' | 'repeat'>,
    spoken: SpokenAlert,
    token?: string,
  ): Promise<void> {
    const { id, severity } = spoken;
    const sent: SentAlert = { ...told, id, severity, at: this.clock.elapsed(), pod, answers: [] };
    this.alerts.push(sent);
    await this.#send(sent, spoken, token);
  }

  // Falcosidekick does not send again. Here somebody does until the alert is taken, so that every history has its
  // response; one that was taken is never sent again.
  async #send(sent: SentAlert, { body, path }: SpokenAlert, token: string | undefined): Promise<void> {
    const receivers = this.replicas.filter(({ roles }) => roles.includes('receiver'));
    const draws = drawsFor(this.history.seed, `sender ${sent.rule}`);
    for (let tries = 0; tries < MAX_SENDS; tries++) {
      const receiver = drawOf(draws, receivers);
      if (receiver.ready) {
        this.acted();
        const { name, life } = receiver;
        const answer = await receiver.post(body, token, path);
        sent.answers.push({ replica: name, life, at: this.clock.elapsed(), answer });
        if (answer.status !== 0 && answer.status !== 503) return;
      }
      await this.clock.sleep(RESEND_MS);
    }
  }

  /** Whether the API server was told of the alert: by an incident's trigger or a report. */
  isRecorded({ rule }: SentAlert): boolean {
    return this.log.writes.some(
      ({ of, body }) => of === 'driftincidents' && JSON.stringify(body).includes(JSON.stringify(rule)),
    );
  }

  /** Waits for the moment at which people act: after a number of writes that is drawn, or when nothing goes on. */
  async moment(): Promise<void> {
    const index = this.#moments++;
    const draws = drawsFor(this.history.seed, `moment ${index}`);
    const wanted =
      (index === 0 ? this.history.actAfter : undefined) ?? drawInt(draws, 0, WRITES_OF_A_RESPONSE);
    const start = this.log.writeCount;
    await this.until(() => this.log.writeCount >= start + wanted);
    await this.clock.sleep(Math.floor(draws() * 50));
  }

  /** Waits until something holds, or the patience is over. */
  until(holds: () => boolean, patienceMs = MOMENT_PATIENCE_MS): Promise<boolean> {
    return this.clock.when(holds, patienceMs);
  }

  /** Waits until the only incident, or any of them, is at rest in that phase. */
  phase(...phases: string[]): Promise<boolean> {
    return this.until(() => this.incidents().some(({ status }) => phases.includes(status?.phase ?? '')));
  }
}
