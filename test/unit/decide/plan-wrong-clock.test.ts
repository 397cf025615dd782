// Times in the record that a clock wrote which was wrong.
import { describe, expect, test } from 'vitest';
import type { StepName } from '../../../src/api/incident.ts';
import { plan } from '../../../src/decide/plan.ts';
import { NOW } from '../../support/builders.ts';
import { afterCapture, MINUTE, orphaned, ran, reasonOf, someFacts, step } from './plan-support.ts';

function waiting(name: StepName, ms: number) {
  const nextAttemptAt = new Date(NOW + ms).toISOString();
  return afterCapture([step({ name, state: 'Waiting', reason: 'InternalError', nextAttemptAt })]);
}

describe('the next try of a step', () => {
  const facts = someFacts({ pod: orphaned });

  test.each([1_000, 5 * MINUTE, 10 * MINUTE])('in %i ms is waited for', (ms) => {
    expect(reasonOf(plan(waiting('Evict', ms), facts))).toBe('InternalError');
  });

  test.each([0, -1, 10 * MINUTE + 1, 60 * MINUTE])('in %i ms is now: nobody plans that far ahead', (ms) => {
    expect(ran(plan(waiting('Evict', ms), facts))).toBe('Evict');
  });
});
