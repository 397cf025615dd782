// The rows of `die-operator verify-images`: worst first, and pods of one workload with the same result as one.
import { VERIFICATION_VERDICTS } from '../../api/verification.ts';
import { byCodeUnit } from '../../decide/order.ts';
import { grouped, visible } from '../../report/visible.ts';
import type { ConfigurationRow, ImageRow, Place, Report } from './report.ts';

/** A result, and how many pods of one workload have it. */
export interface Folded<Row extends Place> {
  row: Row;
  /** Others besides that of the row. */
  others: number;
}

/** What is shown, worst first. */
export interface Shown {
  images: Folded<ImageRow>[];
  configuration: Folded<ConfigurationRow>[];
}

const GAP = '  ';
const MAX_CELL = 60;
/** Least columns that the last cell keeps, however narrow the terminal. */
const LEAST = 24;
const LONG_DIGEST = /\b(sha256|sha512):([0-9a-f]{12})[0-9a-f]+/g;
/** What a row of a configuration has in place of a verdict. */
export const DRIFTED = 'Drifted';

/** @param isAll each pod has rows of its own. */
export function shownOf({ images, configuration }: Report, isAll: boolean): Shown {
  return {
    images: folded(images, isAll, ({ container, kind, image, reason, approved, runs }) => [
      container,
      kind,
      image,
      reason,
      approved,
      runs,
    ]).toSorted((a, b) => rankOf(b.row) - rankOf(a.row) || byPlace(a.row, b.row)),
    configuration: folded(configuration, isAll, ({ field, kind, approved, runs }) => [
      field,
      kind,
      approved,
      runs,
    ]).toSorted((a, b) => Number(b.row.danger) - Number(a.row.danger) || byPlace(a.row, b.row)),
  };
}

/** @param width columns of the terminal; undefined: there is none, and nothing is cut. */
export function tableOf({ images, configuration }: Shown, width: number | undefined): string[] {
  const isOfFiles = images.some(({ row }) => row.source !== null);
  const [bad, rest] = [images.filter(isUnapproved), images.filter((one) => !isUnapproved(one))];
  const place = ({ row, others }: Folded<Place>) =>
    isOfFiles ? [row.source ?? '', row.object] : [row.namespace, podOf(row, others)];
  const ofImage = (one: Folded<ImageRow>) => [
    ...place(one),
    one.row.container,
    one.row.verdict,
    one.row.image.replaceAll(LONG_DIGEST, '$1:$2…'),
  ];
  const ofConfiguration = (one: Folded<ConfigurationRow>) => [
    ...place(one),
    one.row.container ?? '-',
    DRIFTED,
    one.row.field,
  ];
  const rows = [...bad.map(ofImage), ...configuration.map(ofConfiguration), ...rest.map(ofImage)];
  if (rows.length === 0) return [];
  const head = isOfFiles ? ['FILE', 'OBJECT'] : ['NAMESPACE', 'POD'];
  const last = configuration.length > 0 ? 'IMAGE OR FIELD' : 'IMAGE';
  return aligned([[...head, 'CONTAINER', 'VERDICT', last], ...rows], width);
}

/** `web-7d9f-x2x1q and 4 more`. */
export function podOf({ object }: Place, others: number): string {
  const name = object.replace(/^Pod\//, '');
  return others > 0 ? `${name} and ${grouped(others)} more` : name;
}

function aligned(rows: readonly (readonly string[])[], width: number | undefined): string[] {
  const cells = rows.map((row) =>
    row.map((cell, index) => {
      const isLast = index === row.length - 1;
      return cut(visible(cell), isLast ? Infinity : MAX_CELL);
    }),
  );
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells.map((row) => {
    const before = row.slice(0, -1).map((cell, index) => cell.padEnd(widths[index] ?? 0) + GAP);
    const head = before.join('');
    const room = width === undefined ? Infinity : Math.max(LEAST, width - head.length);
    return head + cut(row.at(-1) ?? '', room);
  });
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function folded<Row extends Place>(
  rows: readonly Row[],
  isAll: boolean,
  resultOf: (row: Row) => readonly (string | null)[],
): Folded<Row>[] {
  const keyOf = (row: Row) => {
    const { namespace, workload, object, source } = row;
    const whose = isAll || workload === null ? [object, source] : [workload];
    return JSON.stringify([namespace, ...whose, ...resultOf(row)]);
  };
  return [...Map.groupBy(rows, keyOf).values()].flatMap((group) => {
    const [row] = group.toSorted((a, b) => byCodeUnit(a.object, b.object));
    return row ? [{ row, others: new Set(group.map(({ object }) => object)).size - 1 }] : [];
  });
}

function isUnapproved({ row }: Folded<ImageRow>): boolean {
  return row.verdict === 'Unapproved';
}

function rankOf({ verdict }: ImageRow): number {
  return VERIFICATION_VERDICTS.indexOf(verdict);
}

/** By namespace, place in files, object and container. */
export function byPlace(
  a: Place & { container: string | null },
  b: Place & { container: string | null },
): number {
  return (
    byCodeUnit(a.namespace, b.namespace) ||
    bySource(a.source ?? '', b.source ?? '') ||
    byCodeUnit(a.object, b.object) ||
    byCodeUnit(a.container ?? '', b.container ?? '')
  );
}

// By file, then by line as a number.
function bySource(a: string, b: string): number {
  const [ofA, ofB] = [a.lastIndexOf(':'), b.lastIndexOf(':')];
  return byCodeUnit(a.slice(0, ofA), b.slice(0, ofB)) || Number(a.slice(ofA + 1)) - Number(b.slice(ofB + 1));
}
