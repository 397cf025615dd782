// What would take the place of the pod: the images that its owner's template asks for now, and what is known of them.
import type { DriftIncident, Target } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { pinnedDigest } from '../../decide/images.ts';
import { ownerKind } from '../../decide/owners.ts';
import { pinnedImage } from '../../decide/pin.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { DAEMON_SETS, JOBS, REPLICA_SETS, STATEFUL_SETS, type Resource } from '../../kube/resources.ts';
import { restarts } from './sense.ts';

/** One image that the replacement will run. */
export interface ReplacementImage {
  container: string;
  image: string;
  /** False: what runs is decided by the registry when it is pulled. */
  pinned: boolean;
  /** For people; empty: nothing to say. */
  note: string;
}

/** What takes the place. */
export interface ReplacementPreview {
  /** Who makes it, in words. */
  by: string;
  images: ReplacementImage[];
  /** What else a person should know. */
  notes: string[];
}

const RESOURCES: Readonly<Partial<Record<ReturnType<typeof ownerKind>, Resource>>> = {
  ReplicaSet: REPLICA_SETS,
  StatefulSet: STATEFUL_SETS,
  DaemonSet: DAEMON_SETS,
  Job: JOBS,
};
/** Containers that are shown. */
const MAX_IMAGES = 32;
const MAX_IMAGE = 512;

interface Container {
  name?: string;
  image?: string;
}

interface Owner extends KubeObject {
  spec?: {
    replicas?: number;
    template?: { spec?: { containers?: Container[]; initContainers?: Container[] } };
  };
}

/** See the file's first line. Reads the owner with the person's rights; never rejects for what the API server answers. */
export async function replacementOf(
  client: Pick<KubeClient, 'get'>,
  incident: DriftIncident,
): Promise<ReplacementPreview> {
  const { target } = incident.spec;
  const { workload } = target;
  if (restarts(incident)) return anew(incident);
  if (!workload) return unknown('nobody', 'no controller makes another one: the pod is gone for good');
  const by = `${workload.kind} ${workload.name}`;
  const resource = RESOURCES[ownerKind(workload)];
  if (!resource) return unknown(by, `what a ${workload.kind} makes is not known to die-operator`);
  try {
    const owner = await client.get<Owner>(resource, { namespace: target.namespace, name: workload.name });
    if (owner.metadata.uid !== workload.uid) return unknown(by, gone(by));
    return fromTemplate(by, owner, target);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (isNotFound(error)) return unknown(by, gone(by));
    const right = `you may not get ${resource.plural}.${resource.group} in namespace ${target.namespace}`;
    return unknown(by, `its images are not known here: ${isForbidden(error) ? right : error.message}`);
  }
}

// The manifest was hashed when it was kept: its images are those of the record, pinned.
function anew({ spec: { target }, status }: DriftIncident): ReplacementPreview {
  const kept = status?.restart?.manifest;
  const images = [...(target.initContainers ?? []), ...target.containers].map((one): ReplacementImage => {
    const pin = pinnedImage(one.image, one.imageID);
    return pin.ok
      ? { container: one.name, image: pin.image, pinned: true, note: '' }
      : { container: one.name, image: one.image, pinned: false, note: pin.message };
  });
  const from = kept
    ? `from ControllerRevision ${kept.revision} (SHA-256 ${kept.sha256})`
    : 'from its manifest, which is not kept yet';
  const leftOut = (kept?.leftOut ?? []).map((what) => `left out of the manifest: ${what}`);
  return { by: `die-operator, ${from}`, images, notes: leftOut };
}

function fromTemplate(by: string, { metadata, spec }: Owner, target: Target): ReplacementPreview {
  const { containers = [], initContainers = [] } = spec?.template?.spec ?? {};
  const recorded = new Map(
    [...(target.initContainers ?? []), ...target.containers].map((one) => [one.name, one]),
  );
  const all = [...initContainers, ...containers];
  const images = all.slice(0, MAX_IMAGES).map(({ name = '', image = '' }): ReplacementImage => {
    const text = image.slice(0, MAX_IMAGE);
    const pinned = pinnedDigest(image) !== undefined;
    return { container: name, image: text, pinned, note: noteOf(text, pinned, recorded.get(name)) };
  });
  const more = all.length - images.length;
  const notes: [boolean, string][] = [
    [spec?.replicas === 0, `${by} is scaled to 0: it makes no other pod`],
    [metadata.deletionTimestamp !== undefined, `${by} is being deleted: it makes no other pod`],
    [more > 0, `and ${more} more containers`],
  ];
  return { by, images, notes: notes.flatMap(([applies, note]) => (applies ? [note] : [])) };
}

function noteOf(
  image: string,
  pinned: boolean,
  before: { image: string; imageID?: string | undefined } | undefined,
): string {
  if (!before) return 'the pod has no container of this name';
  if (before.image !== image) return `the template changed: the pod was made with ${before.image}`;
  if (pinned) return '';
  const ran = before.imageID ? `; the pod ran ${before.imageID}` : '';
  return `NOT PINNED: the tag may have moved since${ran}`;
}

function gone(by: string): string {
  return `${by} is gone: nobody makes another pod`;
}

function unknown(by: string, note: string): ReplacementPreview {
  return { by, images: [], notes: [note] };
}
