// Words of the checker's messages.
import { KNOWN_FUNCTIONS, MACROS, signaturesOf, type Type } from './signatures.ts';

/** What to tell of a function or method that conditions do not have. */
export function unknownFunction(name: string, isMethod: boolean): string {
  if (name === 'has') return 'has takes a field or a key, as in has(pod.labels.app)';
  if ((MACROS as readonly string[]).includes(name)) {
    return `${name} takes a variable and an expression, as in pod.images.${name}(i, i.contains("x"))`;
  }
  const other =
    signaturesOf(name, !isMethod) === undefined ? '' : isMethod ? ` as ${name}(x)` : ` as x.${name}(y)`;
  if (other !== '') return `\`${name}\` is written${other}`;
  return `unknown function \`${name}\`: a condition has the operators of CEL, ${enumerate([...MACROS, ...KNOWN_FUNCTIONS])}`;
}

/** A function or operator as it is written: operators are called `_&&_` and `@in` in the tree. */
export function sign(name: string): string {
  return `\`${/^[a-zA-Z]+$/.test(name) ? name : name.replaceAll(/^@|_(?!strictly|false)/g, '')}\``;
}

/** A type with its article. */
export function article(type: Type): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** `a, b and c`. */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
