// Which decisions make sense for which incident, what each touches, and what an incident is said to wait for.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import { FINALIZER } from '../../../src/api/names.ts';
import { EvictionSchema } from '../../../src/api/policy.ts';
import { senseless, type DecisionAction } from '../../../src/commands/answer/sense.ts';
import { touchesOf } from '../../../src/commands/answer/touches.ts';
import { answersTo, standingOf } from '../../../src/commands/answer/waits.ts';
import { aPod, NOW, T0 } from '../../support/builders.ts';
import { EXAMPLE_NAME, HASH, waitingIncident } from './answer-example.ts';

type Decision = NonNullable<DriftIncident['spec']['decision']>;
const decided = (action: DecisionAction, change: Partial<Decision> = {}) => ({
  decision: { action, by: 'bob', reason: 'r', ...change },
});
const accepted = { eviction: { requestedAt: T0, by: 'Eviction' as const } };
const plan = (change: Partial<NonNullable<DriftIncidentStatus['plan']>>) => {
  const before = waitingIncident().status?.plan;
  if (!before) throw new Error('the example has a plan');
  return { plan: { ...before, ...change } };
};
const { needs: _needs, ...WITHOUT_NEEDS } = plan({}).plan;

describe('an incident that waits for an approval', () => {
  test.for(['Approve', 'Deny', 'Hold', 'Release'] as const)('can be answered by %s', (action) => {
    expect(senseless(waitingIncident(), action, NOW)).toBeUndefined();
  });

  test('is offered the commands that answer it, and no other', () => {
    const commands = answersTo(waitingIncident(), NOW).map(({ command }) => command);
    expect(commands).toEqual(
      ['approve', 'deny', 'hold', 'release'].map(
        (verb) => `die-operator ${verb} -n shop ${EXAMPLE_NAME} --reason TEXT`,
      ),
    );
  });
});

const REFUSED: [string, DecisionAction, DriftIncident, string][] = [
  ['an end', 'Approve', waitingIncident({ phase: 'Resolved' }), 'it is over (Resolved)'],
  ['an end', 'Release', waitingIncident({ phase: 'TargetGone' }), 'it is over (TargetGone)'],
  ['no need', 'Approve', waitingIncident({ plan: WITHOUT_NEEDS }), 'nobody has to approve it'],
  ['no plan', 'Approve', waitingIncident({ plan: undefined }), 'has planned nothing for it yet'],
  ['Audit', 'Approve', waitingIncident(plan({ mode: 'Audit' })), 'no policy in Enforce'],
  ['an eviction that was accepted', 'Approve', waitingIncident(accepted), 'was accepted already'],
  ['an eviction that was accepted', 'Deny', waitingIncident(accepted), 'too late to deny'],
  ['an eviction that was accepted', 'Hold', waitingIncident(accepted), 'too late to hold'],
  [
    'the same approval',
    'Approve',
    waitingIncident({}, decided('Approve', { planHash: HASH })),
    'bob approved this plan already',
  ],
  ['no eviction planned', 'Deny', waitingIncident(plan({ steps: ['Isolate'] })), 'no eviction is planned'],
  ['a denial', 'Deny', waitingIncident({}, decided('Deny')), 'bob denied it already'],
  ['a hold', 'Hold', waitingIncident({}, decided('Hold')), 'bob holds it already'],
  ['nothing to take back', 'Resume', waitingIncident(), 'nobody holds it'],
  ['nothing to take back', 'Resume', waitingIncident({}, decided('Resume')), 'nobody holds it'],
  ['a release', 'Release', waitingIncident({}, decided('Release')), 'bob released it already'],
  [
    'a release',
    'Hold',
    waitingIncident({}, decided('Release')),
    'bob released it: the pod is being put back',
  ],
  [
    'a deletion',
    'Approve',
    { ...waitingIncident(), metadata: { ...waitingIncident().metadata, deletionTimestamp: T0 } },
    'somebody deleted it',
  ],
];

describe('a decision that makes no sense is refused in a sentence', () => {
  test.for(REFUSED)('%s: %s', ([, action, incident, why]) => {
    expect(senseless(incident, action, NOW)).toContain(why);
  });
});

describe('a decision makes sense', () => {
  test('again where the approval was of another plan, or is over', () => {
    const other = waitingIncident({}, decided('Approve', { planHash: 'f'.repeat(64) }));
    expect(senseless(other, 'Approve', NOW)).toBeUndefined();
    const ended = waitingIncident({}, decided('Approve', { planHash: HASH, expiresAt: T0 }));
    expect(senseless(ended, 'Approve', NOW)).toBeUndefined();
    expect(senseless(ended, 'Approve', NOW - 1)).toContain('until');
  });

  test.for(['Hold', 'Deny', 'Approve'] as const)('for resume where %s is taken back', (action) => {
    expect(senseless(waitingIncident({}, decided(action)), 'Resume', NOW)).toBeUndefined();
  });

  test('for a denial of an eviction that comes with the end of a quarantine', () => {
    const incident = waitingIncident(plan({ steps: ['Isolate'] }));
    const { response } = incident.spec.trigger;
    response.isolation = { ...response.isolation, onExpiry: 'Evict' };
    expect(senseless(incident, 'Deny', NOW)).toBeUndefined();
  });
});

const THERE = { state: 'There', pod: aPod() } as const;
const listed = (
  incident: DriftIncident,
  action: DecisionAction,
  live: Parameters<typeof touchesOf>[2] = THERE,
) => touchesOf(incident, action, live).map(({ object, what }) => `${object}: ${what}`);

describe('what is touched', () => {
  test('by an approval: the pod by UID and node, the lists, the finalizer', () => {
    const [pod, ...rest] = listed(waitingIncident(), 'Approve');
    expect(pod).toContain('UID 0f9b0b8e-3f0a-4d8e-9a41-2f6f0c1f8f11, node node-1');
    expect(pod).toContain('is evicted by its UID, with a grace of 1 s');
    expect(rest.join('\n')).toContain('ConfigMaps shop/die-operator-quarantined');
    expect(rest.join('\n')).toContain(`loses the finalizer ${FINALIZER}`);
    expect(rest.join('\n')).not.toContain('StatefulSet');
  });

  test('by an approval before the isolation: what isolates it, too', () => {
    const all = listed(waitingIncident({ steps: [], ...plan({ form: 'Orphan' }) }), 'Approve').join('\n');
    expect(all).toContain('is isolated: all of its labels are taken away');
    expect(all).toContain('NetworkPolicy shop/die-operator-quarantine: is made where it is missing');
  });

  test('of a StatefulSet: its annotation', () => {
    const incident = waitingIncident();
    incident.spec.target.workload = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u' };
    expect(listed(incident, 'Approve').join('\n')).toContain('StatefulSet shop/db: gets the annotation');
  });

  test('by a restart: the ControllerRevision and the pod that is made anew', () => {
    const manifest = { revision: 'rev-1', uid: 'u', sha256: HASH, keptAt: T0 };
    const incident = waitingIncident({
      ...plan({ steps: ['Isolate', 'Keep', 'Evict', 'Restart'] }),
      restart: { manifest },
    });
    const all = listed(incident, 'Approve').join('\n');
    expect(all).toContain('ControllerRevision shop/rev-1: is read');
    expect(all).toContain('is made anew under the same name');
  });

  test('by deletion where a budget is against it: that is said before', () => {
    const incident = waitingIncident();
    incident.spec.trigger.response.eviction = EvictionSchema.parse(JSON.parse('{"then":"Delete"}'));
    expect(listed(incident, 'Approve')[0]).toContain(
      'deleted, if a disruption budget is against that for 10m',
    );
  });

  test('by a denial or a hold: nothing but what stays', () => {
    expect(listed(waitingIncident(), 'Deny')).toEqual([expect.stringContaining('is not evicted')]);
    expect(listed(waitingIncident(), 'Hold')).toEqual([
      expect.stringContaining('is neither evicted nor taken out'),
    ]);
  });

  test('by a resume: only the question where a person is asked, else what goes on', () => {
    expect(listed(waitingIncident(), 'Resume')).toEqual([expect.stringContaining('a person is asked again')]);
    const free = waitingIncident({ plan: WITHOUT_NEEDS });
    expect(listed(free, 'Resume')[0]).toContain('is evicted');
  });

  test('by a release: what is put back, or that nothing is', () => {
    const annotated = aPod({ annotations: { 'die-operator.dev/incident': EXAMPLE_NAME } });
    expect(listed(waitingIncident(), 'Release', { state: 'There', pod: annotated })[0]).toContain(
      'gets its labels (app, pod-template-hash)',
    );
    expect(listed(waitingIncident(), 'Release', { state: 'Gone' })[0]).toContain('is gone');
    const going = aPod({ deletionTimestamp: T0 });
    expect(listed(waitingIncident(), 'Release', { state: 'There', pod: going })[0]).toContain(
      'cannot be taken back',
    );
  });
});

describe('what it waits for', () => {
  const reason = (name: string, message = 'a sentence: and more') =>
    waitingIncident({
      phase: 'Quarantined',
      conditions: [{ type: 'Ready', status: 'False', reason: name, message, lastTransitionTime: T0 }],
    });

  test('a person, and for what', () => {
    expect(standingOf(waitingIncident())).toMatchObject({
      needsPerson: true,
      waitsFor: 'a person to approve (LastReadyCopy)',
    });
  });

  test('a reason without words of its own is told by the beginning of its sentence', () => {
    expect(standingOf(reason('SomethingNew'))).toMatchObject({ needsPerson: false, waitsFor: 'a sentence' });
    expect(standingOf(reason('SomethingNew', 'x'.repeat(500))).waitsFor).toHaveLength(72);
  });

  test('nothing, once it is over', () => {
    expect(standingOf(waitingIncident({ phase: 'Released' })).waitsFor).toBe('');
  });

  test('the operator, before it looked', () => {
    const fresh = { ...waitingIncident() };
    delete fresh.status;
    expect(standingOf(fresh).waitsFor).toBe('the operator to look at it');
  });
});
