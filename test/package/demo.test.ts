// The demo as a person runs it: it ends well, in time, and says what it should.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
let output = '';
let status: number | null = null;

beforeAll(() => {
  const args = [join(ROOT, 'bin/die-operator.js'), 'demo'];
  ({ stdout: output, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 }));
}, 40_000);

test('it exits with 0', () => {
  // With the output, which says why when it is not 0.
  expect({ status, output }).toMatchObject({ status: 0 });
});

test('it shows the response in order', () => {
  const order = [
    'Before',
    'Alert',
    '202 Opened',
    'isolated in one patch',
    'Capture succeeded',
    'is gone',
    'Resolved',
    'After',
    'Evidence',
  ];
  const places = order.map((words) => output.indexOf(words));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
});

test('it keeps evidence that is whole, and tells a command that finds it so', () => {
  expect(output).toContain('whole and unchanged, as the incident records it');
  const [, words = ''] = /node bin\/die-operator\.js (.*verify \S+\/shop\/\S+)/.exec(output) ?? [];
  const args = [join(ROOT, 'bin/die-operator.js'), ...words.split(' ')];
  const said = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 });
  expect(said).toMatchObject({ status: 0, stdout: expect.stringContaining('whole and unchanged') as string });
});

test('it is plain where there is no terminal', () => {
  expect(output).not.toContain(String.fromCodePoint(27));
});
