// The circuit breaker at work: opened and closed in the ledger, so that it outlives the process, and told loudly.
import type { BreakerDecision, Opening } from '../api/ledger.ts';
import type { KubeObject } from '../api/meta.ts';
import { BREAKER_KEY, LEDGER_CONFIGMAP, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import { nextOpenings, openOf, readDecision } from '../decide/breaker.ts';
import { isNotLeading } from '../kube/errors.ts';
import { orAbsent } from '../kube/absent.ts';
import { sleep } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import type { Ledger } from './ledger.ts';
import { breakerView, type SpentSources } from './spent.ts';

/** What it works with. */
export interface BreakerContext extends SpentSources {
  client: Pick<KubeClient, 'get'>;
  log: Logger;
  events: Pick<EventRecorder, 'record'>;
  ledger: Ledger;
}

/** How often it is looked at, besides before each act, in milliseconds. */
const LOOK_MS = 5_000;

/** Looks at it until the signal fires: it closes by itself, or by what a person wrote. */
export async function runBreaker(context: BreakerContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await context.ledger.ready().catch(unlessNotLeading);
    const { book } = context.ledger;
    const open = typeof book === 'string' ? undefined : openOf(book.openings);
    const decision = open && (await decisionOf(context, open));
    await lookAtBreaker(context, decision).catch(unlessNotLeading);
    await sleep(context.clock, LOOK_MS, signal);
  }
}

// Another one leads, and looks.
function unlessNotLeading(error: unknown): void {
  if (!isNotLeading(error)) throw error;
}

/** Opens or closes it if that is due. Costs nothing while nothing changes. @throws KubeError only without the lead. */
export async function lookAtBreaker(context: BreakerContext, decision?: BreakerDecision): Promise<void> {
  const { ledger } = context;
  const next = (openings: readonly Opening[]) => {
    const { book } = ledger;
    return nextOpenings(openings, breakerView(context, typeof book === 'string' ? [] : book.acts), decision);
  };
  const { book } = ledger;
  if (typeof book === 'string' || next(book.openings) === book.openings) return;
  if (await ledger.changeOpenings(next)) tell(context);
}

function tell({ ledger, events, log }: BreakerContext): void {
  const { book } = ledger;
  const last = typeof book === 'string' ? undefined : book.openings.at(-1);
  if (!last) return;
  const { closed, message } = last;
  const regarding = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: SYSTEM_NAMESPACE,
    name: LEDGER_CONFIGMAP,
  };
  if (closed) {
    const note = `the circuit breaker was closed by ${closed.by}: ${closed.reason}`;
    events.record({ regarding, type: 'Normal', reason: 'BreakerClosed', action: 'Close', note });
    log.warn({ by: closed.by }, note);
    return;
  }
  const note = `the circuit breaker opened: ${message}; nothing is evicted or taken out of its workload until it is quiet, or: die-operator breaker close --reason TEXT`;
  events.record({ regarding, type: 'Warning', reason: 'BreakerOpened', action: 'Open', note });
  log.error({ reason: last.reason }, note);
}

// What cannot be read or understood closes nothing.
async function decisionOf(
  { client, log }: BreakerContext,
  open: Opening,
): Promise<BreakerDecision | undefined> {
  try {
    const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
    const map = await orAbsent(client.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, at));
    const text = map?.data?.[BREAKER_KEY];
    if (text === undefined) return undefined;
    const decision = readDecision(text);
    if (!decision) throw new Error(`key ${BREAKER_KEY} is not what die-operator breaker close writes`);
    return decision;
  } catch (error) {
    log.warn(
      { err: error, opened: open.openedAt },
      'the decision to close the circuit breaker cannot be used',
    );
    return undefined;
  }
}
