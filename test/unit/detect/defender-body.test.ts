// What is one alert of Defender for Cloud, what is a list of them, and that no alert in a body is lost without a word.
import { describe, expect, test } from 'vitest';
import { alertsIn, MAX_ALERTS } from '../../../src/detect/defender-body.ts';
import { anAlert, constructed, OPTIONS, postDefender } from './defender-support.ts';
import { WebhookBench } from './support.ts';

const columns = [{ name: 'AlertType' }, { name: 'Severity' }];

describe('one alert', () => {
  test.each<[string, object]>([
    ['records', { records: [] }],
    ['value', { Value: [] }],
    ['tables', { tables: [] }],
    ['a list of others', { records: [anAlert()] }],
  ])('stays one beside %s', (_, beside) => {
    const bare = { ...anAlert(), ...beside };
    expect(alertsIn(bare)).toEqual({ kind: 'One', alert: bare });
    const wrapped = { ...constructed('rest-wrapped'), ...beside };
    expect(alertsIn(wrapped)).toEqual({ kind: 'One', alert: wrapped });
    const row = { ...constructed('log-analytics-row'), ...beside };
    expect(alertsIn(row)).toEqual({ kind: 'One', alert: row });
  });

  test('is what has no list in it, whatever it is', () => {
    for (const body of [{}, null, 'x', 1, { records: null }])
      expect(alertsIn(body)).toEqual({ kind: 'One', alert: body });
  });
});

describe('a list', () => {
  test.each<[string, unknown]>([
    ['an array', []],
    ['records', { records: [] }],
    ['value beside what is absent', { records: null, value: [] }],
    ['no table', { tables: [] }],
    ['a table without rows', { tables: [{ columns, rows: [] }] }],
  ])('is empty where it really is: %s', async (_, body) => {
    expect(alertsIn(body)).toEqual({ kind: 'Several', alerts: [] });
    const answer = await postDefender(new WebhookBench({ defender: OPTIONS }), body);
    expect([answer.statusCode, answer.json()]).toEqual([202, { outcomes: [] }]);
  });

  test('of rows is one of alerts, over all tables', () => {
    const table = (type: string) => ({ columns, rows: [[type, 'High']] });
    expect(alertsIn({ Tables: [table('a'), table('b')] })).toEqual({
      kind: 'Several',
      alerts: [
        { AlertType: 'a', Severity: 'High' },
        { AlertType: 'b', Severity: 'High' },
      ],
    });
  });

  test.each<[string, unknown, string]>([
    ['records that are no list', { records: { 0: anAlert() } }, 'records'],
    ['one alert as value', { value: anAlert() }, 'value'],
    ['two lists', { records: [], value: [anAlert()] }, 'body'],
    ['two lists that differ in case only', { records: [], Records: [anAlert()] }, 'body'],
    ['tables that are none', { tables: 'x' }, 'tables'],
    ['a text as a table', { tables: [{ columns, rows: [] }, 'x', null] }, 'tables[1]'],
    ['nothing as a table', { tables: [null] }, 'tables[0]'],
    ['a table of nothing', { tables: [{}] }, 'tables[0].columns'],
    ['columns that are no list', { tables: [{ columns: {}, rows: [] }] }, 'tables[0].columns'],
    [
      'a column without a name',
      { tables: [{ columns: [...columns, {}], rows: [] }] },
      'tables[0].columns[2]',
    ],
    ['rows that are no list', { tables: [{ columns, rows: { 0: [] } }] }, 'tables[0].rows'],
    ['a row that is no list', { tables: [{ columns, rows: [['a', 'b'], anAlert()] }] }, 'tables[0].rows[1]'],
    ['a row without a value', { tables: [{ columns, rows: [['a']] }] }, 'tables[0].rows[0]'],
    ['a row with a value too many', { tables: [{ columns, rows: [['a', 'b', 'c']] }] }, 'tables[0].rows[0]'],
  ])('is refused, and said where: %s', async (_, body, path) => {
    const answer = await postDefender(new WebhookBench({ defender: OPTIONS }), body);
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error: { path, message: expect.stringMatching(/^(?:must|has) /) } },
    ]);
  });

  test(`of more than ${MAX_ALERTS} is refused, also over several tables`, () => {
    const rows = Array.from({ length: MAX_ALERTS / 2 }, () => ['a', 'b']);
    const table = { columns, rows };
    expect(alertsIn({ tables: [table, table] }).kind).toBe('Several');
    expect(alertsIn({ tables: [table, table, { columns, rows: rows.slice(0, 1) }] }).kind).toBe('Invalid');
  });
});
