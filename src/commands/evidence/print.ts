// What the evidence commands print: whoever made a bundle chose the names and texts in it.
import type { Difference } from '../../evidence/verify.ts';

// What a terminal obeys, or what hides text.
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line on standard output, with an escape for every character that could deceive whoever reads it. */
export function printLine(text: string): void {
  process.stdout.write(`${visible(text)}\n`);
}

/** `<path>: <kind> (<layer>): <detail>`. */
export function differenceLine({ path, kind, layer, detail }: Difference): string {
  return `${path}: ${kind} (${layer}): ${detail}`;
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map(visible));
  const widths = (shown[0] ?? []).map((_, column) =>
    Math.max(...shown.map((row) => row[column]?.length ?? 0)),
  );
  return shown.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 file`, `2 files`. */
export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}

function visible(text: string): string {
  return text.replaceAll(DECEPTIVE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
