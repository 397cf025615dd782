// Reads the tree of a condition: calls, literals, and the fields that it looks at. For conditions that were accepted.
import { celLibrary, type Expr } from '../decide/cel/library.ts';

export type { Expr } from '../decide/cel/library.ts';

/** A call of a function, operator (`_&&_`, `@in`) or method; the target of a method is the first operand. */
export interface Call {
  name: string;
  operands: readonly Expr[];
}

/** Parses a condition that was accepted. */
export function expressionOf(condition: string): Expr {
  const { expr } = celLibrary().parse(condition);
  if (expr === undefined) throw new RangeError('a condition that was accepted has an expression');
  return expr;
}

/** The call that a node is. */
export function callOf({ exprKind }: Expr): Call | undefined {
  if (exprKind.case !== 'callExpr') return undefined;
  const { function: name, target, args } = exprKind.value;
  return { name, operands: target === undefined ? args : [target, ...args] };
}

/** The literal that a node is. */
export function literalOf({ exprKind }: Expr): string | bigint | boolean | undefined {
  if (exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = exprKind.value;
  const { case: type } = constantKind;
  return type === 'stringValue' || type === 'int64Value' || type === 'boolValue'
    ? constantKind.value
    : undefined;
}

/** The elements of a list that is written out. */
export function elementsOf({ exprKind }: Expr): readonly Expr[] | undefined {
  return exprKind.case === 'listExpr' ? exprKind.value.elements : undefined;
}

/** What a node reads, as in `['detection', 'fields', 'proc.name']`; undefined for anything else, also for `has(...)`. */
export function fieldOf(expr: Expr): readonly string[] | undefined {
  const { exprKind } = expr;
  if (exprKind.case === 'identExpr') return [exprKind.value.name];
  if (exprKind.case === 'selectExpr' && !exprKind.value.testOnly && exprKind.value.operand) {
    const parent = fieldOf(exprKind.value.operand);
    return parent && [...parent, exprKind.value.field];
  }
  const call = callOf(expr);
  const [map, key] = call?.name === '_[_]' ? call.operands : [];
  const name = key && literalOf(key);
  const parent = map && fieldOf(map);
  return parent && typeof name === 'string' ? [...parent, name] : undefined;
}

/** The nodes below a node. */
export function childrenOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case 'callExpr':
      return [exprKind.value.target, ...exprKind.value.args].filter((child) => child !== undefined);
    case 'selectExpr':
      return exprKind.value.operand ? [exprKind.value.operand] : [];
    case 'listExpr':
      return exprKind.value.elements;
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result].filter((child) => child !== undefined);
    }
    default:
      return [];
  }
}
