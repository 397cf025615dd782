// What the first pods of a controller run under a tag: what is compared with, without any registry.
import { controllerOf, isQuarantined, REVISION_LABEL, type ImageFacts, type PodFacts } from '../api/pod.ts';
import { imageDigest, imageRepository, qualifiedName, repositoryOf } from './images.ts';
import { byCodeUnit } from './order.ts';

/** What the first pods of a controller run, and one of them. */
export interface Baseline {
  digest: string;
  /** Its name. */
  pod: string;
}

/** What it is worked out of. */
export interface BaselineMeans {
  /** Pods of the same controller; also the pod itself. */
  siblings: readonly PodFacts[];
  /** Keeps what was worked out; absent: nothing does. */
  baselines?: Map<string, Baseline | undefined>;
}

/**
 * Whether the runtime tells the image by a repository that the pod did not ask for. Of several names of one image containerd and
 * CRI-O tell any; whoever pushes the same image with another manifest elsewhere can have a node know it by that.
 */
export function isOfAnother(image: string, imageID: string): boolean {
  const told = imageRepository(imageID);
  return told !== undefined && told !== repositoryOf(image);
}

/** {@link Baseline} of a container of that pod, worked out once for all pods that share it. */
export function knownBaseline(
  container: ImageFacts,
  pod: PodFacts,
  { siblings, baselines }: BaselineMeans,
): Baseline | undefined {
  const key = JSON.stringify([
    controllerOf(pod)?.uid,
    pod.namespace,
    revisionOf(pod),
    container.name,
    withoutDigest(container.image),
  ]);
  if (baselines?.has(key)) return baselines.get(key);
  const found = baselineOf(container, pod, siblings);
  baselines?.set(key, found);
  return found;
}

/**
 * Controllers whose pods can be told apart by what they were made from: these by themselves, with a template for all that they
 * make. Of other kinds nobody knows which pods were made together.
 */
const OF_ONE_TEMPLATE: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'Job']);
/** These keep their UID over revisions, of which each may have pulled the tag anew. */
const OF_REVISIONS: ReadonlySet<string> = new Set(['StatefulSet', 'DaemonSet']);

// Other controllers pass the label over, so that whoever may label one of their pods would make it its own baseline.
function revisionOf(pod: PodFacts): string {
  const { kind = '' } = controllerOf(pod) ?? {};
  return OF_REVISIONS.has(kind) ? (pod.labels[REVISION_LABEL] ?? '') : '';
}

// Who adds a digest to the image of one pod has another image run under the tag of the others.
function withoutDigest(image: string): string {
  return qualifiedName(image.split('@', 1)[0] ?? '');
}

// Owner references can be written by whoever makes pods, in their own namespace.
function isSibling(one: PodFacts, pod: PodFacts): boolean {
  return one.namespace === pod.namespace && revisionOf(one) === revisionOf(pod);
}

/** Pods that a rollout makes come within this, in milliseconds. */
const FIRST_MS = 60_000;

/**
 * What the first pods of the controller run in a container of that name under that image, and one of them. The digest of most
 * of those that were made together counts, then the one of the earliest: it is what ran before anybody could move a tag.
 */
function baselineOf(
  { name, image }: ImageFacts,
  pod: PodFacts,
  siblings: readonly PodFacts[],
): Baseline | undefined {
  const { uid: controller, kind = '' } = controllerOf(pod) ?? {};
  if (controller === undefined || !(OF_ONE_TEMPLATE.has(kind) || OF_REVISIONS.has(kind))) return undefined;
  const wanted = withoutDigest(image);
  const runs = siblings
    .filter((one) => isSibling(one, pod) && controllerOf(one)?.uid === controller && !isQuarantined(one))
    .flatMap((one) => {
      const same = [...one.containers, ...(one.initContainers ?? [])].find(
        (other) => other.name === name && withoutDigest(other.image) === wanted,
      );
      const digest = imageDigest(same?.imageID ?? '');
      return digest === undefined || isOfAnother(image, same?.imageID ?? '')
        ? []
        : [{ digest, pod: one.name, uid: one.uid, at: Date.parse(one.createdAt) }];
    })
    .toSorted((a, b) => a.at - b.at || byCodeUnit(a.uid, b.uid));
  const [earliest] = runs;
  if (!earliest) return undefined;
  const first = runs.filter(({ at }) => at - earliest.at <= FIRST_MS);
  const groups = [...Map.groupBy(first, ({ digest }) => digest).values()];
  const [chosen] = groups.toSorted((a, b) => b.length - a.length)[0] ?? [];
  return chosen && { digest: chosen.digest, pod: chosen.pod };
}
