// What would be done to this pod, step by step, and what would stop it.
import { describe, expect, test } from 'vitest';
import type { IsolationForm } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { CHECKS, type Check } from '../../../src/explain/explanation.ts';
import type { Subject } from '../../../src/explain/subject.ts';
import { aContribution, anIncident, aPod, T0 } from '../../support/builders.ts';
import { anAlert, explained, stored, storedForCluster } from './support.ts';

const ENFORCE = stored('web', { mode: 'Enforce' });
const OWNER = { name: 'web', uid: 'owner', controller: true };
const owned = (apiVersion: string, kind: string): Partial<PodFacts> => ({
  ownerReferences: [{ ...OWNER, apiVersion, kind }],
});
const others = (workload: Partial<Subject['others']['workload']>, quarantined = 0): Partial<Subject> => ({
  others: {
    workload: { quarantinedOthers: 0, readyOthers: 2, ...workload },
    namespace: { quarantinedOthers: quarantined },
  },
});

function checkOf(name: Check['check'], checks: readonly Check[]): Check | undefined {
  return checks.find(({ check }) => check === name);
}

describe('the steps', () => {
  test('are those of the plan, to the replacement', () => {
    const { response } = explained([ENFORCE]);
    expect(response).toMatchObject({ to: 'WorstAlert', mode: 'Enforce', recorded: [], held: null });
    expect(response?.steps.map(({ step, form }) => [step, form])).toEqual([
      ['Isolate', 'Orphan'],
      ['Capture', null],
      ['Evict', null],
      ['Verify', null],
    ]);
  });

  test('tell the merged settings', () => {
    const settings = {
      eviction: {
        gracePeriodSeconds: 30,
        waitForBudget: '1h',
        replacement: { require: 'Pinned', readyWithin: '7m' },
      },
    };
    const { response } = explained([ENFORCE, stored('careful', { mode: 'Enforce', ...settings })]);
    const texts = response?.steps.map(({ message }) => message).join(' ');
    expect(texts).toContain('a grace of 30 s; a disruption budget may hold that back for 1h');
    expect(texts).toContain('Ready within 7m, with images pinned by digest');
  });

  test('tell the commands that are run in the pod, and which are not', () => {
    const asking = (name: string, ...programs: string[]) =>
      storedForCluster(name, {
        mode: 'Enforce',
        evidence: { exec: programs.map((program) => ({ container: 'web', command: [program, '-x'] })) },
      });
    const { response, settings } = explained([asking('one', 'b', 'd', 'f'), asking('two', 'a', 'c', 'e')]);
    const text = response?.steps.find(({ step }) => step === 'Capture')?.message;
    expect(text).toContain(
      'are kept. Then commands are run in the pod, and what they print is kept: ["a","-x"] in container web; ["b","-x"]',
    );
    expect(text).toContain('["d","-x"] in container web.');
    expect(text).not.toContain('"e"');
    expect(settings.find(({ field }) => field === 'evidence.exec')?.value).toMatch(
      /"a".*"d".*; not run, as only the first 4 are: \{.*"e".*\}, \{.*"f".*\}$/,
    );
  });

  test('of an audited response are what Enforce would do, and none of them is done', () => {
    const { response } = explained([stored('web')]);
    expect(response).toMatchObject({
      mode: 'Audit',
      done: [],
      recorded: ['Label', 'Isolate', 'Capture', 'Evict'],
    });
    expect(response?.steps.map(({ step }) => step)).toEqual(['Isolate', 'Capture', 'Evict', 'Verify']);
  });

  test.for([
    ['Label', ['Label'], 'Recorded'],
    ['Isolate', ['Isolate'], 'Quarantined'],
    ['Capture', ['Capture'], 'Recorded'],
  ] as const)('end at %s where no more is asked for', ([, actions, reason]) => {
    const policy = stored('web', { mode: 'Enforce', responses: [{ name: 'n', actions }] });
    const { response } = explained([policy], { alert: anAlert() });
    expect(response?.steps.map(({ step }) => step)).toEqual(actions);
    expect(response?.held?.reason).toBe(reason);
  });
});

describe('the form of isolation and where the eviction is held, by owner', () => {
  const HELD = { Asked: 'AwaitingApproval', Finished: 'Finished' };
  const cases: [string, Partial<PodFacts>, Partial<Subject>, IsolationForm, string | undefined][] = [
    ['a ReplicaSet', owned('apps/v1', 'ReplicaSet'), {}, 'Orphan', undefined],
    ['a StatefulSet', owned('apps/v1', 'StatefulSet'), {}, 'Gentle', HELD.Asked],
    ['a DaemonSet', owned('apps/v1', 'DaemonSet'), {}, 'Orphan', undefined],
    [
      'a DaemonSet with ports of the node',
      { ...owned('apps/v1', 'DaemonSet'), hostPorts: true },
      {},
      'Gentle',
      undefined,
    ],
    ['a Job', owned('batch/v1', 'Job'), {}, 'Orphan', undefined],
    ['the only pod of a Job', owned('batch/v1', 'Job'), others({ readyOthers: 0 }), 'Orphan', undefined],
    ['an unknown owner', owned('example.com/v1', 'Thing'), {}, 'Orphan', undefined],
    [
      'an unknown owner with volume claims',
      { ...owned('example.com/v1', 'Thing'), volumeClaims: true },
      {},
      'Gentle',
      undefined,
    ],
    ['nobody', { ownerReferences: [] }, {}, 'Gentle', HELD.Asked],
    ['a pod on the host network', { hostNetwork: true }, {}, 'Gentle', undefined],
    ['a pod that has ended', { phase: 'Failed', ready: false }, {}, 'Gentle', HELD.Finished],
    ['the last copy', {}, others({ readyOthers: 0 }), 'Gentle', HELD.Asked],
    ['beyond the limit of the workload', {}, others({ quarantinedOthers: 2 }), 'Gentle', undefined],
    ['beyond the limit of the namespace', {}, others({}, 10), 'Gentle', undefined],
  ];
  test.for(cases)('%s', ([, podChange, change, form, reason]) => {
    const { response } = explained([ENFORCE], { subject: { pod: aPod(podChange), ...change } });
    expect(response?.steps[0]).toMatchObject({ step: 'Isolate', form });
    expect(response?.held?.reason).toBe(reason);
    expect(response?.steps.some(({ step }) => step === 'Evict')).toBe(reason === undefined);
  });
});

const spare = (share: { missing?: number }, unread: string[] = []): Partial<Subject> => ({
  others: {
    workload: { quarantinedOthers: 0, readyOthers: 2 },
    namespace: { quarantinedOthers: 0 },
    availability: { share: { size: 8, missing: 0, gentle: 0, ...share }, budgets: [], quota: {}, unread },
  },
});

describe('a check is met', () => {
  const paused = (state: 'On' | 'Unknown') => ({ paused: { state, message: 'because' } });
  const incident = anIncident({ policies: [aContribution({ uid: 'DriftPolicy-web', rungs: ['all'] })] });
  const cases: [Check['check'], Partial<Subject>, Check['state'], string][] = [
    ['Protection', { protectedNamespaces: new Set(['shop']) }, 'Met', 'namespace shop is protected'],
    ['PauseSwitch', paused('On'), 'Met', 'no pod is evicted: because'],
    ['PauseSwitch', paused('Unknown'), 'Unknown', 'because'],
    ['OpenIncident', { incident }, 'Met', 'web-1-abcdef0123-1 is open'],
    ['HostNetwork', { pod: aPod({ hostNetwork: true }) }, 'Met', 'no NetworkPolicy reaches'],
    ['Limits', others({ quarantinedOthers: 2 }), 'Met', 'limits.perWorkload.quarantined is 2'],
    ['Limits', others({}, 10), 'Met', 'limits.perNamespace.quarantined is 10'],
    ['LastReadyCopy', others({ readyOthers: 0 }), 'Met', 'No other copy of the workload is Ready'],
    ['Approval', others({ readyOthers: 0 }), 'Met', 'a person has to approve within 24h, as no other copy'],
    ['Availability', spare({ missing: 2 }), 'Met', 'limits.perWorkload.maxUnavailable of 25% lets 2 be'],
    ['Availability', spare({}, ['disruption budgets']), 'Unknown', 'you may not read disruption budgets'],
    ['Approval', { pod: aPod({ ownerReferences: [] }) }, 'Met', 'no controller would replace'],
    ['Owner', { pod: aPod({ phase: 'Succeeded' }) }, 'Met', 'has ended'],
  ];
  test.for(cases)('%s %#', ([name, subject, state, message]) => {
    const { checks } = explained([ENFORCE], { subject });
    expect(checkOf(name, checks)).toMatchObject({ state, message: expect.stringContaining(message) });
    expect(checkOf(name, explained([ENFORCE]).checks)).toEqual({ check: name, state: 'Clear', message: '' });
  });

  test('for the mode: all is only recorded, or a part', () => {
    const label = [{ name: 'n', actions: ['Label'] }];
    const mode = (...policies: Parameters<typeof explained>[0]) =>
      checkOf('Mode', explained(policies).checks)?.message;
    expect(mode(stored('web'))).toBe('no policy in Enforce asks for an action: all is only recorded');
    expect(mode(stored('web', { mode: 'Enforce', responses: label }), storedForCluster('all'))).toBe(
      'only recorded, as no policy in Enforce asks for it: Isolate, Capture, Evict',
    );
    expect(mode(ENFORCE)).toBe('');
  });

  test('for a policy that is not accepted', () => {
    const { checks } = explained([ENFORCE, stored('bad', { responses: [] })]);
    expect(checkOf('Policies', checks)?.message).toBe('DriftPolicy/bad is not accepted');
  });

  test('for a cap, by name and end', () => {
    const exceptions = [
      { name: 'known', image: '*', reason: 'r', expires: '2027-01-01T00:00:00Z', maxAction: 'None' },
    ];
    const policy = stored('web', { mode: 'Enforce', exceptions });
    const { checks, response } = explained([policy], { container: 'web' });
    expect(checkOf('Caps', checks)?.message).toBe(
      'exception known leaves of DriftPolicy/web no more than None, until 2027-01-01T00:00:00Z',
    );
    expect(response).toMatchObject({ done: [], recorded: [] });
  });

  test('always the same ones, in the same order', () => {
    const names = (...policies: Parameters<typeof explained>[0]) =>
      explained(policies).checks.map(({ check }) => check);
    expect(names()).toEqual(names(ENFORCE));
    expect(names()).toEqual([...CHECKS]);
  });
});

describe('with an open incident', () => {
  const labels = { app: 'web' };
  const asked = aContribution({ uid: 'DriftPolicy-web', rungs: ['all'], actions: ['Label', 'Isolate'] });
  const taken = anIncident({
    policies: [asked],
    status: {
      phase: 'Quarantined',
      isolation: { form: 'Orphan', at: T0 },
      steps: [{ name: 'Isolate', state: 'Succeeded', attempts: 1, reason: 'Isolated', message: '' }],
    },
    spec: { target: { ...anIncident().spec.target, labels } },
  });
  const pod = aPod({
    labels: { [QUARANTINE_LABEL]: 'true', 'die-operator.dev/severity': 'critical' },
    annotations: { 'die-operator.dev/incident': taken.metadata.name },
    ownerReferences: [],
  });

  test('what was done is not done again, and the rest goes on', () => {
    const { response, incident } = explained([ENFORCE], {
      alert: anAlert(),
      subject: { pod, incident: taken, target: taken.spec.target },
    });
    expect(incident).toEqual({ name: taken.metadata.name, phase: 'Quarantined', severity: 'Critical' });
    expect(response?.steps.map(({ step }) => step)).toEqual(['Capture', 'Evict', 'Verify']);
  });

  test('a policy that was turned to Audit since stops it', () => {
    const { response } = explained([stored('web')], {
      alert: anAlert(),
      subject: { pod, incident: taken, target: taken.spec.target },
    });
    expect(response).toMatchObject({ mode: 'Audit', done: [] });
  });
});
