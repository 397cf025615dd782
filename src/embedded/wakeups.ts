// What a watch waits for: a change of its kind, its end, or the time for a bookmark.
import type { Cancel } from '../kube/clock.ts';
import type { Resource } from '../kube/resources.ts';
import type { Backend } from './backend.ts';

/** The real server sends bookmarks about once a minute. */
const BOOKMARK_MS = 60_000;

/** See the file's first line. */
export interface Wakeups {
  /** Resolves when there is something to do; at once if there was since the last call. */
  next: () => Promise<void>;
  /** Whether the watch is over: by its time-out or its reader. */
  ended: () => boolean;
  /** Whether a bookmark is due; true once each time. */
  bookmarkIsDue: () => boolean;
  cancel: () => void;
}

/** Starts the timers of a watch. */
export function createWakeups(
  { store, clock }: Backend,
  resource: Resource,
  signal: AbortSignal,
  options: { bookmarks: boolean; timeoutMs: number },
): Wakeups {
  const bell = createBell();
  let timedOut = false;
  let bookmarkDue = false;
  let cancelBookmark: Cancel = () => {};
  const planBookmark = (): void => {
    cancelBookmark = clock.after(BOOKMARK_MS, () => {
      bookmarkDue = true;
      bell.ring();
      planBookmark();
    });
  };
  if (options.bookmarks) planBookmark();
  const cancelTimeout = clock.after(options.timeoutMs, () => {
    timedOut = true;
    bell.ring();
  });
  const unsubscribe = store.subscribe((change) => {
    if (change.resource === resource) bell.ring();
  });
  signal.addEventListener('abort', bell.ring, { once: true });
  return {
    next: bell.heard,
    ended: () => timedOut || signal.aborted,
    bookmarkIsDue: () => {
      const due = bookmarkDue;
      bookmarkDue = false;
      return due;
    },
    cancel: () => {
      signal.removeEventListener('abort', bell.ring);
      for (const cancel of [unsubscribe, cancelTimeout, cancelBookmark]) cancel();
    },
  };
}

interface Bell {
  ring: () => void;
  /** Resolves at the next ring, or at once if it rang since it was last heard. */
  heard: () => Promise<void>;
}

function createBell(): Bell {
  let rang = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rang = true;
      wake?.();
    },
    heard: async () => {
      if (!rang) await new Promise<void>((resolve) => (wake = resolve));
      rang = false;
    },
  };
}
