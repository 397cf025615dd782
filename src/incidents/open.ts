// From a detection to an incident: identify the pod, ask the policies, and create the record, which is what makes the
// detection durable. Used by receivers; touches no pod.
import type { Detection } from '../api/detection.ts';
import { findCondition } from '../api/conditions.ts';
import { isFinal, type DriftIncident } from '../api/incident.ts';
import { API_VERSION, FINALIZER, INCIDENT_ANNOTATION } from '../api/names.ts';
import type { PodFacts } from '../api/pod.ts';
import { matchPolicies, type Match } from '../decide/match.ts';
import { protectionOf } from '../decide/protect.ts';
import type { DetectionOutcome } from '../detect/outcome.ts';
import type { Handle, Retry } from '../detect/queue.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isForbidden, isInvalid, isTestFailure, KubeError } from '../kube/errors.ts';
import { DRIFT_INCIDENTS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { sourcesOf, type Caches } from './caches.ts';
import { faultOf } from './fault.ts';
import { findPod } from './find-pod.ts';
import { protectionRules } from './protection.ts';
import type { Reporter } from './report.ts';
import { incidentName, incidentNumber, targetOf } from './target.ts';

/** How long a container may be too new to be in its pod's status, in milliseconds. Falco is faster than the kubelet. */
const IDENTITY_WAIT_MS = 30_000;
const IDENTITY_RETRY_MS = 1_000;
const NAMESPACE_WAIT_MS = 5_000;
// A cache catches up within a fraction of this.
const RACE_MS = 500;
// Each attempt on a name that is taken by an incident that is over tries the next number.
const MAX_NUMBERS = 50;

/** What {@link createOpener} needs. */
export interface OpenerOptions {
  client: KubeClient;
  clock: Clock;
  caches: Caches;
  reporter: Reporter;
  log: Logger;
  protectedNamespaces: ReadonlySet<string>;
  metrics: Pick<Metrics, 'capped' | 'conditionErrors'>;
  /** Detections older than this are recorded and not acted on, in milliseconds. */
  maxAlertAgeMs: number;
}

/** What the policies say, and why nothing of it is done. */
type Ruling = Match & { recordedOnly?: string };

/** Handles one detection; see the file's first line. Rejects with a KubeError when the API server does not answer. */
export function createOpener(options: OpenerOptions): Handle {
  const { caches, clock } = options;
  const synced = Promise.all(sourcesOf(caches).map((cache) => cache.synced));
  const readyAt = synced.then(() => clock.elapsed());
  return async (detection, { firstTriedAt }) => {
    await synced;
    const found = await findPod(options, detection);
    if ('pod' in found) {
      const { pod, container } = found;
      // A namespace that is as new as its pod: which policies select it is known in a moment.
      if (!caches.rulebooks.knows(pod.namespace) && clock.elapsed() - firstTriedAt < NAMESPACE_WAIT_MS)
        return { retryAfterMs: RACE_MS, message: `namespace ${pod.namespace} is not known yet` };
      return forPod(options, withContainer(detection, container), pod, container);
    }
    // Taken up again after a crash, when the pod is gone by the response to it.
    const [answered] = caches.incidents.byIndex('detection', detection.summary.id);
    if (answered) return alreadyIn(answered, detection);
    const waitedMs = clock.elapsed() - Math.max(firstTriedAt, await readyAt);
    if (!found.retry || waitedMs >= IDENTITY_WAIT_MS)
      return { outcome: 'Unidentified', message: found.message };
    const patience = Math.min(waitedMs / 2, IDENTITY_WAIT_MS - waitedMs);
    return { retryAfterMs: Math.max(IDENTITY_RETRY_MS, patience), message: found.message };
  };
}

async function forPod(
  options: OpenerOptions,
  detection: Detection,
  pod: PodFacts,
  containerName: string | undefined,
): Promise<DetectionOutcome | Retry> {
  const open = openIncidentOf(options, pod.uid);
  // What is isolated has lost the labels that policies select by: the record has them.
  const recorded = open ? asRecorded(pod, open) : pod;
  const protection = protectionOf(recorded, protectionRules(options, pod.namespace));
  if (protection) return { outcome: 'Protected', message: protection.message };
  const known = options.caches.incidents.byIndex('pod', pod.uid).find((i) => hasAnswered(i, detection));
  if (known) return alreadyIn(known, detection);
  if (!open && isHeldByAnother(options, pod)) {
    return {
      retryAfterMs: RACE_MS,
      message: `pod ${pod.name} still carries labels of an incident that ended`,
    };
  }
  const ruling = ruleOn(options, detection, recorded, containerName);
  if (!ruling) {
    const message = `no policy in force in ${pod.namespace} answers this detection on this pod`;
    return { outcome: 'NoPolicy', message };
  }
  return open ? addTo(options, open, detection, ruling) : create(options, detection, pod, ruling);
}

function asRecorded(pod: PodFacts, { spec: { target } }: DriftIncident): PodFacts {
  return { ...pod, labels: target.labels, ownerReferences: target.ownerReferences ?? [] };
}

// The cache of pods may lag behind a release: what it shows then is no record of how the pod was before.
function isHeldByAnother({ caches }: OpenerOptions, pod: PodFacts): boolean {
  const name = pod.annotations[INCIDENT_ANNOTATION];
  const holder = name === undefined ? undefined : caches.incidents.get(pod.namespace, name);
  return holder?.spec.target.uid === pod.uid;
}

function ruleOn(
  options: OpenerOptions,
  detection: Detection,
  pod: PodFacts,
  // As the container ID tells; its name in an alert is only told.
  containerName: string | undefined,
): Ruling | undefined {
  const container = pod.containers.find(({ name }) => name === containerName);
  const sighting = { detection, pod, container, at: options.clock.now() };
  const rulebook = options.caches.rulebooks.of(pod.namespace);
  const { match, conditionErrors } = matchPolicies(rulebook, sighting);
  options.metrics.conditionErrors(conditionErrors);
  if (!match) return undefined;
  for (const { cap } of match.contributions) if (cap) options.metrics.capped(cap.by);
  // By the time when it was received: what waited for us in the journal or in a stream did not get older by that.
  const ageMs = Date.parse(detection.summary.receivedAt) - Date.parse(detection.summary.time);
  if (ageMs <= options.maxAlertAgeMs) return match;
  // An old alert speaks of the past: it is kept for people, and nothing is done to what runs now.
  const limit = `${options.maxAlertAgeMs / 1000} s`;
  const age = `${Math.round(ageMs / 1000)} s`;
  return {
    ...match,
    contributions: match.contributions.map((contribution) => ({ ...contribution, mode: 'Audit' })),
    recordedOnly: `The detection was ${age} old by the clock of its detector when it was received, and the limit is ${limit}: recorded only.`,
  };
}

function withContainer(detection: Detection, containerName: string | undefined): Detection {
  if (containerName === undefined) return detection;
  return { ...detection, summary: { ...detection.summary, containerName } };
}

function openIncidentOf({ caches, reporter }: OpenerOptions, podUid: string): DriftIncident | undefined {
  const cached = caches.incidents.byIndex('pod', podUid);
  const open = cached.find((incident) => !isFinal(incident) && !reporter.hasEnded(incident));
  return open ?? reporter.incidentOf(podUid);
}

async function addTo(
  { reporter }: OpenerOptions,
  incident: DriftIncident,
  detection: Detection,
  ruling: Ruling,
): Promise<DetectionOutcome | Retry> {
  const key = keyOf(incident);
  if (hasAnswered(incident, detection)) return alreadyIn(incident, detection);
  if (await reporter.add(incident, detection, ruling)) {
    return { outcome: 'Reported', incident: key, message: 'added to the open incident of the pod' };
  }
  return { retryAfterMs: RACE_MS, message: `incident ${key} ended meanwhile` };
}

// Taken up again after a crash, or by another receiver: what an incident has counted does not open the next one, also when
// it is over. Of repeats of a rule only the number is kept: those that were received before its end are its own.
function hasAnswered(incident: DriftIncident, { summary }: Detection): boolean {
  const { spec, status } = incident;
  const reported = Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections);
  const all = [spec.trigger.detection, ...reported];
  if (all.some(({ id }) => id === summary.id)) return true;
  const endedAt = findCondition(status?.conditions, 'Ready')?.lastTransitionTime;
  if (!isFinal(incident) || endedAt === undefined) return false;
  return (
    Date.parse(summary.receivedAt) <= Date.parse(endedAt) && all.some(({ rule }) => rule === summary.rule)
  );
}

function alreadyIn(incident: DriftIncident, { summary }: Detection): DetectionOutcome {
  const opened = incident.spec.trigger.detection.id === summary.id;
  return {
    outcome: opened ? 'Opened' : 'Reported',
    incident: keyOf(incident),
    message: opened
      ? 'the incident was opened by an earlier attempt'
      : 'added to the incident by an earlier attempt',
  };
}

function keyOf({ metadata }: DriftIncident): string {
  return `${metadata.namespace}/${metadata.name}`;
}

async function create(
  options: OpenerOptions,
  detection: Detection,
  pod: PodFacts,
  ruling: Ruling,
): Promise<DetectionOutcome | Retry> {
  const where = `pod ${pod.namespace}/${pod.name}`;
  try {
    return await createNext(options, detection, pod, ruling);
  } catch (error) {
    if (isNamespaceTerminating(error)) {
      return {
        outcome: 'NamespaceTerminating',
        message: `the namespace of ${where} is being deleted, and the pod with it`,
      };
    }
    if (!isInvalid(error) || isTestFailure(error)) throw error;
    options.log.error({ err: error, pod: where }, 'the API server refuses the incident');
    return { outcome: 'Refused', message: `the API server refuses the incident of ${where}` };
  }
}

// 403 with this cause: the namespace is going away and takes no new objects.
function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof KubeError) || !isForbidden(error)) return false;
  return error.causes.some(({ reason }) => reason === 'NamespaceTerminating');
}

async function createNext(
  options: OpenerOptions,
  detection: Detection,
  pod: PodFacts,
  ruling: Ruling,
): Promise<DetectionOutcome | Retry> {
  const earlier = options.caches.incidents.byIndex('pod', pod.uid).map(({ metadata }) => metadata.name);
  const last = Math.max(0, ...earlier.map(incidentNumber));
  for (let n = last + 1; n <= last + MAX_NUMBERS; n++) {
    const existing = await createOrRead(options, detection, incidentBody(detection, pod, ruling, n));
    if (existing === undefined) {
      return {
        outcome: 'Opened',
        incident: `${pod.namespace}/${incidentName(pod, n)}`,
        message: 'incident opened',
      };
    }
    // Another receiver was faster, or the answer to our own create was lost.
    if (faultOf(existing) !== undefined || existing.spec.target.uid !== pod.uid) continue;
    if (hasAnswered(existing, detection)) return alreadyIn(existing, detection);
    if (!isFinal(existing)) return addTo(options, existing, detection, ruling);
  }
  return {
    retryAfterMs: IDENTITY_RETRY_MS,
    message: `no free incident name for pod ${pod.namespace}/${pod.name}`,
  };
}

/** @returns undefined if it was created, else the incident that has the name. */
async function createOrRead(
  { client, reporter }: OpenerOptions,
  detection: Detection,
  body: NewIncident,
): Promise<DriftIncident | undefined> {
  const { namespace, name } = body.metadata;
  try {
    reporter.opened(await client.create<DriftIncident>(DRIFT_INCIDENTS, { namespace }, body), detection);
    return undefined;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });
  }
}

/** An incident before the API server has seen it. */
export interface NewIncident {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; finalizers?: string[] };
  spec: DriftIncident['spec'];
}

/** The incident as it is created. The finalizer comes with it where the pod may be changed, which saves a write and a gap. */
export function incidentBody(detection: Detection, pod: PodFacts, ruling: Ruling, n: number): NewIncident {
  const changesPod = ruling.contributions.some(
    ({ mode, actions }) => mode === 'Enforce' && (actions.includes('Label') || actions.includes('Isolate')),
  );
  return {
    apiVersion: API_VERSION,
    kind: DRIFT_INCIDENTS.kind,
    metadata: {
      name: incidentName(pod, n),
      namespace: pod.namespace,
      ...(changesPod && { finalizers: [FINALIZER] }),
    },
    spec: {
      target: targetOf(pod),
      trigger: {
        detection: detection.summary,
        severity: detection.summary.severity,
        policies: ruling.contributions,
        response: ruling.settings,
        ...(ruling.recordedOnly !== undefined && { recordedOnly: ruling.recordedOnly }),
      },
      ...(n > 1 && { previous: incidentName(pod, n - 1) }),
    },
  };
}
