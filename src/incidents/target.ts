// The record of a pod as it was: what an incident is opened with.
import { createHash } from 'node:crypto';
import { MAX_RECORDED_CONTAINERS, MAX_RECORDED_LABELS, type Target } from '../api/incident.ts';
import { OwnerReferenceSchema, type OwnerReference } from '../api/meta.ts';
import { controllerOf, type PodFacts } from '../api/pod.ts';

const MAX_OWNERS = 8;
/** The name of an incident; an annotation with a longer one is of nobody. */
const MAX_NAME = 253;
// Kubernetes names end at 253; the hash and the number need 10 + 2 dashes + up to 5 digits.
const MAX_POD_PART = 200;
const HASH_DIGITS = 10;

/** The pod as an incident records it. */
export function targetOf(pod: PodFacts): Target {
  const labels = Object.entries(pod.labels);
  const owners = pod.ownerReferences.filter(canBe);
  const annotations = Object.entries(pod.annotations).filter(([, name]) => name.length <= MAX_NAME);
  const controller = controllerOf({ ownerReferences: owners });
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    ...(pod.nodeName !== undefined && { nodeName: pod.nodeName }),
    labels: Object.fromEntries(labels.slice(0, MAX_RECORDED_LABELS)),
    ...(labels.length > MAX_RECORDED_LABELS && { labelsTruncated: true }),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
    ...(owners.length > 0 && { ownerReferences: owners.slice(0, MAX_OWNERS) }),
    ...(controller && {
      workload: {
        apiVersion: controller.apiVersion,
        kind: controller.kind,
        name: controller.name,
        uid: controller.uid,
      },
    }),
    containers: pod.containers
      .slice(0, MAX_RECORDED_CONTAINERS)
      .map(({ name, image, imageID, containerID }) => ({
        name,
        image: image.slice(0, 512),
        ...(imageID !== undefined && { imageID: imageID.slice(0, 512) }),
        ...(containerID !== undefined && { containerID: containerID.slice(0, 128) }),
      })),
    ...(pod.initContainers && {
      initContainers: pod.initContainers
        .slice(0, MAX_RECORDED_CONTAINERS)
        .map(({ name, image, imageID }) => ({
          name,
          image: image.slice(0, 512),
          ...(imageID !== undefined && { imageID: imageID.slice(0, 512) }),
        })),
    }),
  };
}

// The API server takes any text as an owner. One that no object can be is made up: with it the record would be refused, and
// whoever may make pods could keep them out of every response.
function canBe(owner: OwnerReference): boolean {
  return OwnerReferenceSchema.safeParse(owner).success;
}

/** Name of the n-th incident of a pod: the same on every receiver, so that two of them cannot open two. */
export function incidentName(pod: Pick<PodFacts, 'name' | 'uid'>, n: number): string {
  const hash = createHash('sha256').update(pod.uid).digest('hex').slice(0, HASH_DIGITS);
  const readable = pod.name.slice(0, MAX_POD_PART).replace(/[-.]+$/, '');
  return `${readable}-${hash}-${n}`;
}

/** The n of {@link incidentName}; 0 if the name has none. */
export function incidentNumber(name: string): number {
  return Number(/-(\d{1,9})$/.exec(name)?.[1] ?? 0);
}
