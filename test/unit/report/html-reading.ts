// A strict reader of the HTML that reports are made of, written apart from what writes it: what it does not know it refuses.

/** An element with the names of its attributes, or the text between two of them. */
export type Token =
  { tag: string; attributes: Readonly<Record<string, string>> } | { end: string } | { text: string };

const VOID = new Set(['meta', 'rect', 'line', 'polygon']);
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
  '#96': '`',
};

/** Reads the whole page. @throws Error for anything but well-nested elements with quoted attributes. */
export function readHtml(page: string): Token[] {
  const doctype = '<!doctype html>';
  if (!page.startsWith(doctype)) throw new Error('no doctype');
  const tokens: Token[] = [];
  const open: string[] = [];
  for (let at = doctype.length; at < page.length;) {
    const next = page[at] === '<' ? readTag(page, at) : readText(page, at);
    at = next.end;
    tokens.push(next.token);
    if ('tag' in next.token && !VOID.has(next.token.tag)) open.push(next.token.tag);
    if ('end' in next.token && open.pop() !== next.token.end)
      throw new Error(`</${next.token.end}> is out of place`);
  }
  if (open.length > 0) throw new Error(`${open.join()} never ends`);
  return tokens;
}

function readText(page: string, at: number): { token: Token; end: number } {
  const end = page.indexOf('<', at) === -1 ? page.length : page.indexOf('<', at);
  return { token: { text: decoded(page.slice(at, end)) }, end };
}

function readTag(page: string, at: number): { token: Token; end: number } {
  const closing = /^<\/([a-z][a-z0-9]*)\s*>/.exec(page.slice(at, at + 80));
  if (closing?.[1]) return { token: { end: closing[1] }, end: at + closing[0].length };
  const opening = /^<([a-z][a-z0-9]*)/.exec(page.slice(at, at + 40));
  if (!opening?.[1]) throw new Error(`no tag: ${page.slice(at, at + 60)}`);
  const attributes: Record<string, string> = {};
  let rest = at + opening[0].length;
  for (;;) {
    const close = /^\s*\/?>/.exec(page.slice(rest, rest + 80));
    if (close) return { token: { tag: opening[1], attributes }, end: rest + close[0].length };
    const attribute = /^\s+([a-zA-Z][a-zA-Z-]*[0-9]?)="([^"<>]*)"/.exec(page.slice(rest, rest + 20_000));
    if (!attribute?.[1]) throw new Error(`no attribute: ${page.slice(rest, rest + 60)}`);
    attributes[attribute[1]] = decoded(attribute[2] ?? '');
    rest += attribute[0].length;
  }
}

function decoded(text: string): string {
  return text.replaceAll(/&([^;&\s]*);?/g, (whole, name: string) => {
    const character = whole.endsWith(';') ? ENTITIES[name] : undefined;
    if (character === undefined) throw new Error(`a bare &: ${whole}`);
    return character;
  });
}
