// The alerts in one request from Microsoft Defender for Cloud: one, or several in one of the forms that its ways out have.
import { isAlert, keyed } from './defender-keys.ts';
import type { Problem } from './json.ts';

/** Alerts in one request. */
export const MAX_ALERTS = 100;

type Invalid = { kind: 'Invalid' } & Problem;
type Several = { kind: 'Several'; alerts: readonly unknown[] };

/** What is in a request: one alert as it is, or a list of them, which may hold anything. */
export type DefenderBody = { kind: 'One'; alert: unknown } | Several | Invalid;

const LISTS = new Set(['records', 'value', 'tables']);

/**
 * Reads a body: an alert; an array of them, as a function that is triggered by an Event Hub hands on a batch; `records`, as
 * the data export of Log Analytics writes them; `value`, as the Alerts REST API and the Logic Apps action that runs a query
 * answer; `tables`, as the query API of Log Analytics answers. A list is empty only where the body has an empty one: what
 * cannot be read as a list is never taken for that, as its alerts would be lost without a word.
 */
export function alertsIn(body: unknown): DefenderBody {
  if (Array.isArray(body)) return several(body as unknown[]);
  const object = keyed(body);
  // An alert that has a list besides is an alert.
  if (!object || isAlert(body)) return { kind: 'One', alert: body };
  // Not by `keyed`, which hides one of two keys that differ in case only.
  const lists = Object.entries(body as object)
    .map(([key, value]: [string, unknown]) => [key.toLowerCase(), value] as const)
    .filter(([key, value]) => LISTS.has(key) && value !== null);
  const [list, another] = lists;
  if (!list) return { kind: 'One', alert: body };
  if (another) return invalid('body', 'has more than one of records, value and tables: send one');
  const [key, value] = list;
  if (!Array.isArray(value)) return invalid(key, 'must be a list');
  return key === 'tables' ? inTables(value as unknown[]) : several(value as unknown[]);
}

function inTables(tables: readonly unknown[]): DefenderBody {
  const alerts: unknown[] = [];
  for (const [index, table] of tables.entries()) {
    const rows = rowsOf(table, `tables[${index}]`);
    if (!Array.isArray(rows)) return rows;
    for (const row of rows) alerts.push(row);
  }
  return several(alerts);
}

// Rows hold values in the order of the columns.
function rowsOf(value: unknown, path: string): object[] | Invalid {
  const table = keyed(value);
  if (!table) return invalid(path, 'must be a table: an object with columns and rows');
  const names = namesOf(table.get('columns'), `${path}.columns`);
  if (!Array.isArray(names)) return names;
  const rows = table.get('rows');
  if (!Array.isArray(rows)) return invalid(`${path}.rows`, 'must be a list');
  const wrong = rows.findIndex((row) => !Array.isArray(row) || row.length !== names.length);
  if (wrong !== -1) return invalid(`${path}.rows[${wrong}]`, 'must be a list of one value for each column');
  return (rows as unknown[][]).map((row) =>
    Object.fromEntries(row.map((cell, index) => [names[index] ?? '', cell])),
  );
}

function namesOf(columns: unknown, path: string): string[] | Invalid {
  if (!Array.isArray(columns)) return invalid(path, 'must be a list');
  const names = columns.map((column) => keyed(column)?.get('name'));
  const wrong = names.findIndex((name) => typeof name !== 'string' || name === '');
  return wrong === -1
    ? (names as string[])
    : invalid(`${path}[${wrong}]`, 'must be an object with the name of the column');
}

function several(alerts: readonly unknown[]): Several | Invalid {
  return alerts.length <= MAX_ALERTS
    ? { kind: 'Several', alerts }
    : invalid('body', `has more than ${MAX_ALERTS} alerts: send fewer at a time`);
}

function invalid(path: string, message: string): Invalid {
  return { kind: 'Invalid', path, message };
}
