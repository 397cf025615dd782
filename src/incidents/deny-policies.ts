// Keeps the deny policy of each namespace as it must be: there and unedited where it may be needed, away where not.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL, QUARANTINE_POLICY } from '../api/names.ts';
import { classify } from '../controller/errors.ts';
import type { Outcome } from '../controller/outcome.ts';
import { needsDenyPolicy } from '../decide/deny-policy.ts';
import { isClosed, openUntil } from '../decide/protect.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { DRIFT_INCIDENTS, NETWORK_POLICIES, PODS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { ensureDenyPolicy, isDenyPolicy, removeDenyPolicy } from '../respond/deny-policy.ts';
import type { Caches } from './caches.ts';
import type { Network } from './network.ts';
import { protectionRules } from './protection.ts';

/** What {@link DenyPolicies} needs. */
export interface DenyPoliciesOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  caches: Pick<Caches, 'rulebooks' | 'namespaces' | 'incidents' | 'pods'>;
  network: Pick<Network, 'networkPolicies'>;
  reviews: Pick<AccessReviews, 'mayDo'>;
  protectedNamespaces: ReadonlySet<string>;
}

/** A policy that is edited is often deleted and made anew: what it needs stays for so long, in milliseconds. */
const REMOVE_AFTER_MS = 30_000;
/** What a person has to mend is looked at again this often. */
const SLOW_MS = 300_000;
/** Timers are no calendars: what ends later than this is looked at again before. */
const MAX_WAIT_MS = 86_400_000;

/** See the file's first line. One for each term of a leader. */
export class DenyPolicies {
  readonly #options: DenyPoliciesOptions;
  /** Since when a namespace needs none, by `Clock.elapsed`. */
  readonly #idle = new Map<string, number>();

  constructor(options: DenyPoliciesOptions) {
    this.#options = options;
  }

  /** Brings one namespace up to date. @throws KubeError */
  async reconcile(namespace: string): Promise<Outcome> {
    const { caches, network } = this.#options;
    const space = caches.namespaces.get(undefined, namespace);
    const found = network.networkPolicies.get(namespace, QUARANTINE_POLICY);
    if (!space || space.terminating || this.#isLeftAlone(namespace, found?.isOurs))
      return this.#rest(namespace);
    if (this.#isNeeded(namespace)) {
      this.#idle.delete(namespace);
      return found?.isOurs && isDenyPolicy(found.spec) ? this.#atEnd(namespace) : this.#repair(namespace);
    }
    if (!found?.isOurs) return this.#rest(namespace);
    const waitMs = this.#untilRemoval(namespace);
    if (waitMs > 0) return { kind: 'requeue', afterMs: waitMs, reason: 'NotNeeded' };
    return this.#remove(namespace, found.uid);
  }

  #isLeftAlone(namespace: string, isOurs = false): boolean {
    // That of the helper pods is there for canaries, which put it there when they need it.
    if (namespace === CAPTURE_NAMESPACE) return true;
    // One that is ours is looked after though an exception has ended: pods may be in quarantine by it.
    return this.#isClosed(namespace) && !isOurs;
  }

  #isClosed(namespace: string): boolean {
    return isClosed(namespace, protectionRules(this.#options, namespace));
  }

  // Looked at again when the exception ends by which pods of a protected namespace may be isolated.
  #atEnd(namespace: string): Outcome {
    const rules = protectionRules(this.#options, namespace);
    const end = openUntil(namespace, rules) ?? Infinity;
    if (end === Infinity) return { kind: 'done' };
    return { kind: 'requeue', afterMs: Math.min(end - rules.now, MAX_WAIT_MS), reason: 'ExceptionEnds' };
  }

  #rest(namespace: string): Outcome {
    this.#idle.delete(namespace);
    return { kind: 'done' };
  }

  #isNeeded(namespace: string): boolean {
    const { rulebooks, incidents, pods } = this.#options.caches;
    return needsDenyPolicy({
      // By no policy can more pods be isolated in a protected namespace.
      rulebook: this.#isClosed(namespace) ? { inForce: new Map() } : rulebooks.of(namespace),
      incidents: incidents.byIndex('namespace', namespace),
      pods: pods.byIndex('quarantined', namespace),
    });
  }

  #untilRemoval(namespace: string): number {
    const now = this.#options.clock.elapsed();
    const since = this.#idle.get(namespace) ?? now;
    this.#idle.set(namespace, since);
    return since + REMOVE_AFTER_MS - now;
  }

  async #repair(namespace: string): Promise<Outcome> {
    const { client, reviews } = this.#options;
    try {
      // Without the rights to act there is nothing to try: the policies say which is missing.
      const mayCreate = await reviews.mayDo({
        verb: 'create',
        resource: NETWORK_POLICIES,
        at: { namespace },
      });
      if (!mayCreate) return { kind: 'requeue', afterMs: SLOW_MS, reason: 'MissingPermission' };
      await ensureDenyPolicy(client, namespace);
      return { kind: 'done' };
    } catch (error) {
      // The policies that need it say so, too.
      return this.#waitForPerson(namespace, error, `namespace ${namespace} has no deny policy`);
    }
  }

  #waitForPerson(namespace: string, error: unknown, what: string): Outcome {
    const { kind, reason, message } = classify(error);
    if (kind === 'retry') throw error;
    this.#options.log.warn({ namespace, err: error }, `${what}: ${message}`);
    return { kind: 'requeue', afterMs: SLOW_MS, reason };
  }

  async #remove(namespace: string, uid: string): Promise<Outcome> {
    const { client, log } = this.#options;
    // Caches lag: what counts on it now is asked for now.
    if (await isInUse(client, namespace)) {
      this.#idle.delete(namespace);
      return { kind: 'requeue', afterMs: REMOVE_AFTER_MS, reason: 'InUse' };
    }
    try {
      await removeDenyPolicy(client, namespace, uid);
    } catch (error) {
      return this.#waitForPerson(namespace, error, `the deny policy of namespace ${namespace} is left there`);
    }
    log.info(
      { namespace },
      `no policy isolates pods in namespace ${namespace} any more: its deny policy is removed`,
    );
    // A conflict says nothing about why: whether it is gone is looked at once more.
    return { kind: 'requeue', afterMs: REMOVE_AFTER_MS, reason: 'Removed' };
  }
}

async function isInUse(client: KubeClient, namespace: string): Promise<boolean> {
  const [pods, incidents] = await Promise.all([
    client.list<KubeObject>(PODS, { namespace, labelSelector: QUARANTINE_LABEL, limit: 1 }),
    client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace, limit: 500 }),
  ]);
  return (
    pods.items.length > 0 ||
    Boolean(incidents.metadata.continue) ||
    incidents.items.some((incident) => !isFinal(incident))
  );
}
