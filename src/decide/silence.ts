// Whether alerts still come in: what the record of the receivers says, and what is written into it next.
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';

/** What came in by a way that is open to those with a credential only. */
export const ARRIVALS = ['Alert', 'Test'] as const;
/** `Test`: a test event of Falcosidekick; `Alert`: any alert of anybody. */
export type Arrival = (typeof ARRIVALS)[number];

/** Where the record is, for people. */
export const INTAKE_RECORD = `ConfigMap ${SYSTEM_NAMESPACE}/${INTAKE_CONFIGMAP}`;

/** Keys of the ConfigMap. */
export const INTAKE_KEYS = {
  /** When the last alert came, RFC 3339. */
  alert: 'lastAlertTimestamp',
  /** When the last test event came, whoever asked for it. */
  test: 'lastTestTimestamp',
  /** When Falcosidekick was asked for the last one. */
  sent: 'lastCanarySentTimestamp',
  /**
   * What {@link INTAKE_KEYS.sent} was when a test event came: equal, when the last one was answered. Times of two receivers
   * are not compared for that, as their clocks differ.
   */
  answered: 'lastCanaryAnswered',
  /** How many before the last one were not answered, in a row. */
  missed: 'canariesMissed',
} as const;

/** Data of the ConfigMap, as it was read: everybody with the right may have edited it. */
export type IntakeData = Readonly<Record<string, unknown>> | undefined;
/** Keys to be set. */
export type IntakeChange = Record<string, string>;

/** How long a test event may take from Falcosidekick to the record, in milliseconds. */
export const ANSWER_WITHIN_MS = 60_000;
/** So many unanswered ones in a row, and the route is silent: one alone may have met a restart. */
export const MISSED_IS_SILENT = 2;
/** A time that lies further ahead was written by a clock that is wrong, and says nothing. */
export const MAX_AHEAD_MS = 60_000;
/** Of a count that long nobody asks for more. */
const MAX_MISSED = 99_999;

/** What the record says. Times are milliseconds since the epoch. */
export interface IntakeTimes {
  /** Undefined: never, or it cannot be told. */
  lastAlert: number | undefined;
  lastTest: number | undefined;
  canary: Canary | undefined;
}

/** The last test event that Falcosidekick was asked for. */
interface Canary {
  /** Undefined: it cannot be told. */
  sentAt: number | undefined;
  answered: boolean;
  missedBefore: number;
}

/** `Waiting`: the last one was not answered yet, or it is the first that was not. */
export type RouteState = 'Unproven' | 'Waiting' | 'Works' | 'Silent';

/** Reads the data of the ConfigMap; what cannot be understood or lies ahead counts as absent. */
export function readIntake(data: IntakeData, now: number): IntakeTimes {
  const sent = data?.[INTAKE_KEYS.sent];
  return {
    lastAlert: believed(data?.[INTAKE_KEYS.alert], now),
    lastTest: believed(data?.[INTAKE_KEYS.test], now),
    canary: Number.isNaN(timeOf(sent))
      ? undefined
      : {
          sentAt: believed(sent, now),
          answered: data?.[INTAKE_KEYS.answered] === sent,
          missedBefore: countOf(data?.[INTAKE_KEYS.missed]),
        },
  };
}

/** How many test events were not answered, up to the last one. */
export function missedOf({ canary }: IntakeTimes, now: number): number {
  if (!canary || canary.answered) return 0;
  return canary.missedBefore + Number(isOverdue(canary, now));
}

/** Whether test events come through. */
export function routeOf(times: IntakeTimes, now: number): RouteState {
  if (!times.canary) return 'Unproven';
  if (missedOf(times, now) >= MISSED_IS_SILENT) return 'Silent';
  return times.canary.answered ? 'Works' : 'Waiting';
}

/** Whether Falcosidekick is to be asked for the next one. */
export function isCanaryDue({ canary }: IntakeTimes, now: number, intervalMs: number): boolean {
  return canary?.sentAt === undefined || now - canary.sentAt >= intervalMs;
}

/** What is written before Falcosidekick is asked. */
export function sendingChange(data: IntakeData, now: number): IntakeChange {
  const before = data?.[INTAKE_KEYS.sent];
  const at = timeText(now);
  return {
    // Each is told from the one before by its time.
    [INTAKE_KEYS.sent]: at === before ? timeText(now + 1) : at,
    [INTAKE_KEYS.missed]: String(Math.min(missedOf(readIntake(data, now), now), MAX_MISSED)),
  };
}

/**
 * What is written when something came in.
 * @param arrived when, in milliseconds since the epoch
 * @returns undefined if the record says as much already: it is never put back, unless what it says lies ahead
 */
export function arrivalChange(
  data: IntakeData,
  arrived: ReadonlyMap<Arrival, number>,
  now: number,
): IntakeChange | undefined {
  const { lastAlert, lastTest, canary } = readIntake(data, now);
  const change: IntakeChange = {};
  // A clock that was set back meanwhile leaves times ahead.
  const [alert, test] = ARRIVALS.map((kind) => Math.min(arrived.get(kind) ?? -Infinity, now));
  if (isLater(alert, lastAlert)) change[INTAKE_KEYS.alert] = timeText(alert);
  if (isLater(test, lastTest)) change[INTAKE_KEYS.test] = timeText(test);
  if (arrived.has('Test') && canary?.answered === false)
    change[INTAKE_KEYS.answered] = String(data?.[INTAKE_KEYS.sent]);
  return Object.keys(change).length > 0 ? change : undefined;
}

function isOverdue({ sentAt }: Canary, now: number): boolean {
  return sentAt !== undefined && now - sentAt >= ANSWER_WITHIN_MS;
}

function isLater(at: number | undefined, known: number | undefined): at is number {
  return at !== undefined && at > (known ?? -Infinity);
}

function believed(text: unknown, now: number): number | undefined {
  const at = timeOf(text);
  return Number.isNaN(at) || at > now + MAX_AHEAD_MS ? undefined : at;
}

function timeOf(text: unknown): number {
  return typeof text === 'string' && text.length <= 32 ? Date.parse(text) : NaN;
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

function countOf(text: unknown): number {
  return typeof text === 'string' && /^\d{1,5}$/.test(text) ? Number(text) : 0;
}
