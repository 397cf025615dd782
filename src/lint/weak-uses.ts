// Where a part of a condition looks at text of a process in a way that the process can prepare for.
import { originOf, type FieldOrigin } from './chosen-text.ts';
import { callOf, childrenOf, elementsOf, fieldOf, literalOf, type Call, type Expr } from './expression.ts';
import { matchesOneText } from './whole-text.ts';

/** How a process meets a part of a condition, as a sentence without a full stop. */
export type Weakness = string;

/** Every use of chosen text that a process can prepare for; empty where only whole paths are compared, or none. */
export function weakUses(expr: Expr): Weakness[] {
  const field = fieldOf(expr);
  if (field !== undefined) {
    return isChosen(originOf(field)) ? [`${shown(field)} is text that the process chooses`] : [];
  }
  const call = callOf(expr);
  const looked = call?.operands.map(fieldOf).find((path) => path && isChosen(originOf(path)));
  if (!call || !looked) return childrenOf(expr).flatMap(weakUses);
  if (isWhole(call) && originOf(looked) === 'Path') return [];
  return [originOf(looked) === 'Path' ? pathWeakness(shown(looked), call) : freeWeakness(shown(looked))];
}

/** Origins of all fields that a part of a condition looks at. */
export function originsIn(expr: Expr): FieldOrigin[] {
  const field = fieldOf(expr);
  return field === undefined ? childrenOf(expr).flatMap(originsIn) : [originOf(field)];
}

/** Whether a process chooses such text. */
export function isChosen(origin: FieldOrigin): boolean {
  return origin === 'Path' || origin === 'Free';
}

// Compared with texts that are written out, from the first character to the last.
function isWhole({ name, operands }: Call): boolean {
  const [first, second] = operands;
  if (!first || !second) return false;
  if (name === '_==_' || name === '_!=_') return [first, second].some(isWritten);
  if (name === '@in') return elementsOf(second)?.every(isWritten) ?? false;
  const pattern = name === 'matches' ? literalOf(second) : undefined;
  return typeof pattern === 'string' && matchesOneText(pattern);
}

// A variable stands for an element of a list: ["/a", "/b"].exists(p, detection.executable == p).
function isWritten(expr: Expr): boolean {
  return literalOf(expr) !== undefined || fieldOf(expr)?.length === 1;
}

function pathWeakness(field: string, { name, operands }: Call): Weakness {
  const literal = operands[1] && literalOf(operands[1]);
  const text = typeof literal === 'string' ? literal : '...';
  switch (name) {
    case 'startsWith':
      return `${field}.startsWith(${JSON.stringify(text)}) is met by any program that is written there, as ${text}x (and where a path is told as it was typed, by ${detour(text)})`;
    case 'endsWith':
      return `${field}.endsWith(${JSON.stringify(text)}) is met in any folder, as by /tmp/x${text}`;
    case 'contains':
      return `${field}.contains(${JSON.stringify(text)}) is met by any path with it inside, as by /tmp/${text.replace(/^\/+/, '')}`;
    case 'matches':
      return `${field}.matches(${JSON.stringify(text)}) leaves a part of the path open, to be chosen by whoever writes a file there`;
    default:
      return `${field} is the name of a file, chosen by whoever writes it`;
  }
}

function detour(folder: string): string {
  const up = '../'.repeat(Math.max(0, folder.split('/').length - 2));
  return folder.endsWith('/') ? `${folder}${up}tmp/x` : `${folder}/../${up}tmp/x`;
}

function freeWeakness(field: string): Weakness {
  return `${field} is written by the process itself (by prctl, argv, chdir, or the files that it opens), so that any process can make it fit`;
}

function shown([root, field, name]: readonly string[]): string {
  return name === undefined ? `${root}.${field}` : `${root}.${field}[${JSON.stringify(name)}]`;
}
