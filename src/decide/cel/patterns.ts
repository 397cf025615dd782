// Regular expressions of conditions: literals only, compiled once, small enough to be compiled and run in no time.
import { compilePattern, type Pattern } from './library.ts';

/** Bound for characters of a pattern times its counts: `(\pL{100}){10}` alone compiles for 60 ms. */
const MAX_EXPANDED = 16_384;
const COUNT = /\{(\d+)(?:,(\d*))?\}/g;

/** The regular expressions of one condition. */
export interface Patterns {
  /** Compiles a literal. Throws an Error for people if it is none of RE2 or too large. */
  add(source: string): Pattern;
  /** One that was added. Throws if it was not: no pattern is ever made of text that a condition sees. */
  compile(source: string): { test(text: string): boolean };
}

/** Patterns of a new condition. */
export function createPatterns(): Patterns {
  const compiled = new Map<string, Pattern>();
  return {
    add: (source) => {
      if (expandedLength(source) > MAX_EXPANDED) {
        throw new Error('its counts, as in {64}, make it too large: use fewer or smaller ones');
      }
      const pattern = compilePattern(source);
      compiled.set(source, pattern);
      return pattern;
    },
    compile: (source) => {
      const pattern = compiled.get(source);
      if (pattern === undefined) throw new Error('the pattern is no literal of the condition');
      return { test: (text) => testAfresh(pattern, text) };
    },
  };
}

// Matching builds a state machine as it reads. The library keeps up to 10,000 states of 1 KB for each pattern, which the
// attacker's text chooses, and beyond them matches in quadratic time; its reset() does nothing. A text of the length that
// conditions see makes 1,025 at most.
function testAfresh(pattern: Pattern, text: string): boolean {
  try {
    return pattern.test(text);
  } finally {
    const { dfa } = pattern.re2();
    dfa.stateCache.clear();
    dfa.stateCount = 0;
    dfa.startState = null;
  }
}

/** Steps of the compiled program: matching takes at most so many for each character. */
export function patternSize(pattern: Pattern): number {
  return pattern.re2().prog.inst.length;
}

// Counts of groups may be nested and are multiplied; those of single characters cannot be.
function expandedLength(source: string): number {
  const counts = [...source.matchAll(COUNT)].map(([, least = '', most = '']) => Math.max(1, +least, +most));
  const nested = source.includes('){');
  return source.length * counts.reduce((all, count) => (nested ? all * count : all + count), 1);
}
