// The approved template of a pod: what its owner made it from, taken from the owner or from the revision of that time.
import type { Target } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { REVISION_LABEL } from '../api/pod.ts';
import type { PodTemplate } from './template-drift.ts';
import { objectAt, objectsAt, shownPart, textAt } from './template-finding.ts';

/**
 * Whose template is looked for: the target of an incident as it was recorded, or a live pod's labels and controller. A pod in
 * quarantine may have lost both, so that of it the record is to be given.
 */
export type TemplateSubject = Pick<Target, 'labels' | 'workload'>;

/** Objects that hold the template, as the API server sends them; undefined where they are not there. */
export interface TemplateObjects {
  /** The controller of the pod. */
  owner: KubeObject | undefined;
  /** The ControllerRevision that {@link templateSource} names. */
  revision?: KubeObject | undefined;
}

/** Where the template of a pod is; None: there is no such place. */
export type TemplateSource =
  | {
      kind: 'Owner' | 'Revision';
      /** The controller. */
      owner: { apiVersion: string; kind: string; name: string; uid: string };
      /** Name of the ControllerRevision in the same namespace; only of a Revision. */
      revision?: string;
    }
  | { kind: 'None'; message: string };

/** The template, or why there is none, for people. */
export type ApprovedTemplate =
  | {
      kind: 'Template';
      template: PodTemplate;
      ownerKind: string;
      /** See `TemplateOptions.claimTemplates`. */
      claimTemplates?: readonly string[];
      /** What holds it, for people: `ReplicaSet web-5d9f`. */
      from: string;
      /** The controller is being deleted: it lets go of its pods, or has them deleted. */
      ownerIsGoing?: true;
    }
  | {
      kind: 'None';
      /** NoTemplate: such a pod never has one. Gone: it had one, and nobody can say what was in it. */
      reason: 'NoTemplate' | 'Gone';
      message: string;
    };

/** Controllers whose pods are all made from the template that they have now, unless somebody edits it. */
const IN_OWNER: ReadonlySet<string> = new Set(['apps ReplicaSet', 'batch Job', ' ReplicationController']);
/** Controllers that keep their templates as revisions, which a label of the pods names. */
const IN_REVISION: ReadonlySet<string> = new Set(['apps StatefulSet', 'apps DaemonSet']);
/** Longest part of the name of a revision before its hash (k8s.io/kubernetes/pkg/controller/history). */
const MAX_REVISION_PREFIX = 223;

/** Says what has to be read to know the template. */
export function templateSource({ labels, workload }: TemplateSubject): TemplateSource {
  if (!workload) return none('no controller made the pod, so that there is no template to compare it with');
  const { apiVersion, kind, name, uid } = workload;
  const owner = { apiVersion, kind, name, uid };
  const group = apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '';
  if (IN_OWNER.has(`${group} ${kind}`)) return { kind: 'Owner', owner };
  if (!IN_REVISION.has(`${group} ${kind}`))
    return none(`the pod belongs to ${nameOf(owner)}, a kind whose template die-operator cannot read`);
  const revision = labels[REVISION_LABEL];
  if (!revision)
    return none(
      `the pod has no label ${REVISION_LABEL}, which says of which template of ${nameOf(owner)} it is`,
    );
  return { kind: 'Revision', owner, revision: revisionName(owner, revision) };
}

/**
 * Takes the template from the objects. They must be the pod's by UID: what has the name only is another one.
 * @param subject the same as for {@link templateSource}.
 */
export function approvedTemplate(subject: TemplateSubject, objects: TemplateObjects): ApprovedTemplate {
  const source = templateSource(subject);
  if (source.kind === 'None') return { kind: 'None', reason: 'NoTemplate', message: source.message };
  const { owner, revision } = source;
  const live = objects.owner?.metadata.uid === owner.uid ? objects.owner : undefined;
  const read =
    revision === undefined
      ? fromOwner(live, owner)
      : fromRevision(objects.revision, { revision, owner, live });
  const isGoing = live?.metadata.deletionTimestamp !== undefined;
  return read.kind === 'Template' && isGoing ? { ...read, ownerIsGoing: true } : read;
}

function fromOwner(live: KubeObject | undefined, owner: Owner): ApprovedTemplate {
  if (!live) return gone(`${nameOf(owner)}, which made the pod, is gone`);
  return templateOf(objectAt(live['spec'])['template'], owner, nameOf(owner));
}

function fromRevision(
  object: KubeObject | undefined,
  { revision, owner, live }: { revision: string; owner: Owner; live: KubeObject | undefined },
): ApprovedTemplate {
  const from = `ControllerRevision ${shownPart(revision)}`;
  if (!isRevisionOf(object, revision, owner.uid))
    return gone(`${from} of ${nameOf(owner)}, from which the pod was made, is gone`);
  const { template } = objectAt(objectAt(object['data'])['spec']);
  const read = templateOf(template, owner, from);
  return live && read.kind === 'Template' && owner.kind === 'StatefulSet'
    ? { ...read, claimTemplates: claimNames(objectAt(live['spec'])) }
    : read;
}

// A revision is a strategic merge patch, which says with `$patch` that all of the template is replaced.
function templateOf(value: unknown, owner: Named, from: string): ApprovedTemplate {
  const { $patch: _patch, ...template } = objectAt(value);
  if (objectsAt(objectAt(template['spec'])['containers']).length === 0)
    return gone(`${from} has no template with containers`);
  return { kind: 'Template', template, ownerKind: owner.kind, from };
}

interface Named {
  kind: string;
  name: string;
}

type Owner = Named & { uid: string };

// Anybody who may label the pod can name another one: only the controller's own count.
function isRevisionOf(object: KubeObject | undefined, name: string, ownerUid: string): object is KubeObject {
  if (object?.metadata.name !== name) return false;
  const owners = objectsAt(object.metadata.ownerReferences);
  return owners.some(({ uid, controller }) => uid === ownerUid && controller === true);
}

// StatefulSets write the whole name into the label, DaemonSets its hash.
function revisionName({ kind, name }: Named, label: string): string {
  return kind === 'StatefulSet' ? label : `${name.slice(0, MAX_REVISION_PREFIX)}-${label}`;
}

function claimNames(spec: Readonly<Record<string, unknown>>): string[] {
  return objectsAt(spec['volumeClaimTemplates']).map(({ metadata }) => textAt(objectAt(metadata)['name']));
}

function nameOf({ kind, name }: Named): string {
  return shownPart(`${kind} ${name}`);
}

function none(message: string): TemplateSource {
  return { kind: 'None', message };
}

function gone(message: string): ApprovedTemplate {
  return { kind: 'None', reason: 'Gone', message };
}
