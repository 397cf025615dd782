// Verifies running pods against what was approved all through a leader's term, and opens incidents as alerts do.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import { controllerOf, isQuarantined, podFacts, type PodFacts } from '../api/pod.ts';
import { SYSTEM_NAMESPACE } from '../api/names.ts';
import type { Outcome } from '../controller/outcome.ts';
import { KeyedQueue, type KeyedQueueOptions } from '../controller/queue.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import { templateDrift } from '../decide/template-drift.ts';
import { leftController, withoutTemplate } from '../decide/template-missing.ts';
import { objectAt, objectsAt, textAt } from '../decide/template-finding.ts';
import { isToBeVerifiedAnew, listsForVerification, type AskedVerification } from '../decide/verification.ts';
import {
  verifyImages,
  type Baseline,
  type SameImage,
  type VerificationReason,
  type VerifiedImage,
} from '../decide/verify-images.ts';
import { verificationDetections, type PodFindings } from '../detect/verification.ts';
import type { ApprovedLists } from '../incidents/approved-lists.ts';
import { askedVerification } from '../incidents/asked-verification.ts';
import { createTemplateReader, type ReadTemplate, type TemplateReader } from '../incidents/pod-template.ts';
import { MadePods } from '../incidents/made-pods.ts';
import { Verifications } from '../incidents/verifications.ts';
import { orAbsent } from '../kube/absent.ts';
import type { AccessReviews } from '../kube/access-reviews.ts';
import { cacheKey } from '../kube/cache.ts';
import { timestamp } from '../kube/clock.ts';
import { DRIFT_INCIDENTS, PODS } from '../kube/resources.ts';
import type { Digests } from '../registry/digests.ts';
import type { RecordParts } from './own-detections.ts';
import type { SharedParts } from './parts.ts';

/** What it works with. */
export interface VerificationParts extends SharedParts, Pick<RecordParts, 'handle'> {
  reviews: Pick<AccessReviews, 'mayDo'>;
  /** Absent: no registry may be asked. */
  digests?: Digests | undefined;
  approvedLists: Pick<ApprovedLists, 'of' | 'problemOf' | 'refresh' | 'subscribe'>;
  verifications: Verifications;
  onOutcome: NonNullable<KeyedQueueOptions['onOutcome']>;
}

/** Pods that are verified at a time: nobody waits for it. */
const WORKERS = 2;
/** A policy says what was found once several pods were looked at, in milliseconds. */
const SETTLE_MS = 2_000;
/** What could not be recorded yet is tried again after this at least, in milliseconds. */
const RETRY_MS = 1_000;
/** How long it is good what the first pods of a controller run, in milliseconds: to work it out takes all of them. */
const BASELINES_MS = 5_000;
/** A registry is being asked, or a list could not be read whole: the answer does not wait for the interval. */
const UNDECIDED: ReadonlySet<VerificationReason> = new Set(['AskingRegistry', 'ListUnreadable']);
/** Until then, in milliseconds. */
const ASK_AGAIN_MS = 60_000;
/** Intervals differ by up to this part, so that the pods of a rollout are not all looked at together for ever. */
const JITTER = 0.1;

/** See the file's first line. @param policies the queue of the policies whose condition is told. */
export async function runVerifications(
  parts: VerificationParts,
  policies: Pick<KeyedQueue, 'add'>,
  signal: AbortSignal,
): Promise<void> {
  const verifier = new Verifier(parts, policies);
  const queue = new KeyedQueue({
    ...parts,
    workers: WORKERS,
    worker: (key) => verifier.verify(key),
  });
  parts.metrics.showQueue('verification', () => queue.depth);
  parts.metrics.showVerifications(parts.verifications);
  const unwatch = verifier.watch(queue);
  await queue.run(signal);
  unwatch();
  // Another leader tells of them from here on.
  parts.metrics.showVerifications(new Verifications());
}

class Verifier {
  readonly #parts: VerificationParts;
  readonly #policies: Pick<KeyedQueue, 'add'>;
  readonly #templateOf: TemplateReader;
  readonly #made = new MadePods();
  readonly #baselines = new Map<string, Baseline | undefined>();
  #baselinesAt = 0;
  #queue: Pick<KeyedQueue, 'add'> = { add: () => {} };

  constructor(parts: VerificationParts, policies: Pick<KeyedQueue, 'add'>) {
    this.#parts = parts;
    this.#policies = policies;
    this.#templateOf = createTemplateReader(parts);
  }

  /** Puts pods into the queue as they, their policies or lists change. @returns ends it. */
  watch(queue: Pick<KeyedQueue, 'add'>): () => void {
    this.#queue = queue;
    const { caches, approvedLists } = this.#parts;
    const addIn = (namespace: string) => {
      for (const pod of caches.pods.byIndex('namespace', namespace)) queue.add(keyOf(pod));
    };
    const addAll = () => caches.pods.values().forEach((pod) => queue.add(keyOf(pod)));
    addAll();
    const cancels = [
      caches.pods.subscribe(({ type, value, previous }) => {
        // We took it from its controller ourselves, and a release gives it back.
        if (isQuarantined(value)) this.#made.forget(value.uid);
        if (type === 'delete') this.#forget(value.uid);
        else if (!previous || isToBeVerifiedAnew(previous, value)) queue.add(keyOf(value));
      }),
      caches.policies.subscribe(({ value, previous, type }) => {
        const { generation, namespace = '' } = value.policy.metadata;
        if (type === 'delete' || previous?.policy.metadata.generation !== generation) addIn(namespace);
      }),
      caches.clusterPolicies.subscribe(({ value, previous, type }) => {
        const { generation } = value.policy.metadata;
        if (type === 'delete' || previous?.policy.metadata.generation !== generation) addAll();
      }),
      caches.namespaces.subscribe(({ value, previous }) => {
        if (!isDeepStrictEqual(value.labels, previous?.labels)) addIn(value.name);
      }),
      approvedLists.subscribe((namespace, { sameList }) => {
        this.#tell(this.#askingFor(namespace));
        if (sameList) return;
        if (namespace === SYSTEM_NAMESPACE) addAll();
        else addIn(namespace);
      }),
    ];
    return () => cancels.forEach((cancel) => cancel());
  }

  /** @throws KubeError when the API server does not answer. */
  async verify(key: string): Promise<Outcome> {
    const { caches, client, verifications } = this.#parts;
    const [namespace = '', name = ''] = key.split('/');
    const cached = caches.pods.get(namespace, name);
    // Of a pod in quarantine stays what was found: it runs on until its incident ends.
    if (!cached || isQuarantined(cached)) return { kind: 'done' };
    const asked = askedVerification(this.#parts, this.#made.of(cached));
    const raw = asked && (await orAbsent(client.get<KubeObject>(PODS, { namespace, name })));
    // Another pod of that name comes into the cache by itself.
    if (!asked || raw?.metadata.uid !== cached.uid) {
      this.#tell(verifications.forget(cached.uid));
      return { kind: 'done' };
    }
    const pod = podFacts(raw);
    return isQuarantined(pod) ? { kind: 'done' } : this.#verify(pod, raw, asked);
  }

  async #verify(pod: PodFacts, raw: KubeObject, asked: AskedVerification): Promise<Outcome> {
    const { caches, verifications, random } = this.#parts;
    const found = await this.#look(pod, raw, asked);
    // It went meanwhile, and was forgotten.
    if (caches.pods.get(pod.namespace, pod.name)?.uid !== pod.uid) {
      this.#forget(pod.uid);
      return { kind: 'done' };
    }
    this.#tell(verifications.note(pod, asked, found));
    const again = await this.#record(pod, found);
    if (again !== undefined) return { kind: 'requeue', afterMs: again, reason: 'Recording' };
    const isOpen = found.images.some(({ reason }) => UNDECIDED.has(reason));
    const after = isOpen ? Math.min(ASK_AGAIN_MS, asked.intervalMs) : asked.intervalMs;
    return { kind: 'requeue', afterMs: after * (1 - JITTER * random()), reason: 'Verified' };
  }

  async #look(
    pod: PodFacts,
    raw: KubeObject,
    { allowedContainers, allowedVolumes, allowedVariables }: AskedVerification,
  ): Promise<PodFindings> {
    const { made, template } = await this.#origin(pod);
    const isKnown = template.kind === 'Template';
    const judge = () => this.#judge(pod, made, isKnown ? imagesOf(template.template) : undefined);
    let images = judge();
    // A pipeline writes the list, and rolls out within a second: nobody is refused by what was read before that.
    if (images.some(({ reason }) => reason === 'NotListed') && (await this.#refreshLists(pod)))
      images = judge();
    if (!isKnown) return { images, drift: withoutTemplate(pod, made), unknown: template.message };
    const drift = templateDrift(raw, template.template, {
      ...template,
      allowedContainers,
      allowedVolumes,
      allowedVariables,
    });
    return { images, drift: [...drift, ...leftController(pod, made)] };
  }

  /** The pod as it was made, and from which template. */
  async #origin(pod: PodFacts): Promise<{ made: PodFacts; template: ReadTemplate }> {
    const made = this.#made.of(pod);
    const wasLeft = controllerOf(made)?.uid !== controllerOf(pod)?.uid;
    const template = await this.#templateOf(made, { fresh: wasLeft });
    if (made === pod || !isGone(template, wasLeft)) return { made, template };
    this.#made.forget(pod.uid);
    const now = this.#made.of(pod);
    return { made: now, template: await this.#templateOf(now) };
  }

  #judge(pod: PodFacts, made: PodFacts, template: ReadonlyMap<string, string> | undefined): VerifiedImage[] {
    const { caches, approvedLists, clock } = this.#parts;
    const inForce = [...caches.rulebooks.of(pod.namespace).inForce.values()];
    const controller = controllerOf(made);
    if (clock.elapsed() - this.#baselinesAt > BASELINES_MS) this.#baselines.clear();
    if (this.#baselines.size === 0) this.#baselinesAt = clock.elapsed();
    const isIncomplete = (policy: CompiledPolicy) => approvedLists.problemOf(policy) !== undefined;
    return verifyImages(made, {
      template,
      siblings: controller ? caches.pods.byIndex('controller', controller.uid) : [],
      baselines: this.#baselines,
      lists: listsForVerification(made, inForce, approvedLists.of, isIncomplete),
      same: this.#sameImage(keyOf(pod)),
    });
  }

  /** Resolves to whether a list may be another one now. */
  #refreshLists({ namespace }: PodFacts): Promise<boolean> {
    const { caches, approvedLists } = this.#parts;
    return approvedLists.refresh(caches.rulebooks.of(namespace).inForce.values());
  }

  #sameImage(key: string): SameImage {
    const { digests } = this.#parts;
    return (repository, expected, runs) => {
      if (digests?.asks(repository) !== true) return 'Nobody';
      const known = digests.equivalent(repository, expected, runs);
      if (known !== undefined) return known ? 'Same' : 'Other';
      void digests.learn(repository, expected, runs).then((learned) => learned && this.#queue.add(key));
      return 'Asking';
    };
  }

  /** Resolves to when it is to be tried again, in milliseconds, if it has to be: others do not wait for that. */
  async #record(pod: PodFacts, found: PodFindings): Promise<number | undefined> {
    const { clock, log, reviews, handle, metrics } = this.#parts;
    const { namespace, name } = pod;
    const detections = verificationDetections(pod, found, timestamp(clock));
    if (detections.length === 0) return undefined;
    if (!(await reviews.mayDo({ verb: 'create', resource: DRIFT_INCIDENTS, at: { namespace } }))) {
      const cure = 'no incident could be opened for what was found: install config/components/verification';
      log.warn({ namespace, pod: name }, cure);
      return undefined;
    }
    for (const detection of detections) {
      const result = await handle(detection, { firstTriedAt: clock.elapsed() });
      if (!('outcome' in result)) return Math.max(RETRY_MS, result.retryAfterMs);
      const { outcome, incident, message } = result;
      metrics.detection(outcome);
      const { id, rule, severity } = detection.summary;
      log.info({ namespace, pod: name, outcome, incident, detection: id, rule, severity }, message);
    }
    return undefined;
  }

  /** Keys of the policies that may ask for the list of that namespace. */
  #askingFor(namespace: string): string[] {
    const { policies, clusterPolicies } = this.#parts.caches;
    const all =
      namespace === SYSTEM_NAMESPACE ? clusterPolicies.values() : policies.byIndex('namespace', namespace);
    return all.map(({ policy: { metadata } }) => cacheKey(metadata.namespace, metadata.name));
  }

  #forget(podUid: string): void {
    this.#made.forget(podUid);
    this.#tell(this.#parts.verifications.forget(podUid));
  }

  #tell(keys: readonly string[]): void {
    for (const key of keys) this.#policies.add(key, SETTLE_MS);
  }
}

function keyOf({ namespace, name }: PodFacts): string {
  return cacheKey(namespace, name);
}

/** The controller was deleted without its pods, as `kubectl delete --cascade=orphan` does, or that revision is over. */
function isGone(template: ReadTemplate, wasLeft: boolean): boolean {
  if (template.kind === 'Template') return wasLeft && template.ownerIsGoing === true;
  return template.kind === 'None' && template.reason === 'Gone';
}

/** Images of the containers of a template, by name. */
export function imagesOf({ spec }: { spec?: unknown }): Map<string, string> {
  const { containers, initContainers } = objectAt(spec);
  const all = [...objectsAt(initContainers), ...objectsAt(containers)];
  return new Map(all.map(({ name, image }) => [textAt(name), textAt(image)]));
}
