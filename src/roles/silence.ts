// Notices silence: keeps with the other receivers when alerts came, and has Falcosidekick send a test event now and then.
import {
  INTAKE_KEYS,
  isCanaryDue,
  missedOf,
  readIntake,
  routeOf,
  sendingChange,
  type Arrival,
  type IntakeTimes,
} from '../decide/silence.ts';
import { SilenceNotes } from '../detect/silence-notes.ts';
import { SilenceRecord } from '../detect/silence-record.ts';
import { sleep, type Clock, type Random } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { ReadinessCheck } from '../observe/health.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';

/** Asks Falcosidekick for a test event. @returns why it did not take the request, for people. Must not reject. */
export type AskForTest = (signal: AbortSignal) => Promise<string | undefined>;

/** What is to be noticed. */
export interface SilenceSettings {
  /** Absent: nobody asks for test events; those that come are noted. */
  canary?: { intervalMs: number; ask: AskForTest };
}

/** What {@link createSilence} is made of. */
export interface SilenceParts extends SilenceSettings {
  client: KubeClient;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: Pick<Metrics, 'showSilence'>;
}

/** See the file's first line. */
export interface Silence {
  /** Something came in just now. Never throws. */
  arrived(arrival: Arrival): void;
  /** Always holds: a restart is no cure for a sender that is silent. */
  readonly check: ReadinessCheck;
  /** Runs until the signal fires. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes down what came last. */
  close(): Promise<void>;
}

/** How often the record is read, in milliseconds; up to half of it more or less, so that receivers take turns. */
const LOOK_EVERY_MS = 30_000;
/** Without a canary it is read for the metrics only. */
const LOOK_IDLY_MS = 300_000;

const LOOK_FAILED = 'it was not looked at whether alerts come: a defect';

/** See the file's first line. */
export function createSilence(parts: SilenceParts): Silence {
  const { clock, random, log, metrics, canary } = parts;
  const record = new SilenceRecord(parts);
  const notes = new SilenceNotes({ record, clock, log });
  // As of its last reading: a test event that came since is not missing because nobody could look.
  const asOf = () => record.asOf ?? clock.now();
  const times = () => readIntake(record.data, asOf());
  const teller = canary && new RouteTeller(log);
  const tell = () => teller?.tell(times(), asOf());
  metrics.showSilence({
    lastAlert: () => latest(times().lastAlert, notes.lastAlert),
    ...(canary && {
      canary: {
        lastSuccess: () => times().lastTest,
        isFailing: () => routeOf(times(), asOf()) === 'Silent',
      },
    }),
  });
  const look = canary ? createCanary(parts, canary, record, teller) : () => record.read();
  return {
    arrived: (arrival) => notes.add(arrival),
    check: {
      name: 'silence',
      reason: () => undefined,
      warning: () => teller?.warning(times(), asOf()) ?? record.trouble,
    },
    run: async (signal) => {
      const everyMs = canary ? LOOK_EVERY_MS : LOOK_IDLY_MS;
      // At first it is only read: Falcosidekick finds no receiver before one was ready.
      for (let next = () => record.read() as Promise<unknown>; !signal.aborted; next = () => look(signal)) {
        await next().catch((error: unknown) => log.error({ err: error }, LOOK_FAILED));
        tell();
        await sleep(clock, everyMs * (0.5 + random()), signal);
      }
    },
    close: () => notes.close(),
  };
}

/** Asks for a test event when one is due and no other receiver does. */
function createCanary(
  { clock }: SilenceParts,
  { intervalMs, ask }: NonNullable<SilenceSettings['canary']>,
  record: SilenceRecord,
  teller: RouteTeller | undefined,
): (signal: AbortSignal) => Promise<void> {
  let askedAt = -Infinity;
  // What it wrote last, or tried to: where the answer is lost, the next look shows whether it stands.
  let written: string | undefined;
  return async (signal) => {
    // By a clock that nobody sets: whatever times the record holds, one receiver asks once in an interval.
    if (clock.elapsed() - askedAt < intervalMs) return void (await record.read());
    // Written before it is asked for: what comes then is the answer. The one whose writing stands asks.
    const result = await record.change((data) => {
      const now = clock.now();
      if (!isCanaryDue(readIntake(data, now), now, intervalMs)) return undefined;
      const change = sendingChange(data, now);
      written = change[INTAKE_KEYS.sent];
      return change;
    });
    if (result === 'Failed' || written === undefined || record.data?.[INTAKE_KEYS.sent] !== written) return;
    written = undefined;
    askedAt = clock.elapsed();
    teller?.asked(await ask(signal));
  };
}

/** Says in the log when the route falls silent and when it is no longer, and to the probes that it is. */
class RouteTeller {
  readonly #log: Logger;
  #isSilent = false;
  #trouble: string | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** This process asked for a test event. */
  asked(trouble: string | undefined): void {
    if (trouble !== undefined && trouble !== this.#trouble)
      this.#log.warn({ trouble }, 'Falcosidekick was not to be had for a test event');
    this.#trouble = trouble;
  }

  tell(times: IntakeTimes, now: number): void {
    const isSilent = routeOf(times, now) === 'Silent';
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    if (isSilent) this.#log.error({ missed: missedOf(times, now) }, this.#words(missedOf(times, now)));
    else this.#log.info({}, 'test events of Falcosidekick arrive again');
  }

  warning(times: IntakeTimes, now: number): string | undefined {
    return routeOf(times, now) === 'Silent' ? this.#words(missedOf(times, now)) : undefined;
  }

  #words(missed: number): string {
    const why = this.#trouble === undefined ? '' : `; this receiver could not ask: ${this.#trouble}`;
    return (
      `the last ${missed} test events that Falcosidekick was asked for did not arrive, and alerts may not either` +
      `${why}. Look at its webhook output: docs/silence.md`
    );
  }
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
