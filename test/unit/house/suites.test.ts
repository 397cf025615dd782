// The closing line of a test run counts every way in which a suite can fail to prove something.
import { describe, expect, test } from 'vitest';
import {
  countTests,
  describeSuite,
  skippedSuite,
  sumUp,
  type SuiteResult,
  type TestRun,
} from '../../../scripts/suites.ts';

const run = (state: TestRun['state'], note?: string): TestRun => ({ name: `a ${state} test`, state, note });
const suite = (counts: Partial<SuiteResult>): SuiteResult => ({
  suite: 'unit',
  passed: 0,
  failed: 0,
  skipped: [],
  tookMs: 0,
  ...counts,
});
const skipped = { name: 'needs a cluster', reason: 'no cluster' };

describe('counting a suite', () => {
  test.each<[string, TestRun[], number, { passed: number; failed: number }]>([
    ['passes and failures', [run('passed'), run('passed'), run('failed')], 0, { passed: 2, failed: 1 }],
    ['a test that never finished as failed', [run('passed'), run('pending')], 0, { passed: 1, failed: 1 }],
    ['errors outside tests as failed', [run('passed')], 2, { passed: 1, failed: 2 }],
    ['a suite without tests as failed', [], 0, { passed: 0, failed: 1 }],
    ['a suite of skipped tests as failed', [run('skipped')], 0, { passed: 0, failed: 1 }],
    ['a file that does not load once', [], 1, { passed: 0, failed: 1 }],
  ])('takes %s', (_, tests, otherErrors, expected) => {
    expect(countTests(tests, otherErrors)).toMatchObject(expected);
  });

  test('keeps the reason of a skipped test, and says when there is none', () => {
    const { skipped: list } = countTests([run('passed'), run('skipped', 'no nft'), run('skipped')], 0);
    expect(list.map((each) => each.reason)).toEqual(['no nft', 'no reason given']);
  });
});

describe('a suite that cannot run', () => {
  const real = skippedSuite('flow-real', 'no kube-apiserver; install Go');

  test('says why', () => {
    expect(describeSuite(real)).toEqual([
      'flow-real   0 passed, 0 failed, 1 skipped (0.0 s)',
      '  skipped: all: no kube-apiserver; install Go',
    ]);
  });

  test('is no failure, except where everything has to be present', () => {
    const others = suite({ passed: 2 });
    expect(sumUp([others, real], false)).toEqual({ line: '2 passed, 0 failed', ok: true });
    expect(sumUp([others, real], true)).toEqual({ line: '2 passed, 1 failed', ok: false });
  });
});

describe('the lines', () => {
  test('give counts, time and each skipped test', () => {
    expect(describeSuite(suite({ passed: 3, skipped: [skipped], tookMs: 1234 }))).toEqual([
      'unit        3 passed, 0 failed, 1 skipped (1.2 s)',
      '  skipped: needs a cluster: no cluster',
    ]);
  });

  test.each<[string, SuiteResult[], boolean, { line: string; ok: boolean }]>([
    ['sum up', [suite({ passed: 2 }), suite({ passed: 3 })], false, { line: '5 passed, 0 failed', ok: true }],
    [
      'fail with one',
      [suite({ passed: 2 }), suite({ failed: 1 })],
      false,
      { line: '2 passed, 1 failed', ok: false },
    ],
    [
      'allow skips',
      [suite({ passed: 1, skipped: [skipped] })],
      false,
      { line: '1 passed, 0 failed', ok: true },
    ],
    [
      'refuse skips',
      [suite({ passed: 1, skipped: [skipped] })],
      true,
      { line: '1 passed, 1 failed', ok: false },
    ],
    ['fail without suites', [], false, { line: '0 passed, 0 failed', ok: false }],
  ])('%s', (_, results, strict, expected) => {
    expect(sumUp(results, strict)).toEqual(expected);
  });
});
