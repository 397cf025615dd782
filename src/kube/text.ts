// Text of others made safe for messages, logs and Events.

/** Control characters, and invisible ones that reorder or hide text; line and paragraph separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;
const ELLIPSIS = '…';

/**
 * `text` with each run of control or invisible characters as one space, cut at a character boundary so that it has at
 * most `maxBytes` (3 or more) bytes of UTF-8; an ellipsis marks a cut. Kubernetes counts bytes where it says characters.
 */
export function cleanText(text: string, maxBytes: number): string {
  const clean = text.toWellFormed().replace(UNSAFE, ' ').trim();
  if (Buffer.byteLength(clean) <= maxBytes) return clean;
  // encodeInto() writes whole characters only and says how much of the text it took.
  const room = new Uint8Array(maxBytes - Buffer.byteLength(ELLIPSIS));
  return clean.slice(0, new TextEncoder().encodeInto(clean, room).read) + ELLIPSIS;
}
