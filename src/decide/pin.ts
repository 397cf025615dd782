// Images pinned by digest: for a pod that is made anew, and for the pod template of a workload.
import { MAX_PIN_LENGTH, type Target } from '../api/incident.ts';
import { askLists, type ApprovedList, type Equivalent } from './approved-images.ts';
import { imageDigest, pinnedDigest, repositoryOf } from './images.ts';

/** An image with its digest, or why it has none. */
export type Pinned = { ok: true; image: string } | { ok: false; message: string };

/** Everything that a reference is made of; who wrote the image may have meant it for a shell that somebody pastes it into. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._/:-]*$/;
/** Longest image that an incident records. */
const MAX_IMAGE = 512;
const SCHEME = /^[a-z-]+:\/\//;
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * The image as `repo:tag@digest`: as it is where it names a digest, else with the one under which the runtime knows it from
 * a registry. What is only on the node (built or loaded there) has none that another node could fetch.
 */
export function pinnedImage(image: string, imageID: string | undefined): Pinned {
  const named = pinnedDigest(image);
  const name = named === undefined ? image : image.slice(0, image.lastIndexOf('@'));
  if (image.length > MAX_IMAGE || !REFERENCE.test(name))
    return { ok: false, message: 'its image is no reference that can be pinned' };
  if (named !== undefined) return { ok: true, image };
  const digest = repoDigest(imageID);
  if (digest !== undefined) return { ok: true, image: `${name}@${digest}` };
  const known = imageID !== undefined && imageDigest(imageID) !== undefined;
  const why = known
    ? 'the runtime knows its image only by the configuration, as one that was built or loaded on the node'
    : 'it is not recorded which digest its image has';
  return { ok: false, message: why };
}

/** Which container of a recorded pod cannot be pinned, and why; undefined: all can. */
export function unpinnable({ containers, initContainers = [] }: Target): string | undefined {
  for (const { name, image, imageID } of [...initContainers, ...containers]) {
    const pin = pinnedImage(image, imageID);
    if (!pin.ok) return `container ${name}: ${pin.message}`;
  }
  return undefined;
}

/**
 * Which container of a recorded pod would be pinned to what a list of approved images does not have, and which list; undefined:
 * none is. @param equivalent absent: only equal digests are the same image.
 */
export function unapproved(
  { containers, initContainers = [] }: Target,
  lists: readonly ApprovedList[],
  equivalent?: Equivalent,
): string | undefined {
  for (const { name, image, imageID } of [...initContainers, ...containers]) {
    const digest = pinnedDigest(image) ?? repoDigest(imageID);
    if (digest === undefined) continue;
    const repository = repositoryOf(image);
    const isSame = (listed: string) => listed === digest || equivalent?.(repository, listed, digest) === true;
    const answer = askLists(lists, repository, isSame);
    if ('refusedBy' in answer)
      return `container ${name}: ${digest} is not on the list of approved images of ${answer.refusedBy}`;
  }
  return undefined;
}

/** The digest under which a registry has the image; undefined for the digest of its configuration. */
function repoDigest(imageID: string | undefined): string | undefined {
  const name = imageID?.replace(SCHEME, '') ?? '';
  return name.lastIndexOf('@') > 0 ? imageDigest(name) : undefined;
}

/** A workload whose pod template can be pinned, as far as the pin looks at it. */
export interface PinnableWorkload {
  apiVersion: string;
  kind: string;
  name: string;
  /** Of its template. Init containers are not recorded, and are not pinned. */
  template: {
    containers: readonly { name: string; image: string }[];
  };
}

/** The pin, or why there is none, for people. */
export type WorkloadPin =
  | { ok: true; apiVersion: string; kind: string; name: string; patch: string }
  | { ok: false; message: string };

/**
 * The strategic merge patch that pins what the pod ran. Only containers that the template has with the same image as the pod
 * had: one that admission put into the pod would be added to the template, and one that has moved on would be put back.
 */
export function workloadPin(target: Target, workload: PinnableWorkload): WorkloadPin {
  const { apiVersion, kind, name } = workload;
  if (!DNS_NAME.test(name)) return { ok: false, message: 'the name of the workload is no name' };
  const own = workload.template.containers.flatMap((one) => {
    const ran = target.containers.find((other) => other.name === one.name && other.image === one.image);
    return ran ? [ran] : [];
  });
  if (own.length === 0)
    return { ok: false, message: 'its pod template asks for other images by now than the pod did' };
  const open = own.filter(({ image }) => pinnedDigest(image) === undefined);
  if (open.length === 0) return { ok: false, message: 'its pod template names its images by digest already' };
  const pinned = open.map((one) => ({ ...one, pin: pinnedImage(one.image, one.imageID) }));
  const refused = pinned.find(({ pin }) => !pin.ok);
  if (refused && !refused.pin.ok)
    return { ok: false, message: `container ${refused.name}: ${refused.pin.message}` };
  const containers = pinned.flatMap(({ name: container, pin }) =>
    pin.ok ? [{ name: container, image: pin.image }] : [],
  );
  const patch = JSON.stringify({ spec: { template: { spec: { containers } } } });
  if (patch.length > MAX_PIN_LENGTH) return { ok: false, message: 'the patch is too long for the incident' };
  return { ok: true, apiVersion, kind, name, patch };
}

/** The command that applies the pin of an incident. All names in it were checked. */
export function pinCommand(
  namespace: string,
  incident: string,
  { kind, name }: { kind: string; name: string },
): string {
  const read = `kubectl -n ${namespace} get driftincident ${incident} -o jsonpath='{.status.restart.pin.patch}'`;
  return `kubectl -n ${namespace} patch ${kind.toLowerCase()} ${name} --patch "$(${read})"`;
}
