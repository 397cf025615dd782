// Counts histories and violations, by promise and class of fault.
import { FAULT_KINDS } from './generate.ts';
import type { FaultKind } from './history.ts';
import type { Played } from './play.ts';
import { PROMISED, PROMISES, type Promised } from './promises/promised.ts';

type Column = FaultKind | 'None';

const COLUMNS: readonly Column[] = ['None', ...FAULT_KINDS];

/** See the file's first line. A history counts in the column of each class that it has. */
export class Tally {
  readonly #histories = new Map<Column, number>();
  readonly #violations = new Map<string, number>();
  #total = 0;
  #broken = 0;

  /** Histories that were played. */
  get total(): number {
    return this.#total;
  }

  /** Histories that broke a promise. */
  get broken(): number {
    return this.#broken;
  }

  add({ history, violations }: Pick<Played, 'history' | 'violations'>): void {
    const kinds = new Set<Column>(history.faults.map(({ kind }) => kind));
    if (kinds.size === 0) kinds.add('None');
    this.#total += 1;
    if (violations.length > 0) this.#broken += 1;
    const promises = new Set(violations.map(({ promise }) => promise));
    for (const kind of kinds) {
      bump(this.#histories, kind);
      for (const promise of promises) bump(this.#violations, `${promise} ${kind}`);
    }
  }

  /** The table promise x class of fault: violations of histories. */
  lines(): string[] {
    const shown = COLUMNS.filter((column) => this.#histories.has(column));
    const row = (name: string, cell: (column: Column) => string) =>
      [name.padEnd(16), ...shown.map((column) => cell(column).padStart(11))].join('');
    return [
      row('', (column) => column),
      row('histories', (column) => String(this.#histories.get(column) ?? 0)),
      ...PROMISED.map(
        (promise) => `${row(promise, (column) => this.#cell(promise, column))}   ${PROMISES[promise]}`,
      ),
      `${this.#total} histories, ${this.#broken} with a violation`,
    ];
  }

  #cell(promise: Promised, column: Column): string {
    return String(this.#violations.get(`${promise} ${column}`) ?? 0);
  }
}

function bump<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
