// Pods as they were when they were seen first with a controller: who may label a pod can have its controller let go of it, and
// name another revision of the template.
import { controllerOf, REVISION_LABEL, type PodFacts } from '../api/pod.ts';

/** See the file's first line. In memory: of what happened before this leader came nothing is known. */
export class MadePods {
  /** By UID. */
  readonly #first = new Map<string, PodFacts>();

  /** The pod with its first controller: where that let go of it also with the labels of then, else with those of now. */
  of(pod: PodFacts): PodFacts {
    const first = this.#first.get(pod.uid);
    if (!first) {
      if (controllerOf(pod)) this.#first.set(pod.uid, pod);
      return pod;
    }
    if (controllerOf(pod)?.uid !== controllerOf(first)?.uid)
      return { ...pod, ownerReferences: first.ownerReferences, labels: { ...pod.labels, ...first.labels } };
    const revision = first.labels[REVISION_LABEL];
    return revision === undefined ? pod : { ...pod, labels: { ...pod.labels, [REVISION_LABEL]: revision } };
  }

  /** The pod is seen first when it is seen next: it is gone, we took it from its controller, or that is gone. */
  forget(podUid: string): void {
    this.#first.delete(podUid);
  }
}
