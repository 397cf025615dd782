// Rungs whose actions count only once the drift was confirmed on the node.
import { describe, expect, test } from 'vitest';
import { MAX_LOOKED, type DriftIncident, type DriftIncidentStatus } from '../../../src/api/incident.ts';
import { foundByComparison, nextSuspect } from '../../../src/decide/confirm.ts';
import { outline } from '../../../src/decide/form.ts';
import { actionsOf, effectiveActions } from '../../../src/decide/merge.ts';
import { plan } from '../../../src/decide/plan.ts';
import { contributionKey, standingOf } from '../../../src/decide/standing.ts';
import { aContribution, aDetection, anIncident, aPod, NOW, T0 } from '../../support/builders.ts';
import { matched, rulebookOf } from '../../support/matched.ts';
import { policy } from './builders.ts';
import { ISOLATE_DONE, ISOLATED, orphaned, ran, reasonOf, someFacts, step } from './plan-support.ts';

const LADDER = {
  mode: 'Enforce',
  responses: [
    { name: 'contain', actions: ['Isolate'] },
    { name: 'replace', confirmed: true, actions: ['Isolate', 'Evict'] },
  ],
};
const GRANTS = policy(
  { responses: undefined, grants: { enforce: true, collectors: ['Filesystem'] } },
  { name: 'grants', uid: 'grants' },
  'ClusterDriftPolicy',
);
const CONTAIN = aContribution({ rungs: ['contain'], actions: ['Isolate'] });
const REPLACE = aContribution({ rungs: ['replace'], actions: ['Isolate', 'Evict'], confirmed: true });
const STANDING = new Map([CONTAIN, REPLACE].map((one) => [contributionKey(one), one.actions]));
const FACTS = someFacts({ pod: orphaned, standing: STANDING });
const confirmation = (state: 'Confirmed' | 'NotConfirmed' | 'Unknown') => ({ state, at: T0, message: 'm' });

function incident(
  status: DriftIncidentStatus = {},
  executable: string | undefined = '/tmp/x',
): DriftIncident {
  const made = anIncident({ status: { ...ISOLATED, ...status } });
  const { trigger } = made.spec;
  const { executable: _, ...told } = trigger.detection;
  const detection = { ...told, ...(executable !== '' && { executable }) };
  return {
    ...made,
    spec: { ...made.spec, trigger: { ...trigger, detection, policies: [CONTAIN, REPLACE] } },
  };
}

describe('a policy with a rung that asks for a confirmation', () => {
  test('contributes it by itself, and what is to be done now without it', () => {
    const match = matched([policy(LADDER), GRANTS], aPod(), aDetection({ severity: 'Critical' }));
    expect(match?.contributions).toMatchObject([
      { rungs: ['contain'], actions: ['Isolate'] },
      { rungs: ['replace'], actions: ['Isolate', 'Evict'], confirmed: true },
    ]);
    expect(match?.contributions[0]).not.toHaveProperty('confirmed');
  });

  test('has its actions done once the drift is confirmed, and no other time', () => {
    const before = effectiveActions([CONTAIN, REPLACE], STANDING);
    expect(before).toEqual({ enforce: ['Isolate'], audit: [], ifConfirmed: ['Evict'] });
    expect(effectiveActions([CONTAIN, REPLACE], STANDING, true)).toEqual({
      enforce: ['Isolate', 'Evict'],
      audit: [],
    });
    for (const state of ['NotConfirmed', 'Unknown'] as const)
      expect(actionsOf(incident({ confirmation: confirmation(state) }), STANDING)).toEqual(before);
  });

  test('that asks for it only later stops what was asked for without', () => {
    const asked = { ...CONTAIN, uid: 'p' };
    const [contain] = LADDER.responses;
    const standing = (confirmed: boolean) => {
      const later = policy({ ...LADDER, responses: [{ ...contain, confirmed }] }, { uid: 'p' });
      const book = rulebookOf([later, GRANTS], { name: 'shop', labels: {} });
      return standingOf(incident(), [asked], book).get(contributionKey(asked));
    };
    expect(standing(false)).toEqual(['Isolate']);
    expect(standing(true)).toEqual([]);
  });
});

describe('the plan', () => {
  test('looks for the program once the pod is isolated, and evicts only then', () => {
    expect(ran(plan(incident(), FACTS))).toBe('Confirm');
    const found = incident({
      confirmation: confirmation('Confirmed'),
      steps: [ISOLATE_DONE, step({ name: 'Confirm', state: 'Succeeded' })],
    });
    expect(ran(plan(found, FACTS))).toBe('Evict');
  });

  test.each(['NotConfirmed', 'Unknown'] as const)(
    'keeps the quarantine and says why where it is %s',
    (state) => {
      const looked = ['web /tmp/x'];
      const steps = [ISOLATE_DONE, step({ name: 'Confirm', state: 'Succeeded' })];
      const one = incident({ confirmation: { ...confirmation(state), looked }, steps });
      expect(plan(one, FACTS)).toMatchObject({
        phase: 'Quarantined',
        reason: state === 'Unknown' ? 'ConfirmationUnknown' : 'NotConfirmed',
        message: expect.stringMatching(/^not done, as the drift is not confirmed: Evict; m$/),
      });
    },
  );

  test('looks again, in its time, where nobody could look', () => {
    const waiting = (ms: number) =>
      incident({
        confirmation: confirmation('Unknown'),
        steps: [
          ISOLATE_DONE,
          step({ name: 'Confirm', state: 'Waiting', nextAttemptAt: new Date(ms).toISOString() }),
        ],
      });
    expect(ran(plan(waiting(NOW), FACTS))).toBe('Confirm');
    expect(plan(waiting(NOW + 1), FACTS)).toMatchObject({ reason: 'ConfirmationUnknown', until: NOW + 1 });
  });

  test('tells people before anything is found out', () => {
    const { mode, steps, message } = outline(incident({ isolation: undefined }), FACTS);
    expect({ mode, steps }).toEqual({ mode: 'Enforce', steps: ['Isolate', 'Confirm'] });
    expect(message).toContain('Only once the drift is confirmed: Evict.');
  });

  test('asks for nothing where no policy wants it any more', () => {
    const standing = new Map([[contributionKey(CONTAIN), CONTAIN.actions]]);
    expect(reasonOf(plan(incident(), { ...FACTS, standing }))).toBe('Quarantined');
  });
});

describe('a comparison that found a program in the same pod', () => {
  const { executable: _, ...told } = aDetection().summary;
  const seen = { ...told, source: 'Filesystem' as const, time: T0 };
  const reported = (detection: DriftIncident['spec']['trigger']['detection']) => ({
    r1: { count: 1, firstSeen: T0, lastSeen: T0, highestSeverity: 'Error' as const, detections: [detection] },
  });
  const withReport = (executable: string | undefined, status: DriftIncidentStatus = {}) =>
    incident({ ...status, reports: reported({ ...seen, ...(executable !== undefined && { executable }) }) });

  test('confirms the drift, whatever was looked for in vain before', () => {
    const looked = Array.from({ length: MAX_LOOKED }, (__, n) => `web /${n}`);
    const vain = {
      confirmation: { ...confirmation('NotConfirmed'), looked },
      steps: [ISOLATE_DONE, step({ name: 'Confirm', state: 'Succeeded' })],
    };
    expect(foundByComparison(withReport('/tmp/y'))).toEqual({ container: 'web', path: '/tmp/y', at: T0 });
    expect(ran(plan(withReport('/tmp/y', vain), FACTS))).toBe('Confirm');
  });

  test('is waited for by nobody: it confirms at once', () => {
    const later = new Date(NOW + 60_000).toISOString();
    const steps = [ISOLATE_DONE, step({ name: 'Confirm', state: 'Waiting', nextAttemptAt: later })];
    const waiting = { confirmation: confirmation('Unknown'), steps };
    expect(ran(plan(incident(waiting), FACTS))).not.toBe('Confirm');
    expect(ran(plan(withReport('/tmp/y', waiting), FACTS))).toBe('Confirm');
  });

  test('confirms nothing where it found no program, and neither does another detector', () => {
    expect(foundByComparison(withReport(undefined))).toBeUndefined();
    expect(
      foundByComparison(incident({ reports: reported({ ...told, executable: '/tmp/y' }) })),
    ).toBeUndefined();
  });
});

describe('the program that is looked for', () => {
  test.each<[string, string | undefined]>([
    ['no path at all', ''],
    ['a relative one', 'x'],
    ['one that was cut', `/${'x'.repeat(511)}`],
  ])('is none where the alert told %s', (_what, executable) => {
    expect(nextSuspect(incident({}, executable))).toBeUndefined();
  });

  test('is the next one that was not looked for', () => {
    const report = {
      count: 1,
      firstSeen: T0,
      lastSeen: T0,
      highestSeverity: 'Critical' as const,
      detections: [{ ...aDetection().summary, executable: '/tmp/y' }],
    };
    const one = (looked: string[]) =>
      incident({ reports: { r1: report }, confirmation: { ...confirmation('NotConfirmed'), looked } });
    const container = 'web';
    expect(nextSuspect(one([]))).toEqual({ container, path: '/tmp/x' });
    expect(nextSuspect(one(['web /tmp/x']))).toEqual({ container, path: '/tmp/y' });
    expect(nextSuspect(one(['web /tmp/x', 'web /tmp/y']))).toBeUndefined();
    expect(nextSuspect(one(Array.from({ length: MAX_LOOKED }, (_, n) => `web /${n}`)))).toBeUndefined();
  });
});
