// Tells people of quarantined pods that no open incident answers for. It writes nothing to them: only Release restores.
import { isFinal } from '../api/incident.ts';
import type { DriftIncident } from '../api/incident.ts';
import { QUARANTINE_LABEL } from '../api/names.ts';
import type { KubeObject } from '../api/meta.ts';
import { isQuarantined, podFacts, type PodFacts } from '../api/pod.ts';
import type { Outcome } from '../controller/outcome.ts';
import type { KeyedQueue } from '../controller/queue.ts';
import { protectionOf } from '../decide/protect.ts';
import { strayOf, strayWords, type Stray } from '../decide/stray.ts';
import type { Cancel, Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { listAll } from '../kube/list-all.ts';
import { DRIFT_INCIDENTS, PODS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Caches } from './caches.ts';
import { faultOf } from './fault.ts';
import { protectionRules } from './protection.ts';

/** What {@link StrayPods} needs. */
export interface StrayPodsOptions {
  client: Pick<KubeClient, 'list'>;
  clock: Clock;
  log: Logger;
  events: Pick<EventRecorder, 'record'>;
  caches: Pick<Caches, 'pods' | 'incidents' | 'rulebooks'>;
  protectedNamespaces: ReadonlySet<string>;
}

/** How long a pod must seem to be a stray before it is looked at live and told, in milliseconds: caches lag. */
const TELL_AFTER_MS = 30_000;

/** A pod that seems to be a stray. */
interface Suspect {
  namespace: string;
  /** Since when, by `Clock.elapsed`. */
  since: number;
  /** As what it was told. */
  told?: Stray['kind'];
}

/** See the file's first line. One for each term of a leader; the queue of namespaces is the caller's. */
export class StrayPods {
  readonly #options: StrayPodsOptions;
  /** By UID. */
  readonly #suspects = new Map<string, Suspect>();

  constructor(options: StrayPodsOptions) {
    this.#options = options;
  }

  /** Strays that people were told of and that still are. */
  get count(): number {
    return [...this.#suspects.values()].filter(({ told }) => told !== undefined).length;
  }

  /** Puts the namespaces with quarantined pods into the queue, now and as pods and incidents change. @returns ends it. */
  watch(queue: Pick<KeyedQueue, 'add'>): Cancel {
    const { pods, incidents } = this.#options.caches;
    for (const pod of pods.values()) if (isQuarantined(pod)) queue.add(pod.namespace);
    const cancels = [
      pods.subscribe(({ value, previous }) => {
        if (isQuarantined(value) || (previous && isQuarantined(previous))) queue.add(value.namespace);
      }),
      incidents.subscribe(({ type, value, previous }) => {
        if (type === 'set' && previous && isFinal(previous) === isFinal(value)) return;
        if (pods.byIndex('uid', value.spec.target.uid).some(isQuarantined))
          queue.add(value.spec.target.namespace);
      }),
    ];
    return () => cancels.forEach((cancel) => cancel());
  }

  /** Looks at the quarantined pods of one namespace. @throws KubeError */
  async reconcile(namespace: string): Promise<Outcome> {
    const now = this.#options.clock.elapsed();
    const seen = this.#strays(namespace);
    for (const [uid, suspect] of this.#suspects)
      if (suspect.namespace === namespace && !seen.has(uid)) this.#suspects.delete(uid);
    for (const uid of seen.keys())
      if (!this.#suspects.has(uid)) this.#suspects.set(uid, { namespace, since: now });
    const untold = [...seen].filter(([uid, { kind }]) => this.#suspects.get(uid)?.told !== kind);
    const due = untold.map(([uid]) => uid).filter((uid) => this.#dueIn(uid, now) <= 0);
    if (due.length > 0) await this.#tell(namespace, due);
    const waits = untold.map(([uid]) => this.#dueIn(uid, now)).filter((ms) => ms > 0);
    if (waits.length === 0) return { kind: 'done' };
    return { kind: 'requeue', afterMs: Math.min(...waits), reason: 'Stray' };
  }

  /** By UID, as the caches have it. */
  #strays(namespace: string): Map<string, Stray> {
    const { pods, incidents } = this.#options.caches;
    const found = pods.byIndex('quarantined', namespace).flatMap((pod): [string, Stray][] => {
      const stray = this.#strayOf(pod, incidents.byIndex('pod', pod.uid));
      return stray ? [[pod.uid, stray]] : [];
    });
    return new Map(found);
  }

  #strayOf(pod: PodFacts, incidents: readonly DriftIncident[]): Stray | undefined {
    const rules = protectionRules(this.#options, pod.namespace);
    // Where exceptions are named, ended ones too, it may be that we isolated it.
    if (rules.exemptions.length === 0 && protectionOf(pod, rules)) return undefined;
    return strayOf(pod, incidents);
  }

  #dueIn(uid: string, now: number): number {
    return (this.#suspects.get(uid)?.since ?? now) + TELL_AFTER_MS - now;
  }

  async #tell(namespace: string, due: readonly string[]): Promise<void> {
    const { client, clock } = this.#options;
    // Pods first: an incident is older than the label that it sets.
    const selection = { namespace, labelSelector: QUARANTINE_LABEL };
    const pods = new Map<string, PodFacts>();
    for await (const pod of listAll<KubeObject>(client, PODS, selection))
      pods.set(pod.metadata.uid, podFacts(pod));
    const incidents = await this.#soundIncidents(namespace);
    for (const uid of due) {
      const pod = pods.get(uid);
      const stray = pod && this.#strayOf(pod, incidents);
      const suspect = this.#suspects.get(uid);
      if (!suspect) continue;
      if (pod && stray) this.#say(pod, stray, suspect);
      // The caches lag that far, and are given as long again.
      else suspect.since = clock.elapsed();
    }
  }

  // One that this version cannot read is left alone by us and releases nobody: it counts as gone, as it does in the caches.
  async #soundIncidents(namespace: string): Promise<DriftIncident[]> {
    const found = await Array.fromAsync(
      listAll<DriftIncident>(this.#options.client, DRIFT_INCIDENTS, { namespace }),
    );
    return found.filter((incident) => faultOf(incident) === undefined);
  }

  #say(pod: PodFacts, stray: Stray, suspect: Suspect): void {
    const { events, log } = this.#options;
    const repeated = suspect.told === stray.kind;
    suspect.told = stray.kind;
    if (repeated) return;
    const { what, cure } = strayWords(stray, pod);
    const note = `${what}. die-operator leaves it alone. To end it: ${cure}`;
    const { namespace, name, uid } = pod;
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    events.record({ regarding, type: 'Warning', reason: 'StrayQuarantine', action: 'Watch', note });
    log.warn({ pod: `${namespace}/${name}`, stray: stray.kind }, `pod ${namespace}/${name} ${note}`);
  }
}
