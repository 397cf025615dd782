// A reader of the Markdown that reports are made of, as GitHub reads it: lines, cells of tables, code spans. It refuses
// everything outside of code but plain words and our own marks.

/** One line. */
export interface Line {
  /** What it is, and of a row of a table how many cells it has. */
  shape: string;
}

// What stands outside of code, with our bold words.
const PLAIN = /^(?:[A-Za-z0-9 ,.;:()'’✓!?-]|\*\*[A-Za-z0-9 ,.;:()'’✓!?-]+\*\*)*$/;

/** Reads the whole text. @throws Error for a line that it does not know. */
export function readMarkdown(markdown: string): Line[] {
  const lines: Line[] = [];
  let fence: string | undefined;
  for (const line of markdown.split('\n')) {
    if (/[\r\u2028\u2029]/.test(line)) throw new Error('a line break within a line');
    if (fence === undefined && /^`{3,}text$/.test(line)) fence = line.slice(0, -'text'.length);
    else if (fence === undefined) lines.push({ shape: shapeOf(line) });
    else if (isEnd(line, fence)) fence = undefined;
  }
  if (fence !== undefined) throw new Error('a block of code has no end');
  return lines;
}

function isEnd(line: string, fence: string): boolean {
  return /^ {0,3}`+ *$/.test(line) && line.trim().length >= fence.length;
}

function shapeOf(line: string): string {
  if (line === '' || line === '---') return line;
  if (line.startsWith('| ')) return `row of ${cellsOf(line).map(checked).length}`;
  const [, mark = '', text = ''] = /^(#{1,3} |> |- |)(.*)$/s.exec(line) ?? [];
  checked(text);
  return mark;
}

// Both readings of a backslash before a pipe must come to the same: here one that is not our escape is refused.
function cellsOf(line: string): string[] {
  if (!line.endsWith(' |')) throw new Error(`a row without an end: ${line}`);
  if (line.includes('\\\\|')) throw new Error(`a pipe that readers differ about: ${line}`);
  return line.slice(2, -2).split(/(?<!\\)\|/);
}

function checked(text: string): string {
  let outside = '';
  for (let at = 0; at < text.length;) {
    const run = /^`+/.exec(text.slice(at))?.[0];
    if (run === undefined) {
      outside += text[at];
      at += 1;
      continue;
    }
    const end = closing(text, at + run.length, run.length);
    if (end === undefined) throw new Error(`code without an end: ${text}`);
    at = end;
  }
  if (!PLAIN.test(outside)) throw new Error(`more than words: ${outside}`);
  return text;
}

function closing(text: string, from: number, length: number): number | undefined {
  for (const match of text.slice(from).matchAll(/`+/g))
    if (match[0].length === length) return from + match.index + length;
  return undefined;
}
