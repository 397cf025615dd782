// Approved images as a ConfigMap lists them: an image by its digest on each line.
import { APPROVED } from '../api/eviction.ts';
import { qualifiedName } from './images.ts';
import { byCodeUnit } from './order.ts';

/** Entries of one list that are read from a ConfigMap; more is not. */
export const MAX_LISTED = 4_096;
/** Wrong lines that are told. */
const MAX_TOLD = 3;

/** A list that was read, and what of it could not be. */
export interface ReadList {
  images: string[];
  /** For people; absent: nothing is wrong. */
  problem?: string;
}

/** Reads the values of a ConfigMap: an image by its digest on each line; empty lines and what begins with # say nothing. */
export function readApproved(data: Readonly<Record<string, unknown>>): ReadList {
  const lines = Object.entries(data)
    .toSorted(([a], [b]) => byCodeUnit(a, b))
    .flatMap(([key, text]) => (typeof text === 'string' ? linesOf(key, text) : []));
  const images = [...new Set(lines.flatMap(({ line }) => (isListed(line) ? [line] : [])))];
  const wrong = lines.filter(({ line }) => !isListed(line)).map(({ at }) => at);
  const more = wrong.length > MAX_TOLD ? ` and ${wrong.length - MAX_TOLD} more` : '';
  const problems = [
    ...(wrong.length > 0
      ? [
          `not read, as they are no image by its digest such as registry.example/shop/web@sha256:...: ${wrong.slice(0, MAX_TOLD).join(', ')}${more}`,
        ]
      : []),
    ...(images.length > MAX_LISTED ? [`only the first ${MAX_LISTED} entries are read`] : []),
  ];
  return {
    images: images.slice(0, MAX_LISTED),
    ...(problems.length > 0 && { problem: problems.join('; ') }),
  };
}

function linesOf(key: string, text: string): { at: string; line: string }[] {
  return text
    .split('\n')
    .map((line, index) => ({ at: `${key} line ${index + 1}`, line: line.trim() }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}

// Of bounded length, so that the expression has little to do. A short name would never be found.
function isListed(line: string): boolean {
  return line.length <= 512 && APPROVED.test(line) && qualifiedName(line) === line;
}
