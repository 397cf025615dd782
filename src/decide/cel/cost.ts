// How long a condition can take at the worst, estimated before it ever runs: the library has no limit of its own.

/** Bounds of a value at the worst: elements of a list or map, and characters of a string or of each element. */
export interface Bounds {
  readonly size: number;
  readonly length: number;
}

/** Nanoseconds that one evaluation may take at the worst by these estimates: 15 ms, and 30 ms were measured. */
export const MAX_COST = 15_000_000;

// Nanoseconds, measured with Node 26 on one core of 2.6 GHz and rounded up; see docs/decisions/0013-cel.md.
const NODE = 150;
const ELEMENT = 100;
const CHARACTER = 1;
/** A step of the search for a text in another, which can take as many as the product of their lengths. */
const SEARCH = 0.2;
const MAX_SEARCHED = 256;
/** A character that a regular expression reads, and each step of its program for it. */
const READ = 100;
const STEP = 25;
/** Reading a text as a time, or the other way round. */
const TIME = 3_000;
/** A character of a text that is counted. */
const COUNTED = 10;
/** A calendar for another time zone is made anew each time. */
const TIME_ZONE = 150_000;

/** Cost of evaluating a node itself, by the bounds of what it is applied to. */
export function callCost(name: string, args: readonly Bounds[]): number {
  const [first = NOTHING, second = NOTHING] = args;
  if (name === '_[_]') return NODE;
  if (name === 'contains') return NODE + first.length * SEARCH * Math.min(second.length, MAX_SEARCHED);
  if (name === 'size') return NODE + first.length * COUNTED;
  if (name.startsWith('get')) return args.length > 1 ? TIME_ZONE : TIME;
  if (['timestamp', 'duration', 'string'].includes(name)) return TIME + first.length * CHARACTER;
  return args.reduce((sum, arg) => sum + readCost(arg), NODE);
}

/** Cost of matching a text with a pattern of so many steps. */
export function matchCost(text: Bounds, steps: number): number {
  return NODE + text.length * (READ + STEP * steps);
}

/** Bounds of what a call yields. */
export function callBounds(name: string, args: readonly Bounds[]): Bounds {
  if (name === '_?_:_') return largest(args);
  const [first = NOTHING, second = NOTHING] = args;
  if (name === '_+_') {
    if (first.size + second.size > 0) return { ...largest(args), size: first.size + second.size };
    return { size: 0, length: first.length + second.length };
  }
  if (name === '_[_]') return { size: 0, length: first.length };
  if (name === 'string') return { size: 0, length: Math.max(first.length, LONGEST_NUMBER) };
  return NOTHING;
}

/** Bounds that hold for all. */
export function largest(all: readonly Bounds[]): Bounds {
  return {
    size: Math.max(0, ...all.map(({ size }) => size)),
    length: Math.max(0, ...all.map(({ length }) => length)),
  };
}

/** Cost of a node without parts. */
export const LEAF_COST = NODE;
/** Bounds of what has neither elements nor characters. */
export const NOTHING: Bounds = { size: 0, length: 0 };

/** Characters of a number, timestamp or duration as text. */
const LONGEST_NUMBER = 40;

function readCost({ size, length }: Bounds): number {
  return size > 0 ? size * (ELEMENT + length * CHARACTER) : length * CHARACTER;
}
