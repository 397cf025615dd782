// The state machine of a watch: list, then watch, then resume or list again. One function, one arm a state.
import type { KubeObject } from '../api/meta.ts';
import type { KubeList, WatchEvent } from './client.ts';
import { isGone, isThrottled, isUnavailable, watchError } from './errors.ts';

/**
 * What a watch tells. `Init` begins a list and discards one that was not finished; `InitApply` is one of its objects;
 * after `InitDone` whatever the list did not name is gone. `Apply` and `Delete` are changes thereafter.
 */
export type WatcherEvent =
  | { type: 'Init' }
  | { type: 'InitApply'; object: KubeObject }
  | { type: 'InitDone' }
  | { type: 'Apply'; object: KubeObject }
  | { type: 'Delete'; object: KubeObject };

/** Where a watch stands. */
export type State =
  /** Nothing is known, or what was known is too old. Left at once for the first page. */
  | { at: 'Empty' }
  /** A list has begun. Left after its last page, or for `Empty` when the continue token expired. */
  | { at: 'InitPage'; continueToken?: string }
  /** Everything up to this version is known. Left at once for a watch from there. */
  | { at: 'Listed'; resourceVersion: string }
  /** A watch is open. Left when it ends or fails: for `Listed`, or for `Empty` when the version is too old. */
  | {
      at: 'Watching';
      resourceVersion: string;
      stream: AsyncIterator<WatchEvent>;
      since: number;
      heard: boolean;
    };

type Watching = Extract<State, { at: 'Watching' }>;

/** What the state machine needs of the world. */
export interface Source {
  list(continueToken: string | undefined): Promise<KubeList<KubeObject>>;
  watch(resourceVersion: string): AsyncIterator<WatchEvent>;
  now(): number;
}

/** Outcome of one step. With a `failure` the next step is worth a wait. */
export interface Step {
  events: readonly WatcherEvent[];
  state: State;
  failure?: unknown;
}

/** A watch that ends sooner, with nothing heard, is a failure: else a server that closes each at once is hammered. */
const SHORTEST_WATCH_MS = 1_000;

/** Takes one step. Never rejects. */
export async function step(state: State, source: Source): Promise<Step> {
  switch (state.at) {
    case 'Empty':
      return { events: [{ type: 'Init' }], state: { at: 'InitPage' } };
    case 'InitPage':
      return listPage(state.continueToken, source);
    case 'Listed': {
      const stream = source.watch(state.resourceVersion);
      return { events: [], state: { ...state, at: 'Watching', stream, since: source.now(), heard: false } };
    }
    case 'Watching':
      return hear(state, source);
  }
}

async function listPage(continueToken: string | undefined, source: Source): Promise<Step> {
  try {
    const { items, metadata } = await source.list(continueToken);
    const events: WatcherEvent[] = items.map((object) => ({ type: 'InitApply', object }));
    if (metadata.continue) return { events, state: { at: 'InitPage', continueToken: metadata.continue } };
    events.push({ type: 'InitDone' });
    return { events, state: { at: 'Listed', resourceVersion: metadata.resourceVersion } };
  } catch (failure) {
    return { events: [], state: afterListFailure(failure, continueToken), failure };
  }
}

/** An outage keeps the page; a refused token, expired (410) or not understood (400), never becomes good again. */
function afterListFailure(failure: unknown, continueToken: string | undefined): State {
  const passing = isUnavailable(failure) || isThrottled(failure);
  return passing && continueToken !== undefined ? { at: 'InitPage', continueToken } : { at: 'Empty' };
}

async function hear(state: Watching, source: Source): Promise<Step> {
  try {
    const next = await state.stream.next();
    return next.done ? afterEnd(state, source.now()) : afterEvent(state, next.value);
  } catch (failure) {
    return afterFailure(state, failure);
  }
}

function afterEnd({ resourceVersion, since, heard }: Watching, now: number): Step {
  const state: State = { at: 'Listed', resourceVersion };
  if (heard || now - since >= SHORTEST_WATCH_MS) return { events: [], state };
  return { events: [], state, failure: new Error('the server closed the watch as soon as it was open') };
}

function afterFailure({ resourceVersion }: Watching, failure: unknown): Step {
  const state: State = isGone(failure) ? { at: 'Empty' } : { at: 'Listed', resourceVersion };
  return { events: [], state, failure };
}

function afterEvent(state: Watching, { type, object }: WatchEvent): Step {
  if (type === 'ERROR') {
    void state.stream.return?.();
    return afterFailure(state, watchError('go on with a watch', object));
  }
  const { resourceVersion } = object.metadata;
  if (type === 'BOOKMARK') return { events: [], state: { ...state, resourceVersion } };
  const events: WatcherEvent[] = [{ type: type === 'DELETED' ? 'Delete' : 'Apply', object }];
  return { events, state: { ...state, resourceVersion, heard: true } };
}
