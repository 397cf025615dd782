// A detection that comes a second time: after a crash, from a stream, or to another receiver.
import { describe, expect, test } from 'vitest';
import { aDetection } from '../../support/builders.ts';
import { NAME, TAKEN, existing, scene } from './open-scene.ts';

describe('a detection that is looked at again after the incident is over', () => {
  const RELEASED_AT = '2026-11-22T00:00:10.000Z';
  const released = existing({
    status: {
      phase: 'Released',
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Released', message: '', lastTransitionTime: RELEASED_AT },
      ],
    },
  });
  const repeat = (change: Parameters<typeof aDetection>[0]) =>
    aDetection({ id: '2'.repeat(32), rule: released.spec.trigger.detection.rule, ...change });

  test.each([
    ['cached', { incidents: [released] }],
    ['not in the cache yet', { creates: [TAKEN], stored: [released] }],
  ])('opens no other one: it opened this one, which is %s', async (_what, scenery) => {
    const { open, created } = scene(scenery);
    const { id } = released.spec.trigger.detection;
    expect(await open(aDetection({ id }))).toMatchObject({ outcome: 'Opened', incident: `shop/${NAME}` });
    expect(created).toEqual([]);
  });

  test.each([
    ['a repeat that was received before its end', { receivedAt: '2026-11-22T00:00:09.000Z' }, 'Reported'],
    ['a repeat that was received after its end', { receivedAt: '2026-11-22T00:00:11.000Z' }, 'Opened'],
    [
      'another rule, which it has not counted',
      { receivedAt: '2026-11-22T00:00:09.000Z', rule: 'Another' },
      'Opened',
    ],
  ])('%s is %j: %s', async (_what, change, outcome) => {
    const { open, created } = scene({ incidents: [released] });
    expect(await open(repeat(change))).toMatchObject({ outcome });
    expect(created).toHaveLength(outcome === 'Opened' ? 1 : 0);
  });

  test('and the pod is gone has the outcome that it had', async () => {
    const { open } = scene({ pods: [], incidents: [released] });
    const { id } = released.spec.trigger.detection;
    expect(await open(aDetection({ id }))).toMatchObject({ outcome: 'Opened', incident: `shop/${NAME}` });
  });
});
