// Checks the tree of a condition before it is ever evaluated: names, fields, functions, types, and the time it can take.
import {
  callBounds,
  callCost,
  largest,
  LEAF_COST,
  matchCost,
  MAX_COST,
  NOTHING,
  type Bounds,
} from './cost.ts';
import { CONDITION_FIELDS, MAX_KEY, MAX_TEXT, type ConditionField } from './input.ts';
import type { Expr } from './library.ts';
import { patternSize, type Patterns } from './patterns.ts';
import { Refusal } from './refusal.ts';
import { common, elementType, listOf, resultType, signaturesOf, type Type } from './signatures.ts';
import { article, enumerate, sign, unknownFunction } from './wording.ts';

/** What the checker needs from outside of the tree. */
export interface CheckTools {
  readonly patterns: Patterns;
  /** Evaluates a call of literals. Throws an Error for people if it fails. */
  readonly fold: (call: Expr) => void;
  /** Throws an Error for people if it is no time zone. */
  readonly useZone: (zone: string) => void;
}

/** What is known of a node: type and bounds of its value, cost of evaluating it in ns. */
interface Known extends Bounds {
  readonly type: Type;
  readonly cost: number;
}

/** Where a node stands. */
interface Place extends CheckTools {
  readonly scope: ReadonlyMap<string, Known>;
  readonly depth: number;
  readonly loops: number;
}

type Node<Case extends Expr['exprKind']['case']> = Extract<Expr['exprKind'], { case: Case }>['value'];

/** How deep a tree may be; also bounds how often the checker and the library call themselves. */
export const MAX_DEPTH = 48;
/** A comprehension, and one within it. */
export const MAX_LOOPS = 2;
const INT64 = 2n ** 63n;

const ROOTS: Readonly<Record<string, Readonly<Record<string, ConditionField>>>> = CONDITION_FIELDS;
const ROOT_NAMES = Object.keys(ROOTS);

/** Type of the whole condition, which is to be `bool`, and its cost in nanoseconds at the worst. Throws a {@link Refusal} if anything in it may not be. */
export function checkCondition(root: Expr, tools: CheckTools): { type: Type; cost: number } {
  const scope = new Map(ROOT_NAMES.map((name) => [name, { type: name, cost: LEAF_COST, ...NOTHING }]));
  const { type, cost } = check(root, { ...tools, scope, depth: 0, loops: 0 });
  if (cost > MAX_COST) {
    throw new Refusal(
      root.id,
      'the condition can take too long: use fewer comprehensions within others, shorter patterns, or startsWith, endsWith and contains instead of matches',
    );
  }
  return { type, cost };
}

function check(expr: Expr, at: Place): Known {
  if (at.depth >= MAX_DEPTH)
    refuse(expr, `the condition is nested more than ${MAX_DEPTH} levels deep: split it`);
  const place = { ...at, depth: at.depth + 1 };
  const { exprKind } = expr;
  switch (exprKind.case) {
    case 'constExpr':
      return checkLiteral(expr, exprKind.value);
    case 'identExpr':
      return checkName(expr, exprKind.value.name, place);
    case 'selectExpr':
      return checkSelect(expr, exprKind.value, place);
    case 'callExpr':
      return checkCall(expr, exprKind.value, place);
    case 'listExpr':
      return checkList(expr, exprKind.value, place);
    case 'comprehensionExpr':
      return checkComprehension(expr, exprKind.value, place);
    case 'structExpr':
    default:
      return refuse(expr, 'maps and messages cannot be made in a condition: use a list, as in ["a", "b"]');
  }
}

function checkLiteral(expr: Expr, { constantKind }: Node<'constExpr'>): Known {
  const leaf = { cost: LEAF_COST, ...NOTHING };
  switch (constantKind.case) {
    case 'boolValue':
      return { ...leaf, type: 'bool' };
    case 'stringValue':
      return { ...leaf, type: 'string', length: constantKind.value.length };
    case 'int64Value':
      if (constantKind.value >= INT64 || constantKind.value < -INT64) {
        refuse(expr, `${constantKind.value} is no 64-bit integer`);
      }
      return { ...leaf, type: 'int' };
    default:
      return refuse(
        expr,
        'only strings, whole numbers, true and false can be written; what is absent is "" and never null',
      );
  }
}

function checkName(expr: Expr, name: string, { scope }: Place): Known {
  const known = scope.get(name);
  if (known === undefined) {
    refuse(expr, `unknown name \`${name}\`: a condition sees ${enumerate(ROOT_NAMES)}`);
  }
  return known;
}

function checkSelect(expr: Expr, { operand, field, testOnly }: Node<'selectExpr'>, place: Place): Known {
  const { type, length, cost } = check(present(expr, operand), place);
  const known = { cost: cost + LEAF_COST, ...NOTHING };
  if (type === 'map<string>')
    return { ...known, ...(testOnly ? { type: 'bool' } : { type: 'string', length }) };
  const fields = ROOTS[type];
  if (fields === undefined) refuse(expr, `${article(type)} has no fields, so no \`${field}\``);
  const selected = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (selected === undefined) {
    refuse(expr, `unknown field \`${type}.${field}\`: ${type} has ${fieldsOf(type)}`);
  }
  return testOnly
    ? { ...known, type: 'bool' }
    : { ...known, type: selected.type, size: selected.size, length: selected.length };
}

function checkCall(expr: Expr, call: Node<'callExpr'>, place: Place): Known {
  const { function: name, target, args } = call;
  const signatures = signaturesOf(name, target !== undefined);
  if (signatures === undefined) refuse(expr, unknownFunction(name, target !== undefined));
  const operands = target === undefined ? args : [target, ...args];
  const known = operands.map((operand) => checkValue(operand, place));
  const types = known.map((operand) => operand.type);
  const type = resultType(signatures, types);
  if (type === undefined) refuse(expr, `${sign(name)} cannot be used with ${enumerate(types)}`);
  const cost = ownCost(name, operands, known, place);
  if (operands.every(({ exprKind }) => exprKind.case === 'constExpr')) explain(expr, () => place.fold(expr));
  return { type, cost: known.reduce((sum, operand) => sum + operand.cost, cost), ...callBounds(name, known) };
}

// What is written out is looked at now, and the rest would be the attacker's choice.
function ownCost(name: string, operands: readonly Expr[], known: readonly Known[], place: Place): number {
  const [text = NOTHING] = known;
  const [, second] = operands;
  if (second === undefined) return callCost(name, known);
  if (name === 'matches') {
    const pattern = literalText(second, 'the pattern of matches');
    if (text.length > MAX_TEXT) {
      throw new Refusal(
        second.id,
        `matches reads at most ${MAX_TEXT} characters, and what is joined here can have more`,
      );
    }
    return matchCost(text, patternSize(explain(second, () => place.patterns.add(pattern))));
  }
  if (name.startsWith('get')) {
    const zone = literalText(second, 'a time zone');
    explain(second, () => place.useZone(zone));
  }
  return callCost(name, known);
}

function literalText({ id, exprKind }: Expr, what: string): string {
  const literal = exprKind.case === 'constExpr' ? exprKind.value.constantKind : undefined;
  if (literal?.case === 'stringValue') return literal.value;
  throw new Refusal(id, `${what} must be written out, as in "...": text of an alert is never one`);
}

// The four names are only good for their fields.
function checkValue(expr: Expr, place: Place): Known {
  const known = check(expr, place);
  if (Object.hasOwn(ROOTS, known.type)) {
    refuse(expr, `\`${known.type}\` is no value: use a field of it, which are ${fieldsOf(known.type)}`);
  }
  return known;
}

function checkList(expr: Expr, { elements }: Node<'listExpr'>, place: Place): Known {
  const known = elements.map((element) => checkValue(element, place));
  const type = known.reduce<Type | undefined>(
    (list, element) => (list === undefined ? undefined : common(list, listOf(element.type))),
    listOf(),
  );
  if (type === undefined) {
    refuse(
      expr,
      `the elements of a list must be of one type: these are ${enumerate(known.map((one) => one.type))}`,
    );
  }
  const cost = known.reduce((sum, element) => sum + element.cost, LEAF_COST);
  return { type, cost, size: elements.length, length: contents(known) };
}

function checkComprehension(expr: Expr, value: Node<'comprehensionExpr'>, place: Place): Known {
  if (place.loops >= MAX_LOOPS) refuse(expr, 'at most one comprehension can be within another');
  const { iterVar, accuVar } = value;
  if (Object.hasOwn(ROOTS, iterVar) || place.scope.has(iterVar)) {
    refuse(expr, `\`${iterVar}\` is the name of something else: give the variable another one`);
  }
  const { range, element } = checkRange(expr, present(expr, value.iterRange), place);
  const start = check(present(expr, value.accuInit), place);
  const inside = (accu: Known): Place => ({
    ...place,
    loops: place.loops + 1,
    scope: new Map([...place.scope, [iterVar, element], [accuVar, accu]]),
  });
  const step = check(present(expr, value.loopStep), inside(start));
  const condition = check(present(expr, value.loopCondition), inside(start));
  const end = { ...step, cost: LEAF_COST, size: step.size * range.size };
  const result = check(present(expr, value.result), inside(end));
  const cost = range.cost + result.cost + range.size * (LEAF_COST + step.cost + condition.cost);
  return { ...result, cost };
}

// Only lists whose size is known: a list made by another comprehension could grow with each.
function checkRange(expr: Expr, iterRange: Expr, place: Place): { range: Known; element: Known } {
  const range = check(iterRange, place);
  const isMap = range.type === 'map<string>';
  const type = isMap ? 'string' : elementType(range.type);
  const { case: kind } = iterRange.exprKind;
  if (type === undefined || (kind !== 'selectExpr' && kind !== 'listExpr')) {
    refuse(
      expr,
      'exists, exists_one, all, filter and map work on a list or map that a condition sees, such as pod.images, or on a list that is written out',
    );
  }
  return { range, element: { type, cost: LEAF_COST, size: 0, length: isMap ? MAX_KEY : range.length } };
}

// Characters of the elements, those of lists within taken together.
function contents(known: readonly Known[]): number {
  return largest(known.map(({ size, length }) => ({ size, length: length * Math.max(1, size) }))).length;
}

function fieldsOf(root: string): string {
  return enumerate(Object.keys(ROOTS[root] ?? {}));
}

function present(parent: Expr, child: Expr | undefined): Expr {
  return child ?? refuse(parent, 'the expression is not complete');
}

function explain<Result>(expr: Expr, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw new Refusal(expr.id, error instanceof Error ? error.message : String(error));
  }
}

function refuse(expr: Expr, message: string): never {
  throw new Refusal(expr.id, message);
}
