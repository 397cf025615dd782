// Exceptions and break-glass: what caps a response, until when, and what never does.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAPS, ACTIONS, type Cap } from '../../../src/api/policy.ts';
import { breakGlass, capped, strictest, type AppliedCap } from '../../../src/decide/exceptions.ts';
import { aDetection, aPod, NOW } from '../../support/builders.ts';
import { matched } from '../../support/matched.ts';
import { FULL_RUNG, policy } from './builders.ts';

const AGENT = {
  name: 'agent',
  image: 'registry.example/shop/web*',
  reason: 'updates itself',
  expires: '2027-01-01T00:00:00Z',
};
const LADDER = [{ name: 'all', actions: FULL_RUNG }];

function contributionOf(
  exceptions: object[],
  detection = aDetection({ containerName: 'web' }),
  pod = aPod(),
) {
  const made = policy({ mode: 'Enforce', responses: LADDER, exceptions });
  return matched([made], pod, detection, NOW)?.contributions[0];
}

describe('an exception', () => {
  test('caps what its policy contributes, and says so with its reason', () => {
    expect(contributionOf([AGENT])).toMatchObject({
      mode: 'Enforce',
      rungs: ['all'],
      actions: ['Label'],
      cap: {
        by: 'Exception',
        name: 'agent',
        maxAction: 'Label',
        reason: 'updates itself',
        until: AGENT.expires,
      },
    });
  });

  test.each<[Cap, string[]]>([
    ['None', []],
    ['Label', ['Label']],
    ['Isolate', ['Label', 'Isolate']],
    ['Capture', ['Label', 'Isolate', 'Capture']],
  ])('with %s leaves %j, and the drift is recorded', (maxAction, actions) => {
    expect(contributionOf([{ ...AGENT, maxAction }])?.actions).toEqual(actions);
  });

  test.each<[string, object]>([
    ['has ended', { expires: new Date(NOW).toISOString() }],
    ['names another image', { image: 'registry.example/other*' }],
    ['has a condition that is false', { condition: 'detection.executable == "/usr/bin/agent"' }],
    ['has a condition that cannot be evaluated', { condition: 'int(detection.hostname) > 1' }],
  ])('that %s caps nothing', (_how, change) => {
    const found = contributionOf([{ ...AGENT, ...change }]);
    expect(found?.actions).toEqual(FULL_RUNG);
    expect(found).not.toHaveProperty('cap');
  });

  test('caps where its condition is true', () => {
    const condition = 'detection.executable == "/usr/bin/agent" && container.name == "web"';
    const detection = aDetection({ containerName: 'web', executable: '/usr/bin/agent' });
    expect(contributionOf([{ ...AGENT, condition }], detection)?.actions).toEqual(['Label']);
  });

  test('caps nothing where it is not known which container it is', () => {
    expect(contributionOf([AGENT], aDetection())?.actions).toEqual(FULL_RUNG);
  });

  test('can name the digest that the runtime resolved', () => {
    const [container] = aPod().containers;
    const image = container?.imageID ?? '';
    const byTag = aPod({
      containers: [{ name: 'web', image: 'shop/web:1.2', imageID: image, terminated: false }],
    });
    expect(
      contributionOf([{ ...AGENT, image }], aDetection({ containerName: 'web' }), byTag)?.actions,
    ).toEqual(['Label']);
  });

  test('never reaches another policy', () => {
    const excused = policy({ responses: LADDER, exceptions: [AGENT] }, { name: 'a', uid: 'a' });
    const other = policy({ responses: LADDER }, { name: 'b', uid: 'b' });
    const alone = matched([other], aPod(), aDetection({ containerName: 'web' }), NOW);
    const both = matched([excused, other], aPod(), aDetection({ containerName: 'web' }), NOW);
    expect(both?.contributions.find(({ uid }) => uid === 'b')).toEqual(alone?.contributions[0]);
  });

  test('of several the one that leaves least counts, whatever their order', () => {
    const all = CAPS.map((maxAction) => ({ ...AGENT, name: maxAction.toLowerCase(), maxAction }));
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 1 }), (exceptions) => {
        const least = CAPS.find((cap) => exceptions.some(({ maxAction }) => maxAction === cap));
        expect(contributionOf(exceptions)?.cap?.maxAction).toBe(least);
      }),
    );
  });
});

describe('caps', () => {
  test('only ever take actions away, and never one before the last that is left', () => {
    fc.assert(
      fc.property(fc.subarray([...ACTIONS]), fc.constantFrom(...CAPS), (actions, maxAction) => {
        const cap: AppliedCap = { by: 'Exception', name: 'x', maxAction, reason: 'r', until: AGENT.expires };
        const left = capped(actions, cap);
        expect(left).toEqual(actions.slice(0, left.length));
        expect(actions.filter((action) => ACTIONS.indexOf(action) < CAPS.indexOf(maxAction))).toEqual(left);
      }),
    );
  });

  test('that leave the same are told apart by name', () => {
    const cap = (name: string): AppliedCap => ({
      by: 'Exception',
      name,
      maxAction: 'Label',
      reason: 'r',
      until: AGENT.expires,
    });
    expect(strictest([cap('b'), cap('a')])?.name).toBe('a');
    expect(strictest([])).toBeUndefined();
  });
});

describe('a break-glass annotation', () => {
  const HOUR = 3_600_000;
  const inAnHour = new Date(NOW + HOUR).toISOString();

  test('that is granted leaves the label, until its time', () => {
    expect(breakGlass({ breakGlassUntil: inAnHour }, 2 * HOUR, NOW)).toMatchObject({
      by: 'BreakGlass',
      maxAction: 'Label',
      until: inAnHour,
    });
  });

  test.each<[string, string | undefined, number | undefined, string]>([
    ['absent', undefined, HOUR, 'Absent'],
    ['granted by nobody', inAnHour, undefined, 'NotGranted'],
    ['no time', 'tomorrow', HOUR, 'NoTime'],
    ['a time without a zone', '2026-11-22T09:00:00', HOUR, 'NoTime'],
    ['no time that exists', '2026-13-45T09:00:00Z', HOUR, 'NoTime'],
    ['over', new Date(NOW).toISOString(), HOUR, 'Ended'],
    ['too far ahead', inAnHour, HOUR - 1, 'TooLong'],
  ])('that is %s counts for nothing', (_how, breakGlassUntil, granted, why) => {
    expect(breakGlass({ ...(breakGlassUntil && { breakGlassUntil }) }, granted, NOW)).toBe(why);
  });

  test('caps every policy, and only where the cluster grants it', () => {
    const pod = aPod({ breakGlassUntil: inAnHour });
    const own = policy({ mode: 'Enforce', responses: LADDER });
    const granting = policy(
      { grants: { enforce: true, breakGlass: { maxDuration: '2h' } }, responses: LADDER },
      { name: 'cluster', uid: 'cluster' },
      'ClusterDriftPolicy',
    );
    const without = matched([own], pod, aDetection(), NOW);
    expect(without?.contributions.map(({ actions }) => actions)).toEqual([FULL_RUNG]);
    const granted = matched([own, granting], pod, aDetection(), NOW);
    expect(granted?.contributions.map(({ actions, cap }) => [actions, cap?.by])).toEqual([
      [['Label'], 'BreakGlass'],
      [['Label'], 'BreakGlass'],
    ]);
  });
});
