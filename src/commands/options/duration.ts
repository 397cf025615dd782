// A duration as the value of an option.
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../decide/duration.ts';

/**
 * Reads one as milliseconds; `0` needs no unit.
 * @param least and most, in milliseconds, both allowed.
 * @param hint what to give, for the error.
 */
export function durationFrom(least: number, most: number, hint: string): (text: string) => number {
  return (text) => {
    try {
      const ms = parseDuration(text === '0' ? '0s' : text);
      if (ms >= least && ms <= most) return ms;
    } catch (error) {
      if (error instanceof RangeError) throw new InvalidArgumentError(error.message);
      throw error;
    }
    throw new InvalidArgumentError(hint);
  };
}
