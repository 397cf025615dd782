// Keep and Restart: the manifest of a bare pod is kept in an immutable object before the pod is evicted, and the pod is made
// anew from it once it is gone.
import type { DriftIncident, RestartStatus } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { API_VERSION, MANAGED_BY_LABEL, OPERATOR_NAME, RESTARTED_FOR_ANNOTATION } from '../api/names.ts';
import { classify } from '../controller/errors.ts';
import { TerminalError, WaitingError } from '../controller/outcome.ts';
import { isCopyOf, manifestOf, markedFor, rehearsalOf, type CleanPod } from '../decide/manifest.ts';
import { quotaHasRoomAfter } from '../decide/quota-refusal.ts';
import { canonicalJson, sha256 } from '../evidence/manifest.ts';
import { orAbsent } from '../kube/absent.ts';
import { isAlreadyExists, isForbidden, isInvalid, KubeError } from '../kube/errors.ts';
import { CONTROLLER_REVISIONS, DRIFT_INCIDENTS, PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';

type Kept = NonNullable<RestartStatus['manifest']>;
type Made = NonNullable<RestartStatus['pod']>;
type Context = Pick<RespondContext, 'client'>;

/** What a person has to mend is looked at again this often, in milliseconds. */
const SLOW_MS = 300_000;
const HASH_DIGITS = 10;

/** `apps/v1` ControllerRevision: what the API server never lets anybody change is its `data`. */
interface Revision extends KubeObject {
  data?: unknown;
}

/**
 * Keeps the manifest. The same pod gives the same name and content, so that a second try finds the first.
 * @param pod the pod as read just now.
 * @returns where it is. @throws WaitingError `RestartUnpinnable`, `SpecChanged`, `RestartRefused` (admission or quota would
 * not take the new pod) or `ManifestChanged` (somebody else's object has its name); KubeError.
 */
export async function keepManifest(
  { client }: Context,
  incident: DriftIncident,
  pod: KubeObject,
): Promise<Omit<Kept, 'keptAt'>> {
  const { target } = incident.spec;
  const made = manifestOf(pod, target);
  if (!made.ok) throw needsPerson(made.reason, `${nameOf(incident)} is not restarted: ${made.message}`);
  await rehearse({ client }, incident, made.pod);
  const hash = hashOf(made.pod);
  const revision = `${OPERATOR_NAME}-restart-${incident.metadata.uid}-${hash.slice(0, HASH_DIGITS)}`;
  const stored = await createRevision({ client }, incident, revision, made.pod);
  if (hashOf(stored.data) !== hash) throw needsPerson('ManifestChanged', tampered(incident, revision));
  const { leftOut } = made;
  return { revision, uid: stored.metadata.uid, sha256: hash, ...(leftOut.length > 0 && { leftOut }) };
}

/**
 * Whether the pod can still be made anew: its manifest is where it was kept, unchanged, and the API server would take it.
 * @throws WaitingError `RestartRefused`; KubeError.
 */
export async function canRestart({ client }: Context, incident: DriftIncident): Promise<boolean> {
  const kept = incident.status?.restart?.manifest;
  if (!kept) return false;
  const pod = await readKept({ client }, incident, kept);
  if (typeof pod === 'string') return false;
  await rehearse({ client }, incident, pod);
  return true;
}

/**
 * Makes the pod anew, or finds that it was made. @throws TerminalError `ManifestGone`, `ManifestChanged`, or `NameTaken`: a
 * pod of that name that is not ours, which is not touched; WaitingError `RestartRefused`; KubeError.
 */
export async function makeAnew({ client }: Context, incident: DriftIncident): Promise<Made> {
  const { namespace } = incident.spec.target;
  const pod = await keptOrNone({ client }, incident);
  try {
    return madeOf(
      await client.create<KubeObject>(PODS, { namespace }, markedFor(pod, incident.metadata.uid)),
    );
  } catch (error) {
    if (isAlreadyExists(error)) return foundInstead({ client }, incident, { pod, cause: error });
    throw asRefusal(incident, error);
  }
}

async function keptOrNone({ client }: Context, incident: DriftIncident): Promise<CleanPod> {
  const kept = incident.status?.restart?.manifest;
  const revision = kept?.revision ?? '';
  const pod = kept ? await readKept({ client }, incident, kept) : 'ManifestGone';
  if (pod === 'ManifestChanged') throw new TerminalError(pod, tampered(incident, revision));
  if (pod !== 'ManifestGone') return pod;
  const message = `${nameOf(incident)} is not made anew: ControllerRevision ${revision} is gone; make the pod yourself`;
  throw new TerminalError(pod, message);
}

/** The pod that has the name: ours where the answer to its creation was lost. */
async function foundInstead(
  { client }: Context,
  incident: DriftIncident,
  { pod, cause }: { pod: CleanPod; cause: unknown },
): Promise<Made> {
  const { namespace, name } = incident.spec.target;
  const found = await orAbsent(client.get<KubeObject>(PODS, { namespace, name }));
  // Gone again: the next try makes it.
  if (!found) throw cause;
  const isMarked = found.metadata.annotations?.[RESTARTED_FOR_ANNOTATION] === incident.metadata.uid;
  // Whoever makes a pod can put our mark on it.
  if (isMarked && isCopyOf(found, pod)) return madeOf(found);
  const revision = incident.status?.restart?.manifest?.revision ?? '';
  const message = `${nameOf(incident)} is not made anew: another pod has its name by now, and is not touched. The manifest is in ControllerRevision ${revision}`;
  throw new TerminalError('NameTaken', message, { cause });
}

function madeOf({ metadata: { name, uid, creationTimestamp } }: KubeObject): Made {
  return { name, uid, createdAt: creationTimestamp };
}

// As the name is taken by the pod that is still there, the question is about one with another name.
async function rehearse({ client }: Context, incident: DriftIncident, pod: CleanPod): Promise<void> {
  const { namespace } = incident.spec.target;
  try {
    const body = rehearsalOf(markedFor(pod, incident.metadata.uid));
    await client.create(PODS, { namespace }, body, { dryRun: true });
  } catch (error) {
    if (error instanceof KubeError && quotaHasRoomAfter(error.message)) return;
    throw asRefusal(incident, error);
  }
}

/** What the API server does not take, as the wait for somebody who mends it; a missing right has a name of its own. */
function asRefusal(incident: DriftIncident, error: unknown): unknown {
  const refuses =
    isForbidden(error) || isInvalid(error) || (error instanceof KubeError && error.status === 400);
  if (!refuses || classify(error).reason === 'MissingPermission') return error;
  const why = error instanceof Error ? error.message : String(error);
  return needsPerson(
    'RestartRefused',
    `the API server does not take the clean copy of ${nameOf(incident)}: ${why}`,
  );
}

async function createRevision(
  { client }: Context,
  { metadata, spec: { target } }: DriftIncident,
  name: string,
  data: CleanPod,
): Promise<Revision> {
  const { namespace } = target;
  const body = {
    apiVersion: 'apps/v1',
    kind: CONTROLLER_REVISIONS.kind,
    metadata: {
      name,
      namespace,
      labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME },
      // It goes with its incident.
      ownerReferences: [
        { apiVersion: API_VERSION, kind: DRIFT_INCIDENTS.kind, name: metadata.name, uid: metadata.uid },
      ],
    },
    data,
    revision: 1,
  };
  try {
    return await client.create<Revision>(CONTROLLER_REVISIONS, { namespace }, body);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return client.get<Revision>(CONTROLLER_REVISIONS, { namespace, name });
  }
}

async function readKept(
  { client }: Context,
  { spec: { target } }: DriftIncident,
  { revision, uid, sha256: hash }: Kept,
): Promise<CleanPod | 'ManifestGone' | 'ManifestChanged'> {
  const { namespace } = target;
  const found = await orAbsent(client.get<Revision>(CONTROLLER_REVISIONS, { namespace, name: revision }));
  if (!found) return 'ManifestGone';
  const isSame = found.metadata.uid === uid && hashOf(found.data) === hash;
  return isSame ? (found.data as CleanPod) : 'ManifestChanged';
}

function hashOf(manifest: unknown): string {
  return sha256(Buffer.from(canonicalJson(manifest)));
}

function tampered(incident: DriftIncident, revision: string): string {
  return `${nameOf(incident)} is not made anew: ControllerRevision ${revision} is not what was kept; find out who wrote it, and make the pod yourself`;
}

function nameOf({ spec: { target } }: DriftIncident): string {
  return `pod ${target.namespace}/${target.name}`;
}

function needsPerson(reason: string, message: string): WaitingError {
  return new WaitingError(reason, message, SLOW_MS);
}
