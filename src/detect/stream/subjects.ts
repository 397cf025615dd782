// Names and subjects of NATS: which are well-formed, and which subjects a pattern takes in.

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
// Printable ASCII without what has a meaning: '.', '*' and '>' separate and stand for others, space ends.
const LITERAL = /^[\x21-\x29\x2b-\x2d\x2f-\x3d\x3f-\x7e]+$/;
const MAX_SUBJECT = 256;

/** What is wrong with the name of a stream or consumer; undefined if nothing. */
export function nameFault(name: string): string | undefined {
  return NAME.test(name) ? undefined : 'must be 1 to 64 letters, digits, `_` or `-`';
}

/** What is wrong with a subject that may hold `*` and a final `>`; undefined if nothing. */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > MAX_SUBJECT) return `must have at most ${MAX_SUBJECT} characters`;
  const tokens = pattern.split('.');
  const good = (token: string, index: number) =>
    token === '*' || (token === '>' && index === tokens.length - 1) || LITERAL.test(token);
  return tokens.every(good) ? undefined : 'must be tokens joined by `.`, such as `falco.>`';
}

/** Whether every subject that `inner` takes in is also taken in by `outer`; both are patterns. */
export function covers(outer: string, inner: string): boolean {
  const [outerTokens, innerTokens] = [outer.split('.'), inner.split('.')];
  for (const [index, token] of outerTokens.entries()) {
    const other = innerTokens[index];
    if (other === undefined) return false;
    if (token === '>') return true;
    if (other === '>') return false;
    if (token !== '*' && token !== other) return false;
  }
  return outerTokens.length === innerTokens.length;
}

/** Whether some subject is taken in by both patterns. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one.split('.'), other.split('.')];
  for (let index = 0; ; index++) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined || right === undefined) return left === right;
    if (left === '>' || right === '>') return true;
    if (left !== '*' && right !== '*' && left !== right) return false;
  }
}
