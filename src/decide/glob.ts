// Patterns with `*`, matched without backtracking: tenants write the patterns, attackers the texts.

/**
 * Compiles a pattern: `*` stands for any characters, also none and line breaks; everything else is literal and
 * case-sensitive. To match searches each literal part once, from where the one before it ended; taking the leftmost
 * place each time leaves the most text to the rest, so no choice is ever revised.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const [head = '', ...parts] = pattern.split('*');
  const tail = parts.pop();
  if (tail === undefined) return (text) => text === head;
  return (text) => {
    if (!text.startsWith(head) || !text.endsWith(tail)) return false;
    let at = head.length;
    for (const part of parts) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= text.length - tail.length;
  };
}
