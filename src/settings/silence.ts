// Settings of what notices that no alerts come any more.
import { z } from 'zod';
import { parseDuration } from '../decide/duration.ts';

/** Below the first a test event would be asked for before the one before can be missed. */
const LEAST = '2m';
const MOST = '24h';
const OFF = '0';

/** See the file's first line. */
export const SILENCE_SETTINGS = {
  canaryInterval: z
    .string()
    .max(16)
    .default('5m')
    .refine(isGood, { message: `must be a duration from ${LEAST} to ${MOST}, or ${OFF} for none` })
    .describe(
      'How often the receivers together have Falcosidekick (--falcosidekick-url) send a test event, to notice when alerts ' +
        `would not arrive; ${OFF}: never.`,
    ),
};

/** Milliseconds; undefined: no test events are asked for. */
export function canaryIntervalMs({ canaryInterval }: { canaryInterval: string }): number | undefined {
  return isOff(canaryInterval) ? undefined : parseDuration(canaryInterval);
}

function isGood(text: string): boolean {
  if (isOff(text)) return true;
  try {
    const ms = parseDuration(text);
    return ms >= parseDuration(LEAST) && ms <= parseDuration(MOST);
  } catch {
    return false;
  }
}

function isOff(text: string): boolean {
  return text === OFF || text === '0s';
}
