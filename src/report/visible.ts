// Texts of others made readable: what hides, reorders or overprints text is named, and what is very long is cut.

/** Longest text that is shown whole, in UTF-16 units. */
export const MAX_SHOWN = 400;

// Controls, formats, bidi overrides, lone surrogates, private and unassigned characters; what is drawn as nothing; line
// breaks, and spaces that are no plain space. U+2800 is a drawn blank.
const DECEPTIVE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;
// From the fourth mark on one letter they are drawn over the lines around it.
const STACKED = /(?<=\p{M}{3})\p{M}/gu;

/** The text with each character that could deceive a reader as ⟨U+202E⟩; at most `max` units of it, and how many more. */
export function visible(text: string, max: number = MAX_SHOWN): string {
  const cut = text.length > max;
  const kept = cut ? text.slice(0, isHigh(text.charCodeAt(max - 1)) ? max - 1 : max) : text;
  const shown = kept.replaceAll(DECEPTIVE, named).replaceAll(STACKED, named);
  return cut ? `${shown}… (${grouped(text.length - kept.length)} more characters)` : shown;
}

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 file`, `1,200 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A number of bytes in the unit that gives it one to four digits. */
export function bytes(size: number): string {
  const step = size < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(size) / 10));
  if (step === 0) return size === 1 ? '1 byte' : `${size} bytes`;
  return `${(size / 1024 ** step).toFixed(1)} ${UNITS[step]}`;
}

/** A length of time in the words of people; milliseconds only below ten seconds. */
export function lasting(ms: number): string {
  if (ms < 0) return `${lasting(-ms)} before`;
  if (ms < 1000) return `${ms} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([value]) => value > 0)
    .slice(0, 2)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** A time of RFC 3339 in UTC, as `2026-11-23 05:41:52.651 UTC`; what is none is answered as it is. */
export function utc(time: string): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  return `${new Date(at).toISOString().replace('T', ' ').replace('Z', '').replace('.000', '')} UTC`;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function named(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `⟨U+${digits}⟩`;
}
