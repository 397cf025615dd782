// What took the place of a pod has to come, to be Ready with clean images, and then to be quiet.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import type { Decision, Facts, Replacement } from '../../../src/decide/decision.ts';
import { plan } from '../../../src/decide/plan.ts';
import { describe as noteOf } from '../../../src/incidents/describe.ts';
import { aPod, NOW, T0 } from '../../support/builders.ts';
import { evicted, MINUTE, reasonOf, someFacts } from './plan-support.ts';

const SECOND = 1_000;
const at = (ms: number) => new Date(NOW + ms).toISOString();

const proof = { containers: [], verdict: 'Pinned' as const, message: 'web runs its pinned digest' };
const replacement = (change: Partial<PodFacts> = {}, more: Partial<Replacement> = {}): Replacement => ({
  pod: aPod({ name: 'web-2', uid: 'pod-uid-2', createdAt: T0, readyAt: at(3 * SECOND), ...change }),
  proof,
  ...more,
});
const gone = (change: Partial<DriftIncidentStatus> = {}): DriftIncident =>
  evicted({ eviction: { requestedAt: T0, goneAt: T0 }, ...change });
const facts = (ms: number, change: Partial<Facts> = {}): Facts =>
  someFacts({ pod: undefined, now: NOW + ms, ...change });

/** One look of the responder: what it decided, and the incident with that noted, as the next one finds it. */
function look(incident: DriftIncident, given: Facts): { incident: DriftIncident; decision: Decision } {
  const decision = plan(incident, given);
  return { decision, incident: noteOf(incident, decision, given, new Date(given.now).toISOString()) };
}

/** Looks at each of these in order. */
function watch(looks: readonly Facts[], from = gone()): { incident: DriftIncident; decision: Decision } {
  let last: ReturnType<typeof look> | undefined;
  for (const given of looks) last = look(last?.incident ?? from, given);
  if (!last) throw new Error('nothing was looked at');
  return last;
}

const ready = (ms: number, change: Partial<PodFacts> = {}) => facts(ms, { replacement: replacement(change) });
const unready = (ms: number, change: Partial<PodFacts> = {}) => {
  const { readyAt: _, ...pod } = aPod({
    name: 'web-2',
    uid: 'pod-uid-2',
    createdAt: T0,
    ready: false,
    ...change,
  });
  return facts(ms, { replacement: { pod, proof } });
};

describe('a replacement whose digests differ', () => {
  const differs = (ms: number, undecided?: true) =>
    facts(ms, {
      replacement: replacement(
        {},
        { proof: { ...proof, verdict: 'Mismatch', ...(undecided && { undecided }) } },
      ),
    });

  test('is judged at once where no registry can tell more', () => {
    expect(reasonOf(plan(gone(), differs(5 * SECOND)))).toBe('UnapprovedImage');
  });

  test('waits for the registry that is asked, but not for long', () => {
    const until = NOW + 20 * SECOND;
    expect(plan(gone(), differs(5 * SECOND, true))).toMatchObject({ reason: 'AskingRegistry', until });
    const late = watch([differs(5 * SECOND, true), differs(19 * SECOND, true), differs(20 * SECOND, true)]);
    expect(late.decision).toMatchObject({ phase: 'Failed', reason: 'UnapprovedImage' });
  });

  test('is as good as any once the registry has told that they are one image', () => {
    const told = watch([differs(5 * SECOND, true), ready(6 * SECOND)]);
    expect(reasonOf(told.decision)).toBe('Quiet');
  });

  test('is not waited for beyond the time that the policy gives', () => {
    expect(reasonOf(plan(gone(), differs(5 * MINUTE, true)))).toBe('UnapprovedImage');
  });
});

describe('without a replacement', () => {
  test('it is waited for as long as the policy says', () => {
    const until = NOW + 5 * MINUTE;
    expect(plan(gone(), facts(MINUTE))).toMatchObject({ reason: 'WaitingForReplacement', until });
    expect(plan(gone(), facts(5 * MINUTE))).toMatchObject({ phase: 'Failed', reason: 'NoReplacement' });
  });

  test('one that came and drifted before it counted is named, once nothing else came in time', () => {
    const first = { driftedFirst: { pod: 'web-2', incident: 'web-2-abc-1' } };
    expect(plan(gone(), facts(MINUTE, first))).toMatchObject({ reason: 'WaitingForReplacement' });
    expect(plan(gone(), facts(5 * MINUTE, first))).toMatchObject({
      phase: 'Failed',
      reason: 'DriftedAgain',
      message: expect.stringContaining('web-2, which drifted, too (incident web-2-abc-1)') as string,
    });
  });

  test('none is needed at once where that is plain, else when nobody came in time', () => {
    const plain = { needless: { certain: true, message: 'Deployment web is gone' } };
    const likely = {
      needless: { certain: false, message: 'ReplicaSet web-5d4 has the 2 pods that it wants' },
    };
    expect(plan(gone(), facts(10 * SECOND, plain))).toMatchObject({
      phase: 'Resolved',
      reason: 'NoReplacementNeeded',
      message: 'nothing has to take its place: Deployment web is gone',
    });
    expect(reasonOf(plan(gone(), facts(10 * SECOND, likely)))).toBe('WaitingForReplacement');
    expect(plan(gone(), facts(5 * MINUTE, likely))).toMatchObject({
      phase: 'Resolved',
      reason: 'NoReplacementNeeded',
    });
  });

  test('what is not needed is not verified', () => {
    const needless = { certain: true, message: 'Deployment web is gone' };
    const { incident } = look(gone(), facts(10 * SECOND, { needless }));
    expect(incident.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'ReplacementVerified',
        status: 'Unknown',
        reason: 'NoReplacementNeeded',
      }),
    );
    expect(incident.status?.replacement).toBeUndefined();
  });

  test('one that came and went again is told apart', () => {
    const { decision } = watch([unready(SECOND), facts(5 * MINUTE)]);
    expect(decision).toMatchObject({ phase: 'Failed', reason: 'ReplacementGone' });
  });
});

describe('a replacement that is not Ready', () => {
  test.each<[string, Partial<PodFacts>, string]>([
    ['nothing says why', {}, 'NotReady'],
    ['its containers end again and again', { waiting: 'CrashLoopBackOff', restarts: 4 }, 'CrashLooping'],
    ['it was started again', { restarts: 1 }, 'CrashLooping'],
    ['its image cannot be pulled', { waiting: 'ImagePullBackOff' }, 'ImageUnavailable'],
    ['its image is on no node', { waiting: 'ErrImageNeverPull' }, 'ImageUnavailable'],
    ['its configuration is not there', { waiting: 'CreateContainerConfigError' }, 'NotReady'],
  ])('fails in the end: %s', (_, change, reason) => {
    expect(reasonOf(plan(gone(), unready(4 * MINUTE, change)))).toBe('WaitingForReplacement');
    const { decision, incident } = look(gone(), unready(5 * MINUTE, change));
    expect(decision).toMatchObject({ kind: 'Done', phase: 'Failed', reason });
    expect(incident.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'ReplacementVerified', status: 'False', reason }),
    );
  });

  test('fails for its images before anything else', () => {
    const bad = { ...proof, verdict: 'Mismatch' as const };
    const { pod } = replacement({ ready: false, waiting: 'CrashLoopBackOff' });
    const decision = plan(gone(), facts(5 * MINUTE, { replacement: { pod, proof: bad } }));
    expect(reasonOf(decision)).toBe('UnapprovedImage');
  });

  test('is on the record from the first sight', () => {
    const { incident } = look(gone(), unready(SECOND));
    expect(incident.status?.replacement).toEqual({ name: 'web-2', uid: 'pod-uid-2', images: [] });
  });
});

describe('a Ready replacement', () => {
  test.each([
    ['Pinned', 'Baseline', 'Resolved', 'Replaced', 'True', 'Pinned'],
    ['Approved', 'Baseline', 'Resolved', 'Replaced', 'True', 'Approved'],
    ['Baseline', 'Baseline', 'Resolved', 'Replaced', 'True', 'Baseline'],
    ['Unpinned', 'Baseline', 'Resolved', 'Replaced', 'Unknown', 'Unpinned'],
    ['Mismatch', 'Baseline', 'Failed', 'UnapprovedImage', 'False', 'UnapprovedImage'],
    ['Pinned', 'Pinned', 'Resolved', 'Replaced', 'True', 'Pinned'],
    ['Approved', 'Pinned', 'Failed', 'Unpinned', 'False', 'Unpinned'],
    ['Baseline', 'Pinned', 'Failed', 'Unpinned', 'False', 'Unpinned'],
    ['Unpinned', 'Pinned', 'Failed', 'Unpinned', 'False', 'Unpinned'],
    ['Mismatch', 'Pinned', 'Failed', 'UnapprovedImage', 'False', 'UnapprovedImage'],
  ] as const)('proven %s where %s is required ends %s/%s', (...row) => {
    const [verdict, require, phase, reason, status, why] = row;
    const incident = gone();
    incident.spec.trigger.response.eviction.replacement = { require, readyWithin: '5m', quietFor: '0s' };
    const given = facts(5 * SECOND, { replacement: replacement({}, { proof: { ...proof, verdict } }) });
    const end = look(incident, given);
    expect(end.decision).toMatchObject({ kind: 'Done', phase, reason });
    expect(end.incident.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'ReplacementVerified', status, reason: why }),
    );
  });

  test('has to be quiet for as long as the policy says', () => {
    const first = look(gone(), ready(5 * SECOND));
    const until = NOW + 65 * SECOND;
    expect(first.decision).toMatchObject({ kind: 'Wait', phase: 'Verifying', reason: 'Quiet', until });
    expect(first.incident.status?.replacement).toMatchObject({
      uid: 'pod-uid-2',
      readyAt: at(5 * SECOND),
      quietUntil: at(65 * SECOND),
      restarts: 0,
    });
    expect(first.incident.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'ReplacementVerified', status: 'Unknown', reason: 'Quiet' }),
    );
    expect(reasonOf(watch([ready(64 * SECOND)], first.incident).decision)).toBe('Quiet');
    expect(watch([ready(65 * SECOND)], first.incident).decision).toMatchObject({ phase: 'Resolved' });
  });

  test('changes nothing on the record while it is quiet', () => {
    const { incident } = look(gone(), ready(5 * SECOND));
    expect(watch([ready(30 * SECOND)], incident).incident).toEqual(incident);
  });

  test('of another revision says so', () => {
    const other = replacement({}, { otherRevision: true });
    const looks = [5, 65].map((second) => facts(second * SECOND, { replacement: other }));
    const { decision, incident } = watch(looks);
    expect(decision).toMatchObject({
      phase: 'Resolved',
      message: expect.stringContaining('of another revision'),
    });
    expect(incident.status?.replacement?.otherRevision).toBe(true);
  });

  test('fails at once with an image that became unapproved while it was quiet', () => {
    const bad = { ...proof, verdict: 'Mismatch' as const, message: 'a container was added' };
    const { decision } = watch([
      ready(5 * SECOND),
      facts(30 * SECOND, { replacement: replacement({}, { proof: bad }) }),
    ]);
    expect(decision).toMatchObject({ phase: 'Failed', reason: 'UnapprovedImage' });
  });
});

describe('a disturbance', () => {
  test.each<[string, Partial<PodFacts>]>([
    ['a restart', { restarts: 1 }],
    ['a moment without being Ready that nobody saw', { readyAt: at(20 * SECOND) }],
  ])('lets the quiet begin anew while there is time: %s', (_, change) => {
    const { decision, incident } = watch([ready(5 * SECOND), ready(30 * SECOND, change)]);
    expect(decision).toMatchObject({ reason: 'Quiet', until: NOW + 90 * SECOND });
    expect(reasonOf(watch([ready(65 * SECOND, change)], incident).decision)).toBe('Quiet');
    expect(watch([ready(90 * SECOND, change)], incident).decision).toMatchObject({ phase: 'Resolved' });
  });

  test('ends it where the time is over', () => {
    const begun = [ready(4.5 * MINUTE)];
    const restarted = ready(5.2 * MINUTE, { restarts: 1 });
    expect(watch([...begun, restarted]).decision).toMatchObject({ phase: 'Failed', reason: 'CrashLooping' });
    const flapped = ready(5.2 * MINUTE, { readyAt: at(5.1 * MINUTE) });
    expect(watch([...begun, flapped]).decision).toMatchObject({ phase: 'Failed', reason: 'NotReady' });
    expect(watch([...begun, ready(5.5 * MINUTE)]).decision).toMatchObject({ phase: 'Resolved' });
  });

  test('of a crash loop that is Ready in between never counts as quiet', () => {
    const looks = Array.from({ length: 40 }, (_, i) => {
      const restarts = Math.floor(i / 2);
      const ms = i * 8 * SECOND;
      return i % 2 === 0
        ? ready(ms, { restarts, readyAt: at(ms) })
        : unready(ms, { restarts: restarts + 1, waiting: 'CrashLoopBackOff' });
    });
    const ends = looks.findIndex((_, i) => watch(looks.slice(0, i + 1)).decision.kind === 'Done');
    expect(watch(looks.slice(0, ends + 1)).decision).toMatchObject({
      phase: 'Failed',
      reason: 'CrashLooping',
    });
  });

  test('by drift ends it at once, and the record names who drifted', () => {
    const drifted = facts(30 * SECOND, { driftedAgain: 'web-2-0123456789-1' });
    const { decision, incident } = watch([ready(5 * SECOND), drifted]);
    expect(decision).toMatchObject({ phase: 'Failed', reason: 'DriftedAgain' });
    expect(decision).toMatchObject({ message: expect.stringContaining('web-2-0123456789-1') });
    expect(incident.status?.replacement?.uid).toBe('pod-uid-2');
  });
});

describe('a clock that was wrong', () => {
  test('when the quiet began neither ends it at once nor keeps it for ever', () => {
    const young = { name: 'web-2', uid: 'pod-uid-2', images: [] };
    const began = (readyAt: string) =>
      gone({ replacement: { ...young, readyAt, readySince: at(3 * SECOND), restarts: 0 } });
    // An hour behind: the quiet counts from when the pod was Ready by its kubelet.
    const behind = began(at(-60 * MINUTE));
    expect(plan(behind, ready(62 * SECOND))).toMatchObject({ reason: 'Quiet', until: NOW + 63 * SECOND });
    // An hour ahead: it begins anew.
    const ahead = look(began(at(60 * MINUTE)), ready(10 * SECOND));
    expect(ahead.decision).toMatchObject({ reason: 'Quiet', until: NOW + 70 * SECOND });
    expect(watch([ready(70 * SECOND)], ahead.incident).decision).toMatchObject({ phase: 'Resolved' });
  });

  test('of the node does not keep the quiet from ending', () => {
    const looks = [5, 65].map((second) => ready(second * SECOND, { readyAt: at(60 * MINUTE) }));
    expect(watch(looks).decision).toMatchObject({ phase: 'Resolved' });
  });
});
