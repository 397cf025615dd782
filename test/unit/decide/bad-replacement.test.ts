// When the next eviction of a workload needs a person, by how the one before it ended.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, Phase } from '../../../src/api/incident.ts';
import { badReplacement } from '../../../src/decide/bad-replacement.ts';
import { anIncident, NOW } from '../../support/builders.ts';

const HOUR = 3_600_000;

function ended(
  phase: Phase,
  reason: string,
  agoMs: number,
  status: 'True' | 'False' | 'Unknown' = 'False',
): DriftIncident {
  const lastTransitionTime = new Date(NOW - agoMs).toISOString();
  const condition = { type: 'ReplacementVerified', status, reason, message: 'm', lastTransitionTime };
  const name = `web-${agoMs}`;
  return anIncident({ metadata: { name, uid: name }, status: { phase, conditions: [condition] } });
}
const needOf = (...others: DriftIncident[]) => badReplacement(anIncident(), others, NOW);

describe('a person is needed', () => {
  test.each([
    'UnapprovedImage',
    'Unpinned',
    'CrashLooping',
    'ImageUnavailable',
    'DriftedAgain',
    'NotReady',
    'NoReplacement',
  ])('after %s', (reason) => {
    expect(needOf(ended('Failed', reason, HOUR))).toEqual({
      need: 'BadReplacement',
      message: `the eviction before it of this workload ended ${reason} (incident web-3600000)`,
    });
  });

  test('also if one before that went well', () => {
    expect(
      needOf(ended('Resolved', 'Pinned', 2 * HOUR, 'True'), ended('Failed', 'NotReady', HOUR)),
    ).toBeDefined();
  });
});

describe('nobody is needed', () => {
  test.each<[string, DriftIncident[]]>([
    ['where nothing was evicted', []],
    ['after one that went well', [ended('Resolved', 'Pinned', HOUR, 'True')]],
    [
      'once one after it went well',
      [ended('Failed', 'NotReady', 2 * HOUR), ended('Resolved', 'Pinned', HOUR, 'True')],
    ],
    ['when it is longer ago than the window', [ended('Failed', 'NotReady', 25 * HOUR)]],
    ['after what says nothing about the workload', [ended('Failed', 'ReplacementGone', HOUR)]],
    ['while one is watched', [ended('Verifying', 'Quiet', HOUR, 'Unknown')]],
  ])('%s', (_, others) => expect(needOf(...others)).toBeUndefined());

  test('for what cannot be proven, which says nothing of those before', () => {
    const unproven = ended('Resolved', 'Unpinned', HOUR, 'Unknown');
    expect(needOf(ended('Failed', 'NotReady', 2 * HOUR), unproven)).toBeDefined();
  });

  test('by the incident itself', () => {
    const self = ended('Failed', 'NotReady', HOUR);
    expect(badReplacement(self, [self], NOW)).toBeUndefined();
  });
});
