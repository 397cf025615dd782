// How `die-operator incidents` prints its list: within the columns of the terminal, and a line an incident without one.
import { hanging } from '../../explain/layout.ts';
import { visible, visibleJson } from '../../explain/visible.ts';
import { counted } from '../../report/visible.ts';
import type { Unreadable } from './read.ts';
import type { Row } from './rows.ts';

/** What is printed. */
export interface Listing {
  rows: Row[];
  unreadable: Unreadable[];
  /** Absent: all namespaces. */
  namespace?: string | undefined;
  onlyOpen: boolean;
  /** Milliseconds since the epoch. */
  now: number;
}

/** How much of it: wide has every column, whatever the terminal. */
export interface Shape {
  wide: boolean;
  /** Columns of the terminal; undefined: there is none. */
  width: number | undefined;
}

interface Column {
  title: string;
  cell: (row: Row, now: number) => string;
  /** Left out first where there is no room; absent: never. */
  spare?: number;
  /** Only with `-o wide`. */
  wide?: true;
}

const GAP = 2;
/** What an incident waits for has a line of its own where it would have less room than this. */
const LEAST = 28;
const COLUMNS: readonly Column[] = [
  { title: 'NAMESPACE', cell: ({ namespace }) => namespace },
  { title: 'NAME', cell: ({ name }) => name },
  // The name of an incident begins with that of its pod.
  { title: 'POD', cell: ({ pod }) => pod, spare: 1 },
  { title: 'SEVERITY', cell: ({ severity }) => severity },
  { title: 'PHASE', cell: ({ phase }) => phase || 'new' },
  { title: 'REASON', cell: ({ reason }) => reason || '-', spare: 2 },
  { title: 'AGE', cell: ({ openedAt }, now) => age(openedAt, now) },
  { title: 'NODE', cell: ({ node }) => node ?? '-', wide: true },
  { title: 'WORKLOAD', cell: ({ workload }) => workload ?? '-', wide: true },
];

/** For people. */
export function listText(listing: Listing, shape: Shape): string {
  const { rows, unreadable, now } = visible(listing);
  const columns = COLUMNS.filter(
    ({ title, wide }) => (shape.wide || !wide) && (title !== 'NAMESPACE' || listing.namespace === undefined),
  );
  const lines = rows.length === 0 ? [] : tableOf(rows, columns, shape, now);
  const faults = unreadable.map(({ namespace, name, why }) => `CANNOT BE READ  ${namespace}/${name}: ${why}`);
  return [...lines, ...faults, summary(listing)].map((line) => `${line}\n`).join('');
}

/** For programs: one document. */
export function listJson({ rows, unreadable }: Listing): string {
  return visibleJson({ incidents: rows, unreadable });
}

/** How long ago, in the unit that matters, as kubectl writes it: `45s`, `3m`, `7h`, `2d`. */
export function age(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  const units = [
    [172_800, 86_400, 'd'],
    [7_200, 3_600, 'h'],
    [120, 60, 'm'],
  ] as const;
  const [, size, unit] = units.find(([from]) => seconds >= from) ?? [0, 1, 's'];
  return `${Math.floor(seconds / size)}${unit}`;
}

function tableOf(
  rows: readonly Row[],
  all: readonly Column[],
  { wide, width }: Shape,
  now: number,
): string[] {
  const columns = width === undefined || wide ? all : fitting(rows, all, width, now);
  const widths = columns.map((column) => widthOf(column, rows, now));
  const line = (cells: readonly string[]) =>
    cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' '.repeat(GAP));
  const taken = total(widths);
  const isBeside = width === undefined || wide || width - taken >= LEAST;
  const head = line(columns.map(({ title }) => title)).trimEnd();
  const title = isBeside ? `${head.padEnd(taken - GAP)}  WAITS FOR` : `${head}\n    WAITS FOR`;
  return [title, ...rows.flatMap((row) => rowLines(line(columns.map(({ cell }) => cell(row, now))), row))];

  function rowLines(cells: string, row: Row): string[] {
    const waits = `${row.needsPerson ? '! ' : ''}${wide ? row.message || row.waitsFor : row.waitsFor}`;
    if (waits === '') return [cells.trimEnd()];
    if (!isBeside) return [cells.trimEnd(), ...hanging('    ', waits, width)];
    return width === undefined || wide ? [`${cells}  ${waits}`] : hanging(`${cells}  `, waits, width);
  }
}

// Columns go as long as what it waits for has no room beside them.
function fitting(
  rows: readonly Row[],
  all: readonly Column[],
  width: number,
  now: number,
): readonly Column[] {
  const taken = (columns: readonly Column[]) => total(columns.map((column) => widthOf(column, rows, now)));
  const spares = all
    .filter(({ spare }) => spare !== undefined)
    .toSorted((a, b) => (a.spare ?? 0) - (b.spare ?? 0));
  let columns = all;
  for (const spare of spares) {
    if (width - taken(columns) >= LEAST) break;
    columns = columns.filter((one) => one !== spare);
  }
  return columns;
}

function widthOf({ title, cell }: Column, rows: readonly Row[], now: number): number {
  return Math.max(title.length, ...rows.map((row) => cell(row, now).length));
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one + GAP, 0);
}

function summary({ rows, namespace, onlyOpen, unreadable }: Listing): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const kind = onlyOpen ? 'open incident' : 'incident';
  if (rows.length === 0 && unreadable.length === 0) return `no ${kind}s${where}`;
  const needy = rows.filter(({ needsPerson }) => needsPerson).length;
  return `${counted(rows.length, kind)}${where}, ${needy} ${needy === 1 ? 'needs' : 'need'} a person (!)`;
}
