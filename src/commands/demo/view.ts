// How the demo looks: colour and a live line on a terminal, plain lines otherwise.
import { styleText } from 'node:util';

/** Colours that mean something here. */
export type Tone = 'good' | 'bad' | 'name' | 'quiet' | 'title';

const STYLES = {
  good: 'green',
  bad: 'red',
  name: 'cyan',
  quiet: 'dim',
  title: 'bold',
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

/** Writes to people. */
export interface View {
  tone(tone: Tone, text: string): string;
  line(text?: string): void;
  title(text: string): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Shows a line that the next one replaces; nothing where there is no terminal. */
  live(text: string): void;
}

/** A view on a stream. Colours follow the terminal and `NO_COLOR`. */
export function createView(out: NodeJS.WriteStream): View {
  const terminal = out.isTTY;
  let liveShown = false;
  const clear = () => {
    if (liveShown) out.write('\r\x1b[2K');
    liveShown = false;
  };
  const line = (text = '') => {
    clear();
    out.write(`${text}\n`);
  };
  const tone = (which: Tone, text: string) => styleText(STYLES[which], text, { stream: out });
  return {
    tone,
    line,
    title: (text) => line(`\n${tone('title', text)}`),
    table: (header, rows) =>
      table(header, rows).forEach((text, i) => line(`  ${i === 0 ? tone('quiet', text) : text}`)),
    live: (text) => {
      if (!terminal) return;
      clear();
      out.write(tone('quiet', text.slice(0, (out.columns || 80) - 1)));
      liveShown = true;
    },
  };
}

// Longer cells would break the columns on every terminal.
const MAX_CELL = 64;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows].map((row) => row.map(cut));
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function cut(cell: string): string {
  return cell.length <= MAX_CELL ? cell : `${cell.slice(0, MAX_CELL - 3)}...`;
}
