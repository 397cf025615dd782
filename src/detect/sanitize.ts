// Makes foreign text safe to keep and to show: cut, and without characters that deceive a reader or a terminal.

// Control characters, formatting characters (bidirectional overrides, zero-width), lone surrogates, and the line and
// paragraph separators: what can reorder, hide or break a line in a log, a table or an editor.
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const REPLACEMENT = '\uFFFD';

/**
 * The first `maxChars` UTF-16 units of the text, never ending inside a surrogate pair, with deceptive characters
 * replaced by U+FFFD. The result is a copy: a kept piece does not keep the whole alert in memory.
 */
export function cleanText(text: string, maxChars: number): string {
  const cut = text.length > maxChars ? cutAt(text, maxChars) : text;
  return copy(cut.replace(DECEPTIVE, REPLACEMENT));
}

function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? length - 1 : length);
}

// V8 represents a slice as a view of its parent.
function copy(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
