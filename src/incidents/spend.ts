// What limits what is done, for one term of a leader: the ledger, the circuit breaker, and the entry before each act.
import type { ActName } from '../api/ledger.ts';
import type { DriftIncident } from '../api/incident.ts';
import { openOf } from '../decide/breaker.ts';
import type { Spent } from '../decide/spending.ts';
import type { Clock } from '../kube/clock.ts';
import { sleep } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Logger } from '../observe/log.ts';
import { lookAtBreaker, runBreaker } from './breaker.ts';
import type { Caches } from './caches.ts';
import { Ledger } from './ledger.ts';
import type { Reservations } from './reservations.ts';
import { actOf, actsKnown, spentFor, type SpendingLimits } from './spent.ts';

/** What {@link createSpending} needs. */
export interface SpendingOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  events: Pick<EventRecorder, 'record'>;
  caches: Caches;
  reservations: Reservations;
  limits: SpendingLimits;
  /** See `LedgerOptions.name`. */
  ledgerName?: string | undefined;
}

/** See the file's first line. */
export interface Spending {
  /** Before a look at what was spent: the ledger is read, and the breaker opened if that is due. */
  ready(): Promise<void>;
  /** What was spent, out of memory. */
  spentFor(incident: DriftIncident): Spent;
  /**
   * Enters an act that is about to be carried out.
   * @param stillWanted whether it is still what would be done, by what is entered then.
   * @returns whether it may be carried out.
   */
  enter(act: ActName, incident: DriftIncident, stillWanted: () => boolean): Promise<boolean>;
  /** {@link enter} for an isolation, which waits for a short time only. */
  enterSoon(incident: DriftIncident, stillWanted: () => boolean): Promise<'Entered' | 'Changed' | 'Late'>;
  /** Closes the breaker when that is due, until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether the breaker is open. */
  readonly isOpen: boolean;
  /** Acts in the ledger. */
  readonly entries: number;
  /** Whether the ledger can be used. */
  readonly isUsable: boolean;
}

/** How long an isolation waits for its entry, in milliseconds: then the pod is isolated gently, which needs none. */
const PATIENCE_MS = 1_000;

/** See the file's first line. */
export function createSpending(options: SpendingOptions): Spending {
  const { caches, clock } = options;
  const ledger = new Ledger({ ...options, name: options.ledgerName, known: () => actsKnown(caches) });
  const context = { ...options, ledger };
  const enter: Spending['enter'] = (act, incident, stillWanted) =>
    ledger.enter(actOf(act, incident, clock), stillWanted);
  return {
    ready: async () => {
      await ledger.ready();
      await lookAtBreaker(context);
    },
    spentFor: (incident) => spentFor(context, incident),
    enter,
    enterSoon: async (incident, stillWanted) => {
      const waiting = new AbortController();
      const isWanted = () => !waiting.signal.aborted && stillWanted();
      const entered = enter('Orphan', incident, isWanted).then((done) => (done ? 'Entered' : 'Changed'));
      const late = sleep(clock, PATIENCE_MS, waiting.signal).then(() => 'Late' as const);
      try {
        return await Promise.race([entered, late]);
      } finally {
        waiting.abort();
        // What fails later is told by the ledger itself.
        void entered.catch(() => {});
      }
    },
    run: (signal) => runBreaker(context, signal),
    get isOpen() {
      const { book } = ledger;
      return typeof book !== 'string' && openOf(book.openings) !== undefined;
    },
    get entries() {
      return ledger.size;
    },
    get isUsable() {
      return typeof ledger.book !== 'string';
    },
  };
}
