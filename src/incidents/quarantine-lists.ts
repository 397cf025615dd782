// Keeps the lists of quarantined pods, by which admission policies protect them, where those are installed: a pod is in
// the lists before it is quarantined, and until it is not any more.
import { isFinal, type DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { ACCESS_POLICY } from '../api/names.ts';
import type { PodFacts } from '../api/pod.ts';
import { TerminalError, type Outcome } from '../controller/outcome.ts';
import {
  listChanges,
  uidChanges,
  uidOfEntry,
  type Hold,
  type ListedPod,
  type QuarantineList,
} from '../decide/quarantine-list.ts';
import { orAbsent } from '../kube/absent.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { sleep, type Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, QUARANTINES } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import {
  enterQuarantined,
  listQuarantined,
  listUid,
  readClusterList,
  readNamespaceList,
  unlistQuarantined,
  unlistUid,
} from '../respond/quarantine-list.ts';
import type { Caches } from './caches.ts';
import { cachedStanding } from './facts.ts';

/** What {@link QuarantineLists} needs. */
export interface QuarantineListsOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  caches: Caches;
  reviews: Pick<AccessReviews, 'mayDo'>;
}

/** How long the answer holds whether the admission policies are installed, in milliseconds. */
const ANSWER_MS = 300_000;
/** How long an isolation waits for its entries, in milliseconds: without them people get in for a moment longer. */
const PATIENCE_MS = 1_000;

/** See the file's first line. One for each term of a leader. */
export class QuarantineLists {
  readonly #options: QuarantineListsOptions;
  #answer: { at: number; installed: Promise<boolean> } | undefined;
  #deniesAccess = false;
  /** UIDs of the pods whose entries were seen or written. */
  readonly #listed = new Set<string>();

  constructor(options: QuarantineListsOptions) {
    this.#options = options;
  }

  /** Whether exec, attach and port-forward into a pod that is in the list are denied, when it was last looked at. */
  get deniesAccess(): boolean {
    return this.#deniesAccess;
  }

  /** Whether that pod is in the list of its namespace, when it was last looked at. */
  lists({ uid }: Pick<ListedPod, 'uid'>): boolean {
    return this.#listed.has(uid);
  }

  /** Lists a pod that is about to be quarantined. Never rejects and never takes long: isolation waits for nothing. */
  async enter(pod: ListedPod): Promise<void> {
    const { clock, log } = this.#options;
    const waiting = new AbortController();
    const isFresh = () => !waiting.signal.aborted;
    const entered = this.#isInstalled()
      .then((installed) => (installed ? this.#enter(pod, isFresh) : undefined))
      .catch((error: unknown) => {
        const { namespace, name } = pod;
        log.warn(
          { err: error, pod: `${namespace}/${name}` },
          'a quarantined pod is not protected yet; tried again',
        );
      });
    const inTime = await Promise.race([
      entered.then(() => true),
      sleep(clock, PATIENCE_MS, waiting.signal).then(() => false),
    ]);
    waiting.abort();
    // What is written late may be about a pod that was released meanwhile.
    if (!inTime) void entered.then(() => this.#lookAgain(pod));
  }

  /**
   * Makes the lists say what the incidents and pods of that namespace say.
   * @throws KubeError; TerminalError for what cannot be written, after the rest was.
   */
  async reconcile(namespace: string): Promise<Outcome> {
    const { client, caches } = this.#options;
    const quarantined = caches.pods.byIndex('quarantined', namespace);
    if (!(await this.#isInstalled())) {
      // The admission policies may come after the pods.
      const again = { kind: 'requeue', afterMs: ANSWER_MS, reason: 'NotInstalled' } as const;
      return quarantined.length > 0 ? again : { kind: 'done' };
    }
    const incidents = caches.incidents.byIndex('namespace', namespace);
    const open = incidents.filter((incident) => !isFinal(incident));
    const ofIncidents = open.flatMap(({ spec }) => caches.pods.byIndex('uid', spec.target.uid));
    const pods = [...new Set([...quarantined, ...ofIncidents])];
    const [list, all] = await Promise.all([readNamespaceList(client, namespace), readClusterList(client)]);
    this.#note(pods, list);
    const standingOf = (incident: DriftIncident) => cachedStanding(caches, incident);
    const changes = listChanges({ namespace, list, pods, incidents: open, standingOf });
    const uids = uidChanges(Object.fromEntries(this.#concerning(namespace, all)), pods, open);
    // A namespace that is being deleted takes no new list, and needs none.
    const terminating = caches.namespaces.get(undefined, namespace)?.terminating === true;
    // What is over goes first: it may be what a list is full of.
    await doAll([
      ...changes.unlist.map((pod) => () => this.#unlist(pod)),
      ...uids.unlist.map((uid) => () => unlistUid(client, uid)),
      ...(terminating
        ? []
        : changes.list.map(
            ({ hold, ...pod }) =>
              () =>
                this.#list(pod, hold, list[pod.name]),
          )),
      ...uids.list.map((pod) => () => listUid(client, pod)),
    ]);
    return { kind: 'done' };
  }

  async #lookAgain({ namespace }: ListedPod): Promise<void> {
    try {
      await this.reconcile(namespace);
    } catch (error) {
      const { log } = this.#options;
      log.warn({ err: error, namespace }, 'the list of quarantined pods may name some that are not any more');
    }
  }

  async #enter(pod: ListedPod, isFresh: () => boolean): Promise<void> {
    await enterQuarantined(this.#options.client, pod, isFresh);
    this.#listed.add(pod.uid);
  }

  async #list(pod: ListedPod, hold: Hold, seen: string | undefined): Promise<void> {
    await listQuarantined(this.#options.client, pod, hold, seen);
    this.#listed.add(pod.uid);
  }

  async #unlist(pod: ListedPod): Promise<void> {
    this.#listed.delete(pod.uid);
    await unlistQuarantined(this.#options.client, pod);
  }

  #note(pods: readonly PodFacts[], list: QuarantineList): void {
    const entries = new Map(Object.entries(list));
    for (const { name, uid } of pods)
      if (uidOfEntry(entries.get(name) ?? '') === uid) this.#listed.add(uid);
      else this.#listed.delete(uid);
  }

  /** Entries of the list of the cluster about that namespace, and about those that are gone, which nobody else looks at. */
  #concerning(namespace: string, all: QuarantineList): [string, string][] {
    const { namespaces } = this.#options.caches;
    return Object.entries(all).filter(([, named]) => {
      const [of = ''] = named.split('/');
      return of === namespace || namespaces.get(undefined, of) === undefined;
    });
  }

  // Who holds the right is who installed the policies: without them nobody is asked for it.
  #isInstalled(): Promise<boolean> {
    const { clock } = this.#options;
    const now = clock.elapsed();
    if (this.#answer && now - this.#answer.at < ANSWER_MS) return this.#answer.installed;
    const installed = this.#look();
    const answer = { at: now, installed };
    this.#answer = answer;
    installed.catch(() => {
      if (this.#answer === answer) this.#answer = undefined;
    });
    return installed;
  }

  async #look(): Promise<boolean> {
    const { client, log, reviews } = this.#options;
    const installed = await reviews.mayDo({ verb: 'manage', resource: QUARANTINES, at: {} });
    if (!installed) this.#deniesAccess = false;
    else
      // For people to read, and nothing waits for it.
      deniesAccess(client).then(
        (denies) => (this.#deniesAccess = denies),
        (error: unknown) => {
          this.#deniesAccess = false;
          log.warn({ err: error }, 'whether exec into quarantined pods is denied is not known');
        },
      );
    return installed;
  }
}

// One entry that cannot be written must not keep others wrong; whoever cannot be reached is not asked again and again.
async function doAll(writes: readonly (() => Promise<void>)[]): Promise<void> {
  let first: TerminalError | undefined;
  for (const write of writes) {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      first ??= error;
    }
  }
  if (first) throw first;
}

/** Whether the policy that denies access is there and bound to deny. @throws KubeError */
async function deniesAccess(client: KubeClient): Promise<boolean> {
  const at = { name: ACCESS_POLICY };
  const [policy, binding] = await Promise.all([
    orAbsent(client.get<KubeObject>(ADMISSION_POLICIES, at)),
    orAbsent(client.get<KubeObject>(ADMISSION_POLICY_BINDINGS, at)),
  ]);
  // Whoever may do everything in the cluster has the right to the lists without the component.
  if (policy === undefined || binding === undefined) return false;
  const { policyName, validationActions } = binding['spec'] as {
    policyName?: string;
    validationActions?: string[];
  };
  return policyName === ACCESS_POLICY && validationActions?.includes('Deny') === true;
}
