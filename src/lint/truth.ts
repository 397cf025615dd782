// Whether a condition can be true, or false, at all: as far as severity and source of a detection decide it.
import { SOURCES } from '../api/detection.ts';
import { SEVERITIES, severityRank, type Severity } from '../api/severity.ts';
import { callOf, elementsOf, expressionOf, fieldOf, literalOf, type Expr } from './expression.ts';

/** A value that is known of an expression; undefined: it depends. */
type Value = string | bigint | boolean | undefined;
type Known = Readonly<Record<string, string | bigint>>;

type Operator = (a: Value, b: Value) => Value;

const ifKnown =
  (operator: (a: string | bigint | boolean, b: string | bigint | boolean) => boolean): Operator =>
  (a, b) =>
    a === undefined || b === undefined ? undefined : operator(a, b);

// As in CEL, one side can decide `&&` and `||` whatever the other one is, even an error.
const OPERATORS: Readonly<Record<string, Operator>> = {
  '!_': (a) => (typeof a === 'boolean' ? !a : undefined),
  '_&&_': (a, b) => (a === false || b === false ? false : ifKnown(() => true)(a, b)),
  '_||_': (a, b) => (a === true || b === true ? true : ifKnown(() => false)(a, b)),
  '_==_': ifKnown((a, b) => a === b),
  '_!=_': ifKnown((a, b) => a !== b),
  '_<_': ifKnown((a, b) => a < b),
  '_<=_': ifKnown((a, b) => a <= b),
  '_>_': ifKnown((a, b) => a > b),
  '_>=_': ifKnown((a, b) => a >= b),
};

/**
 * Always or Never if the condition has this one value for every detection of that severity and above, whatever else it
 * holds; else Depends. An error counts as never true, so Always is said only where nothing can fail.
 */
export function truthOf(condition: string, minSeverity: Severity): 'Always' | 'Never' | 'Depends' {
  const expr = expressionOf(condition);
  const values = detectionsFrom(minSeverity).map((known) => valueOf(expr, known));
  if (values.every((value) => value === true)) return 'Always';
  return values.every((value) => value === false) ? 'Never' : 'Depends';
}

function detectionsFrom(minSeverity: Severity): Known[] {
  const least = severityRank(minSeverity);
  return SEVERITIES.slice(least).flatMap((severity) =>
    SOURCES.map((source) => ({
      'detection.severity': severity,
      'detection.priority': BigInt(SEVERITIES.length - 1 - severityRank(severity)),
      'detection.source': source,
    })),
  );
}

function valueOf(expr: Expr, known: Known): Value {
  const field = fieldOf(expr)?.join('.');
  if (field !== undefined) return Object.hasOwn(known, field) ? known[field] : undefined;
  const call = callOf(expr);
  if (!call) return literalOf(expr);
  const [first, second, third] = call.operands;
  if (call.name === '@in') return containedIn(first, second, known);
  const [a, b, c] = [first, second, third].map((operand) => operand && valueOf(operand, known));
  return call.name === '_?_:_' ? choice(a, b, c) : OPERATORS[call.name]?.(a, b);
}

function choice(condition: Value, yes: Value, no: Value): Value {
  return typeof condition === 'boolean' ? (condition ? yes : no) : undefined;
}

function containedIn(item: Expr | undefined, list: Expr | undefined, known: Known): Value {
  const value = item && valueOf(item, known);
  const elements = list && elementsOf(list)?.map((element) => valueOf(element, known));
  if (elements?.length === 0) return false;
  return value === undefined || elements === undefined || elements.includes(undefined)
    ? undefined
    : elements.includes(value);
}
