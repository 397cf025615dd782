// How pods ended, as the watch told last: the one moment at which it can be known, since then nobody has the pod any more.
import type { PodFacts } from '../api/pod.ts';
import type { CacheChange } from '../kube/cache.ts';

/** More pods than are looked at between their end and that of their incidents. */
const MAX_ENDS = 1_024;

/** Remembers for a while how the pods of incidents ended. */
export class PodEnds {
  readonly #ended = new Map<string, 'Ended' | 'Running'>();
  readonly #concerns: (uid: string) => boolean;

  /** @param concerns whether the end of the pod with that UID matters. */
  constructor(concerns: (uid: string) => boolean) {
    this.#concerns = concerns;
  }

  /** Takes notice of a change of a pod. */
  readonly note = ({ type, value: { uid, going }, isLast }: CacheChange<PodFacts>): void => {
    if (type !== 'delete' || !this.#concerns(uid)) return;
    if (going?.containersEnded === true) this.#keep(uid, 'Ended');
    // What ran when it was last heard of may have ended unseen, unless that was its very end. Gone by force: it may run on.
    else if (isLast && going?.containersEnded === false) this.#keep(uid, 'Running');
  };

  /** Whether all containers of the pod had ended when it went, or one still ran; undefined: not known. */
  of(uid: string): 'Ended' | 'Running' | undefined {
    return this.#ended.get(uid);
  }

  #keep(uid: string, how: 'Ended' | 'Running'): void {
    this.#ended.set(uid, how);
    if (this.#ended.size <= MAX_ENDS) return;
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest);
      return;
    }
  }
}
