// Watches a kind for ever: what it tells is complete, also after outages, expired versions and silent connections.
import type { KubeObject } from '../api/meta.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient, Selection } from './client.ts';
import { sleep, type Clock, type Random } from './clock.ts';
import { KubeError } from './errors.ts';
import type { Log } from './log.ts';
import type { Resource } from './resources.ts';
import { step, type Source, type State, type WatcherEvent } from './watch-step.ts';

export type { WatcherEvent } from './watch-step.ts';

/** What to watch, and with what. */
export interface WatchResourceOptions {
  client: KubeClient;
  resource: Resource;
  /** Default: all objects in all namespaces. */
  selection?: Selection;
  clock: Clock;
  random: Random;
  log: Log;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** Objects a page, as kubectl and kube-rs take them. */
const PAGE_SIZE = 500;
const PAGE_TIMEOUT_MS = 30_000;
/** The server ends a watch after at most this time, and at least nine tenths of it, so that not all end together. */
const WATCH_SECONDS = 290;
/** An API server sends a bookmark about each minute; two missed ones and a margin mean that nobody is there. */
const IDLE_MS = 130_000;
/** Failures in a row that are worth a warning; fewer are everyday life. */
const WARN_AFTER = 3;

/**
 * Lists, then watches, and goes on until the signal fires, when it returns. It never throws: failures are logged and
 * tried again after 0.8 s to 30 s.
 */
export async function* watchResource(
  options: WatchResourceOptions,
): AsyncGenerator<WatcherEvent, void, void> {
  const { clock, random, signal } = options;
  const source = sourceOf(options);
  const backoff = new Backoff(clock, random);
  let state: State = { at: 'Empty' };
  try {
    while (!signal.aborted) {
      const { events, state: next, failure } = await step(state, source);
      state = next;
      if (signal.aborted) return;
      yield* events;
      if (failure === undefined) continue;
      const wait = backoff.next();
      report(options, failure, backoff.failures, wait);
      await sleep(clock, wait, signal);
    }
  } finally {
    if (state.at === 'Watching') void state.stream.return?.();
  }
}

function sourceOf({ client, resource, selection = {}, clock, random, signal }: WatchResourceOptions): Source {
  return {
    now: () => clock.elapsed(),
    list: (continueToken) => {
      const page = { limit: PAGE_SIZE, ...(continueToken === undefined ? {} : { continue: continueToken }) };
      const limits = { signal, timeoutMs: PAGE_TIMEOUT_MS };
      return client.list<KubeObject>(resource, { ...selection, ...page }, limits);
    },
    watch: (resourceVersion) => {
      const timeoutSeconds = Math.round(WATCH_SECONDS * (1 - random() / 10));
      const from = { ...selection, resourceVersion, timeoutSeconds };
      return client.watch(resource, from, { signal, idleMs: IDLE_MS })[Symbol.asyncIterator]();
    },
  };
}

function report(
  { log, resource, selection }: WatchResourceOptions,
  failure: unknown,
  failures: number,
  wait: number,
): void {
  const retryInMs = Math.round(wait);
  const fields = { err: failure, resource: resource.plural, namespace: selection?.namespace, retryInMs };
  const advice = adviceFor(failure, resource, selection?.namespace);
  if (advice !== undefined) log.warn(fields, advice);
  else if (failures >= WARN_AFTER) log.warn(fields, `${resource.plural} cannot be watched; trying again`);
  else log.debug(fields, `the watch of ${resource.plural} was interrupted; it goes on`);
}

/** What a person must do; undefined for failures that pass. */
function adviceFor(failure: unknown, resource: Resource, namespace: string | undefined): string | undefined {
  const group = resource.group === '' ? 'the core API group' : `API group ${resource.group}`;
  const where = namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`;
  const status = failure instanceof KubeError ? failure.status : 0;
  if (status === 403)
    return `not allowed to watch: grant the verbs list and watch on ${resource.plural} of ${group} ${where}`;
  if (status === 401)
    return `the API server does not accept our credentials, so ${resource.plural} are not seen`;
  if (status === 404)
    return `the API server does not serve ${resource.plural} of ${group}: is the CRD installed?`;
  return undefined;
}
