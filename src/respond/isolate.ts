// Label and Isolate: one JSON patch on the pod, tested against its UID and against the version and labels that were read.
import type { DriftIncident, IsolationForm, Target } from '../api/incident.ts';
import type { KubeObject, OwnerReference } from '../api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import { isQuarantined } from '../api/pod.ts';
import type { Severity } from '../api/severity.ts';
import { TerminalError } from '../controller/outcome.ts';
import { losesOwners } from '../decide/owners.ts';
import type { JsonPatchOp } from '../kube/client.ts';
import { isNotFound, isTestFailure } from '../kube/errors.ts';
import { escapePointer, remove, replace, test } from '../kube/json-patch.ts';
import { PODS } from '../kube/resources.ts';
import type { RespondContext } from './context.ts';
import { ensureDenyPolicy } from './deny-policy.ts';
import { isRefusal, refusedBy } from './refusal.ts';

// The labels of a pod seldom change while it runs; more changes than this between read and patch is a fight.
const MAX_TRIES = 4;

/** How it went: changed as `form`, or the pod was gone. `deniedBy`: who refused the form that was wanted. */
export type IsolationResult =
  { kind: 'Changed'; form: IsolationForm; deniedBy?: string; note?: string } | { kind: 'Gone' };

/**
 * Puts the pod into the wanted form. Where admission refuses to take labels away, the gentle form is tried.
 * @param pod the pod as read just now.
 * @throws KubeError when the API server cannot be reached, the right is missing or every form is refused; TerminalError
 * when the name of the deny policy is taken or the labels keep changing.
 */
export async function isolate(
  context: RespondContext,
  incident: DriftIncident,
  pod: KubeObject,
  wanted: { form: IsolationForm; severity: Severity },
): Promise<IsolationResult> {
  if (wanted.form !== 'LabelOnly') await ensureDenyPolicy(context.client, incident.spec.target.namespace);
  try {
    return await change(context, incident, pod, wanted);
  } catch (error) {
    if (wanted.form !== 'Orphan' || !isRefusal(error)) throw error;
    // At once, as every second in between is the attacker's.
    const result = await change(context, incident, pod, { ...wanted, form: 'Gentle' });
    if (result.kind === 'Gone') return result;
    const deniedBy = refusedBy(error);
    const note = `${deniedBy} refused to take the labels away, so the pod keeps them and stays in its Services: ${error.message}`;
    return { ...result, deniedBy, note };
  }
}

async function change(
  { client }: RespondContext,
  incident: DriftIncident,
  first: KubeObject,
  { form, severity }: { form: IsolationForm; severity: Severity },
): Promise<IsolationResult> {
  const { namespace, name, uid } = incident.spec.target;
  let pod = first;
  for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
    try {
      const patch = isolationPatch(incident, pod, form, severity);
      // Labels alone may be as they were again: a patch that was held up must not reach a pod that was released meanwhile.
      // The last try goes without, so that nobody can keep a pod by changing it all the time.
      const version = test('/metadata/resourceVersion', pod.metadata.resourceVersion);
      await client.jsonPatch(PODS, { namespace, name }, attempt < MAX_TRIES ? [...patch, version] : patch);
      return { kind: 'Changed', form };
    } catch (error) {
      if (isNotFound(error)) return { kind: 'Gone' };
      if (!isTestFailure(error)) throw error;
      const read = await readAgain(client, namespace, name);
      if (read?.metadata.uid !== uid) return { kind: 'Gone' };
      pod = read;
    }
  }
  throw new TerminalError(
    'LabelsKeepChanging',
    `the labels of pod ${namespace}/${name} changed ${MAX_TRIES} times between read and patch: find out who writes them`,
  );
}

async function readAgain(
  client: RespondContext['client'],
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(PODS, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The one patch. Tests first: another pod, or other labels than those that were read, and nothing is changed. */
export function isolationPatch(
  incident: DriftIncident,
  pod: KubeObject,
  form: IsolationForm,
  severity: Severity,
): JsonPatchOp[] {
  const { labels, annotations, ownerReferences } = pod.metadata;
  return [
    { op: 'test', path: '/metadata/uid', value: incident.spec.target.uid },
    // null matches only a map that is absent: a map that came up meanwhile is not overwritten.
    { op: 'test', path: '/metadata/labels', value: labels ?? null },
    { op: 'add', path: '/metadata/labels', value: newLabels(labels ?? {}, form, severity) },
    ...annotate(incident.metadata.name, annotations),
    ...(form === 'Orphan' ? withoutOwners(incident.spec.target, ownerReferences) : []),
  ];
}

// Only those that the record can give back.
function withoutOwners(target: Target, owners: readonly OwnerReference[] = []): JsonPatchOp[] {
  const recorded = new Set(target.ownerReferences?.map(({ uid }) => uid));
  const kept = owners.filter(({ uid }) => !recorded.has(uid));
  if (!losesOwners(target) || kept.length === owners.length) return [];
  const path = '/metadata/ownerReferences';
  return [test(path, owners), kept.length === 0 ? remove(path) : replace(path, kept)];
}

function newLabels(
  labels: Record<string, string>,
  form: IsolationForm,
  severity: Severity,
): Record<string, string> {
  const ours = { [SEVERITY_LABEL]: severity.toLowerCase() };
  if (form === 'LabelOnly') return { ...labels, ...ours };
  const quarantine = { ...ours, [QUARANTINE_LABEL]: 'true' };
  // An orphan stays one: labels that somebody added to it since are theirs.
  return form === 'Orphan' && !isQuarantined({ labels }) ? quarantine : { ...labels, ...quarantine };
}

function annotate(incident: string, annotations: Record<string, string> | undefined): JsonPatchOp[] {
  if (annotations === undefined) {
    return [
      { op: 'test', path: '/metadata/annotations', value: null },
      { op: 'add', path: '/metadata/annotations', value: { [INCIDENT_ANNOTATION]: incident } },
    ];
  }
  return [
    { op: 'add', path: `/metadata/annotations/${escapePointer(INCIDENT_ANNOTATION)}`, value: incident },
  ];
}
