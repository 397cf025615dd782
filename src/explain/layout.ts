// Tables and paragraphs for a terminal.

/** Columns of a terminal that text is wrapped at. */
const WIDTH = 110;
const GAP = '  ';
/** Cells before the last column are cut here, or one long name would push everything aside. JSON has it whole. */
const MAX_CELL = 60;

/** Rows with their columns aligned, indented by two spaces; the last column is wrapped. @param width columns of the terminal. */
export function table(rows: readonly (readonly string[])[], width: number = WIDTH): string[] {
  const count = Math.max(1, ...rows.map((row) => row.length));
  const short = rows.map((row) => Array.from({ length: count - 1 }, (_, column) => cut(row[column] ?? '')));
  const widths =
    short[0]?.map((_, column) => Math.max(...short.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.flatMap((row, index) => {
    const head = widths.map((wide, column) => (short[index]?.[column] ?? '').padEnd(wide) + GAP).join('');
    return hanging(GAP + head, row[count - 1] ?? '', width);
  });
}

function cut(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

/** A text behind a head, wrapped so that further lines begin below its first. A word that is too long stays whole. */
export function hanging(head: string, text: string, width: number = WIDTH): string[] {
  const room = Math.max(width - head.length, width / 3);
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  const margin = ' '.repeat(head.length);
  return lines.map((line, index) => `${index === 0 ? head : margin}${line}`.trimEnd());
}
