// What is remembered of how pods ended: only what the watch showed, only of pods that matter, and not without bound.
import { describe, expect, test } from 'vitest';
import type { GoingFacts } from '../../../src/api/pod-end.ts';
import { PodEnds } from '../../../src/incidents/pod-ends.ts';
import { aPod, T0 } from '../../support/builders.ts';

const ends = () => new PodEnds((uid) => uid.startsWith('pod'));
const gone = (containersEnded: boolean | undefined, isLast?: true, uid = 'pod-1') => {
  const going: GoingFacts = { graceSeconds: 1, ...(containersEnded !== undefined && { containersEnded }) };
  const value = aPod({ uid, deletionTimestamp: T0, going });
  return { type: 'delete', key: 'shop/web-1', value, ...(isLast && { isLast }) } as const;
};

describe('a pod that went', () => {
  test.each<[string, boolean | undefined, true | undefined, string | undefined]>([
    ['all had ended', true, true, 'Ended'],
    ['all had ended when it was last heard of', true, undefined, 'Ended'],
    ['one ran to its very end', false, true, 'Running'],
    ['one ran when it was last heard of', false, undefined, undefined],
    ['nothing is known', undefined, true, undefined],
  ])('of which %s', (_, ended, isLast, expected) => {
    const seen = ends();
    seen.note(gone(ended, isLast));
    expect(seen.of('pod-1')).toBe(expected);
  });

  test('and that no incident is about is not remembered', () => {
    const seen = ends();
    seen.note(gone(true, true, 'other'));
    expect(seen.of('other')).toBeUndefined();
  });

  test('before many others is forgotten', () => {
    const seen = ends();
    for (let n = 0; n <= 1_024; n++) seen.note(gone(true, true, `pod-${n}`));
    expect(seen.of('pod-0')).toBeUndefined();
    expect(seen.of('pod-1')).toBe('Ended');
    expect(seen.of('pod-1024')).toBe('Ended');
  });
});

test('a pod that only changes has not ended', () => {
  const seen = ends();
  const { value } = gone(true);
  seen.note({ type: 'set', key: 'shop/web-1', value });
  expect(seen.of('pod-1')).toBeUndefined();
});
