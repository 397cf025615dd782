// Which pod an alert is about. Fails closed: a pod is touched only if its UID or container ID says so, or a person.
import type { ToldIdentity } from '../api/detection.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';

/** Why an alert could not be tied to a pod. */
export type RefusalReason =
  /** No pod has the told UID, or the told container is in a pod with another one. */
  | 'OtherUid'
  /** The pod runs on another node than the alert came from. */
  | 'OtherNode'
  /** No pod has the told container, or it is not in the pod with the told UID. */
  | 'OtherContainer'
  /** The pod has another name or namespace than told. */
  | 'OtherName'
  /** Several pods have a container whose ID begins as told. */
  | 'Ambiguous'
  /** Only a name was told: names are reused, and easy to forge. */
  | 'NameOnly'
  /** Only a name was told, and the pod that has it was not there before what the alert tells of. */
  | 'Younger'
  /** Nothing was told that could name a pod. */
  | 'NothingTold';

/** A refusal. The message holds nothing of the alert but a container ID that was checked to be hexadecimal. */
export interface Refused {
  kind: 'Refused';
  reason: RefusalReason;
  message: string;
  /** True where the pod may merely be too new to be known: look again before giving up. */
  retry: boolean;
}

/** The pod of an alert, with certainty, or why not. */
export type Identification =
  | {
      kind: 'Strong';
      pod: PodFacts;
      /** Absent if the told container is no longer (or not yet) in the pod's status. */
      container?: string;
      by: 'PodUid' | 'ContainerId';
    }
  | Refused;

/** The pod that had the told name: nothing is done to it before a person says that it is meant. */
export interface Weak {
  kind: 'Weak';
  pod: PodFacts;
}

// Falco tells the first 12 digits of 64 (`container.id`); fewer would collide too easily.
const CONTAINER_ID = /^[0-9a-f]{12,64}$/;
/** Creation times are cut to whole seconds. */
const CREATION_STEP_MS = 1_000;

/**
 * Finds the pod that an alert tells of. Strong is a pod with the told UID, or else the only pod that has, or had before
 * its last restart, a container whose ID begins as told; and nothing else that was told may contradict it: node name,
 * namespace, pod name, or the UID and container ID each other. A name alone never identifies.
 * @param candidates every pod that could be meant; more than needed does no harm.
 */
export function identify(told: ToldIdentity, candidates: readonly PodFacts[]): Identification {
  const podUid = isTold(told.podUid) ? told.podUid : undefined;
  const containerId = CONTAINER_ID.test(told.containerId ?? '') ? told.containerId : undefined;
  const pods = [...new Map(candidates.map((pod) => [pod.uid, pod])).values()];
  const holders = containerId === undefined ? [] : pods.filter((pod) => holding(pod, containerId).length > 0);
  if (podUid !== undefined) {
    const pod = pods.find(({ uid }) => uid === podUid);
    return pod ? byUid(pod, told, containerId, holders) : unknownUid(holders);
  }
  if (containerId !== undefined) return byContainer(told, containerId, holders);
  return nothingStrong(told);
}

/**
 * The same for an alert of a detector that tells neither UID nor, often, a container ID, and whose cluster was compared: then
 * the pod with the told name in the told namespace is found, though not for certain. Names are used again, but not while
 * their pod is there: one that was created before has had the name since then.
 * @param since when the drift was seen, in milliseconds since the epoch; the pod must be older.
 */
export function identifyByName(
  told: ToldIdentity,
  candidates: readonly PodFacts[],
  since: number,
): Identification | Weak {
  const found = identify(told, candidates);
  if (found.kind !== 'Refused' || found.reason !== 'NameOnly' || !isTold(told.namespace)) return found;
  const pod = candidates.find(({ namespace, name }) => namespace === told.namespace && name === told.podName);
  if (!pod) return refuse('OtherName', 'there is no pod with the name told: it is gone');
  const isOlder = Date.parse(pod.createdAt) + CREATION_STEP_MS <= since;
  if (!isOlder)
    return refuse('Younger', `${nameOf(pod)} was created after that: another pod had its name then`);
  return contradiction(pod, told) ?? { kind: 'Weak', pod };
}

function byUid(
  pod: PodFacts,
  told: ToldIdentity,
  containerId: string | undefined,
  holders: readonly PodFacts[],
): Identification {
  // In no pod at all is no contradiction: containers restart, and a status lags.
  const [elsewhere] = holders.includes(pod) ? [] : holders;
  if (elsewhere) {
    return refuse(
      'OtherContainer',
      `the UID told is that of ${nameOf(pod)}, but the container told is in ${nameOf(elsewhere)}`,
    );
  }
  return contradiction(pod, told) ?? strong(pod, 'PodUid', containerId);
}

function byContainer(told: ToldIdentity, containerId: string, holders: readonly PodFacts[]): Identification {
  const [pod, ...others] = holders;
  if (!pod) {
    return refuse('OtherContainer', `no pod is known to have a container ${containerId}`, true);
  }
  if (others.length > 0) {
    return refuse('Ambiguous', `${holders.length} pods have a container whose ID begins with ${containerId}`);
  }
  return contradiction(pod, told) ?? strong(pod, 'ContainerId', containerId);
}

function unknownUid([holder]: readonly PodFacts[]): Refused {
  return holder
    ? refuse('OtherUid', `the container told is in ${nameOf(holder)}, which has another UID than told`)
    : refuse('OtherUid', 'no pod is known to have the UID told: it is too new, or gone', true);
}

function nothingStrong(told: ToldIdentity): Refused {
  return isTold(told.podName)
    ? refuse(
        'NameOnly',
        'the alert tells the name of a pod, but neither its UID nor a container ID: add k8s.pod.uid and container.id to the output of the rule',
      )
    : refuse('NothingTold', 'the alert tells neither the UID of a pod nor a container ID');
}

function contradiction(pod: PodFacts, told: ToldIdentity): Refused | undefined {
  if (isTold(told.hostname) && told.hostname !== pod.nodeName) {
    // A pod that is not known to be on any node yet is one whose status is behind.
    return pod.nodeName === undefined
      ? refuse('OtherNode', `${nameOf(pod)} is not known to be on a node yet`, true)
      : refuse('OtherNode', `${nameOf(pod)} is on node ${pod.nodeName}, not on the one the alert came from`);
  }
  const namespaceDiffers = isTold(told.namespace) && told.namespace !== pod.namespace;
  const nameDiffers = isTold(told.podName) && told.podName !== pod.name;
  return namespaceDiffers || nameDiffers
    ? refuse('OtherName', `${nameOf(pod)} has another namespace or name than told`)
    : undefined;
}

function strong(pod: PodFacts, by: 'PodUid' | 'ContainerId', containerId?: string): Identification {
  const [container, ...others] = containerId === undefined ? [] : holding(pod, containerId);
  return { kind: 'Strong', pod, by, ...(container && others.length === 0 && { container: container.name }) };
}

function holding(pod: PodFacts, containerId: string): ContainerFacts[] {
  return pod.containers.filter(({ containerID, previousContainerID }) =>
    [containerID, previousContainerID].some((id) => withoutScheme(id)?.startsWith(containerId)),
  );
}

// `containerd://<64 hex>`: the scheme is the runtime's name.
function withoutScheme(id: string | undefined): string | undefined {
  return id?.split('://').at(-1);
}

// Detectors leave out what they do not know; an empty text, should one get here, must satisfy nothing either.
function isTold(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function nameOf(pod: PodFacts): string {
  return `pod ${pod.namespace}/${pod.name}`;
}

function refuse(reason: RefusalReason, message: string, retry = false): Refused {
  return { kind: 'Refused', reason, message, retry };
}
