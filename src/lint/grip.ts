// Who decides whether a condition holds: the process that it is about, or something that it has no hand in.
import { DRIFT_FACTS } from './chosen-text.ts';
import { callOf, fieldOf, literalOf, type Expr } from './expression.ts';
import { isChosen, originsIn, weakUses, type Weakness } from './weak-uses.ts';

/**
 * Firm: something decides that the process has no hand in. Chosen: the process can make it so. Neutral: it says nothing of
 * the process, such as the name of the container that it has broken into.
 */
export type Grip = { kind: 'Firm' | 'Neutral' } | { kind: 'Chosen'; by: Weakness };

/** A part of a condition that is no `&&`, `||`, `!` or `?:`, and whether it is wanted to be true or to be false. */
interface Part {
  expr: Expr;
  wanted: boolean;
}

/** Who can make the condition true (`wanted`) or false. */
export function gripOn(expr: Expr, wanted: boolean): Grip {
  const { name, operands } = callOf(expr) ?? { name: '', operands: [] };
  const grips = (wish: boolean) => operands.map((operand) => gripOn(operand, wish));
  switch (name) {
    case '!_':
      return all(grips(!wanted));
    case '_&&_':
      return wanted ? all(grips(true)) : any(grips(false));
    case '_||_':
      return wanted ? any(grips(true)) : all(grips(false));
    case '_?_:_':
      return choiceGrip(operands, wanted);
    default:
      return partGrip(equality({ expr, wanted }));
  }
}

// `a ? b : c` is `a && b || !a && c`.
function choiceGrip([condition, yes, no]: readonly Expr[], wanted: boolean): Grip {
  const side = (holds: boolean, expr: Expr | undefined) =>
    all(
      [condition && gripOn(condition, holds), expr && gripOn(expr, wanted)].filter(
        (grip) => grip !== undefined,
      ),
    );
  return any([side(true, yes), side(false, no)]);
}

/** Weak tests that the condition denies: what they mean to leave out is what a process can pretend to be. */
export function deniedTests(expr: Expr, wanted = true): Weakness[] {
  const { name, operands } = callOf(expr) ?? { name: '', operands: [] };
  if (name === '!_') return operands.flatMap((operand) => deniedTests(operand, !wanted));
  if (name === '_&&_' || name === '_||_') return operands.flatMap((operand) => deniedTests(operand, wanted));
  return equality({ expr, wanted }).wanted ? [] : weakUses(expr);
}

function equality({ expr, wanted }: Part): Part {
  return { expr, wanted: callOf(expr)?.name === '_!=_' ? !wanted : wanted };
}

function partGrip({ expr, wanted }: Part): Grip {
  const origins = originsIn(expr);
  if (origins.includes('Firm')) return { kind: saysDrift({ expr, wanted }) ? 'Neutral' : 'Firm' };
  if (!origins.some(isChosen)) return { kind: 'Neutral' };
  const [by] = weakUses(expr);
  if (by !== undefined) return { kind: 'Chosen', by };
  // To be another path than the one that is named is easy.
  return wanted
    ? { kind: 'Firm' }
    : { kind: 'Chosen', by: 'any path but the ones that are written meets it' };
}

// A fact that any dropped program has excuses nobody else: `proc.is_exe_upper_layer == "true"`.
function saysDrift({ expr, wanted }: Part): boolean {
  const { name = '', operands = [] } = callOf(expr) ?? {};
  if (name !== '_==_' && name !== '_!=_') return false;
  const isFact = operands.some((operand) => DRIFT_FACTS.has(fieldOf(operand)?.[2] ?? ''));
  return isFact && operands.some((operand) => literalOf(operand) === String(wanted));
}

function all(grips: readonly Grip[]): Grip {
  return find(grips, 'Firm') ?? find(grips, 'Chosen') ?? { kind: 'Neutral' };
}

function any(grips: readonly Grip[]): Grip {
  return find(grips, 'Chosen') ?? find(grips, 'Neutral') ?? { kind: 'Firm' };
}

function find(grips: readonly Grip[], kind: Grip['kind']): Grip | undefined {
  return grips.find((grip) => grip.kind === kind);
}
