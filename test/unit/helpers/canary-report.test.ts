// Reading what canaries say, from logs in which there may be anything.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { latestReport } from '../../../src/helpers/canary-report.ts';

const CUT = { state: 'Cut', lastSuccessAgoMs: 3_012, established: 'Cut' };
const log = (...lines: unknown[]) =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)) + '\n').join('');

test.each([
  ['nothing', '', undefined],
  ['the only one', log({ state: 'Listening' }), { state: 'Listening' }],
  ['the last one', log({ state: 'Listening' }, { state: 'Connected' }, CUT), CUT],
  ['none of a warning', log({ state: 'Connected' }, '(node:1) Warning: {"state"'), { state: 'Connected' }],
  ['none that is cut off', `${log({ state: 'Connected' })}{"state":"Cut","last`, { state: 'Connected' }],
  ['none with a number that is none', log({ ...CUT, lastSuccessAgoMs: -1 }), undefined],
  ['none of an unknown state', log({ state: 'Enforced' }), undefined],
])('takes %s', (_, text, expected) => {
  expect(latestReport(text)).toEqual(expected);
});

test('never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => void latestReport(text)));
  fc.assert(fc.property(fc.string(), (text) => void latestReport(`{${text}}\n{"state":${text}`)));
});
