// Whether a regular expression (RE2) is only a way to write down whole texts.

// Anything that stands for a choice of characters, or for a number of them. `|` is judged apart.
const OPEN = /[.*+?{}[\]\\^$]/;
// A backslash before punctuation makes it literal.
const LITERAL = /\\[^a-zA-Z0-9]/g;
const ANCHORED = /^(?:\^|\\A)(.*)(?:\$|\\z)$/s;
const GROUP = /^\((?:\?:)?([^()]*)\)$/s;

/**
 * Whether the pattern is bound at both ends and has nothing in between that could be more than what is written, as in
 * `^/opt/agent/agent\.bin$` or `^(/a|/b)$`. Says false where it cannot tell.
 */
export function matchesOneText(pattern: string): boolean {
  const body = ANCHORED.exec(pattern.replaceAll(LITERAL, '_'))?.[1];
  if (body === undefined) return false;
  const alternatives = GROUP.exec(body)?.[1];
  // Without a group `|` divides the anchors, too: ^/a|/b$ is met by /ax.
  const texts = alternatives === undefined ? [body] : alternatives.split('|');
  return texts.every((text) => !OPEN.test(text) && !/[|()]/.test(text));
}
