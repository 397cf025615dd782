// Text as GitHub-flavoured Markdown that stays text: words stand as they are, whatever could mean more is a code span.
import { visible } from './visible.ts';

// Letters only, so nothing that Markdown, or what links mentions, issues, commits and addresses on top of it, acts on.
const WORD = /^\(?[A-Za-z]+(?:['’-][A-Za-z]+)*\)?[,.;:]?\)?$/;
const NUMBER = /^\(?[0-9]{1,3}(?:,[0-9]{3})*(?:\.[0-9]+)?\)?[,;:]?$/;

/** A text of words: each that is more than letters or a number is a code span, neighbours in one. */
export function prose(text: string, max?: number): string {
  const runs: { plain: boolean; words: string[] }[] = [];
  for (const word of visible(text, max).split(' ').filter(Boolean)) {
    const plain = WORD.test(word) || NUMBER.test(word);
    const last = runs.at(-1);
    if (last?.plain === plain) last.words.push(word);
    else runs.push({ plain, words: [word] });
  }
  return runs.map(({ plain, words }) => (plain ? words.join(' ') : span(words.join(' ')))).join(' ');
}

/** A text as a code span, in which nothing means anything. */
export function code(text: string, max?: number): string {
  return span(text === '' ? '(empty)' : visible(text, max));
}

/** A block of lines in which nothing means anything. Lines are made visible one by one. */
export function fenced(lines: readonly string[]): string {
  const fence = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1));
  return [`${fence}text`, ...lines, fence].join('\n');
}

function span(text: string): string {
  const fence = '`'.repeat(longestRun(text) + 1);
  // One space at both ends is taken away again; without it a backquote there would be part of the fence.
  const pad = /^[` ]|[` ]$/.test(text) ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

/**
 * A row of a table. It takes `\|` for a pipe in a cell, also in code, where alone pipes stand. After a backslash readers
 * differ, so the pipe is named there.
 */
export function row(cells: readonly string[]): string {
  const safe = cells.map((cell) => cell.replaceAll('\\|', '\\⟨U+007C⟩').replaceAll('|', '\\|'));
  return `| ${safe.join(' | ')} |`;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
