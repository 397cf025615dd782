// Durations as policies write them (`90s`, `10m`, `1h30m`), as milliseconds.
import { DurationSchema } from '../api/policy.ts';

const PARTS = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;

/**
 * Reads a duration of hours, minutes and seconds.
 * @returns milliseconds, 0 to one year.
 * @throws RangeError if the text is no duration or means more than a year; the message is for people.
 */
export function parseDuration(text: string): number {
  const parts = DurationSchema.safeParse(text).success ? PARTS.exec(text) : null;
  if (!parts) {
    throw new RangeError(
      `${JSON.stringify(text.slice(0, 32))} is not a duration: write hours, minutes and seconds, in this order, as in 90s, 10m or 1h30m`,
    );
  }
  const [, hours = '0', minutes = '0', seconds = '0'] = parts;
  const ms = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS;
  if (ms > YEAR_MS) throw new RangeError(`"${text}" is longer than a year (8760h): write a shorter duration`);
  return ms;
}

/**
 * Reads a duration of an incident, in milliseconds. People can edit records, and other versions write them: what is no
 * duration of at most a year counts as a year, of all waits the most careful.
 */
export function recordedDuration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return YEAR_MS;
  }
}
