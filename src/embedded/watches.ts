// WATCH: a stream of changes, read from the history at the reader's own pace. Nothing is buffered for a reader; one
// that falls behind the history is told so (410) and lists again.
import type { KubeObject } from '../api/meta.ts';
import { apiVersionOf } from '../kube/resources.ts';
import type { Backend, Collection } from './backend.ts';
import { revisionOf, selectionOf, wholeNumber } from './reads.ts';
import type { Predicate } from './selectors.ts';
import { expired, type Status } from './status.ts';
import type { Change } from './store.ts';
import { createWakeups } from './wakeups.ts';

/** One line of a watch. */
export interface WatchLine {
  type: Change['type'] | 'BOOKMARK' | 'ERROR';
  object: KubeObject | Status | { kind: string; apiVersion: string; metadata: object };
}

/** Without `timeoutSeconds` the server ends a watch after 30 to 60 minutes. */
const DEFAULT_TIMEOUT_MS = 1_800_000;

interface WatchRequest {
  selected: Predicate;
  /** Sent as ADDED first; undefined when the reader knows what is there. */
  present: readonly KubeObject[] | undefined;
  /** The revision that the reader has seen. */
  from: number;
  bookmarks: boolean;
  timeoutMs: number;
}

/** Reads the query at once, so that a bad one is refused before the stream starts. */
export function watchObjects(
  backend: Backend,
  at: Collection,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<WatchLine, void, void> {
  const { store, random } = backend;
  const revision = revisionOf(query.get('resourceVersion') ?? '') ?? 0;
  const selected = selectionOf(at, query);
  const seconds = query.get('timeoutSeconds');
  return watchLines(backend, at, signal, {
    selected,
    present: revision === 0 ? store.list(at.kind.resource).filter(selected) : undefined,
    from: revision === 0 ? store.revision : revision,
    bookmarks: query.get('allowWatchBookmarks') === 'true',
    timeoutMs: seconds === null ? DEFAULT_TIMEOUT_MS * (1 + random()) : wholeNumber(seconds) * 1000,
  });
}

async function* watchLines(
  backend: Backend,
  at: Collection,
  signal: AbortSignal,
  { selected, present, from, bookmarks, timeoutMs }: WatchRequest,
): AsyncGenerator<WatchLine, void, void> {
  const wake = createWakeups(backend, at.kind.resource, signal, { bookmarks, timeoutMs });
  let cursor = from;
  try {
    for (const object of present ?? []) yield { type: 'ADDED', object };
    if (present && bookmarks) yield bookmark(at, cursor, { 'k8s.io/initial-events-end': 'true' });
    while (!wake.ended()) {
      const changes = backend.store.changesSince(at.kind.resource, cursor);
      if (!changes) return yield tooOld(cursor, backend.store.revision);
      yield* linesOf(changes, selected, wake.ended);
      const last = changes.at(-1);
      // With nothing new of its kind the reader has seen all up to now.
      cursor = last?.revision ?? Math.max(cursor, backend.store.revision);
      if (last) continue;
      if (wake.bookmarkIsDue()) yield bookmark(at, cursor);
      else await wake.next();
    }
  } finally {
    wake.cancel();
  }
}

function* linesOf(
  changes: readonly Change[],
  selected: Predicate,
  ended: () => boolean,
): Generator<WatchLine, void, void> {
  for (const change of changes) {
    if (ended()) return;
    const line = lineOf(change, selected);
    if (line) yield line;
  }
}

/** How a change looks to a reader of a selection: what enters it is ADDED, what leaves it is DELETED. */
function lineOf({ type, object, before }: Change, selected: Predicate): WatchLine | undefined {
  const isSelected = type !== 'DELETED' && selected(object);
  if (before === undefined || !selected(before)) return isSelected ? { type: 'ADDED', object } : undefined;
  if (isSelected) return { type: 'MODIFIED', object };
  const { resourceVersion } = object.metadata;
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion } } };
}

function bookmark({ kind }: Collection, revision: number, annotations?: Record<string, string>): WatchLine {
  const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) };
  const { resource } = kind;
  return { type: 'BOOKMARK', object: { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata } };
}

function tooOld(cursor: number, current: number): WatchLine {
  const { status } = expired(`too old resource version: ${cursor} (${current})`);
  return { type: 'ERROR', object: status };
}
