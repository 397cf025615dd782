// What the lists of quarantined pods should say, from pods and incidents alone.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import {
  holdOf,
  listChanges,
  listEntry,
  uidChanges,
  uidOfEntry,
  type Quarantine,
} from '../../../src/decide/quarantine-list.ts';
import { contributionKey, type Standing } from '../../../src/decide/standing.ts';
import { aContribution, anIncident, aPod, someSettings, T0 } from '../../support/builders.ts';

const LABELLED = { [QUARANTINE_LABEL]: 'true' };
const AS_ASKED: Standing = new Map([[contributionKey(aContribution()), aContribution().actions]]);
const EVIDENCE = {
  location: 'file:///x',
  manifestSha256: 'a'.repeat(64),
  files: 1,
  bytes: 1,
  problems: [],
};

function capture(state: 'Running' | 'Waiting' | 'Succeeded' | 'Failed'): DriftIncidentStatus {
  const step = { name: 'Capture', state, attempts: 1, startedAt: T0, reason: 'Any', message: '' } as const;
  return { reports: {}, steps: [step] };
}

function denying(incident: DriftIncident): DriftIncident {
  const { spec } = incident;
  const settings = someSettings();
  const response = { ...settings, isolation: { ...settings.isolation, onDrain: 'Deny' as const } };
  return { ...incident, spec: { ...spec, trigger: { ...spec.trigger, response } } };
}

describe('a drain', () => {
  test.for<[string, 'Held' | 'Drainable', DriftIncident, Standing]>([
    ['waits for evidence that is not begun', 'Held', anIncident(), AS_ASKED],
    ['waits while it is captured', 'Held', anIncident({ status: capture('Running') }), AS_ASKED],
    ['waits while the capture is tried again', 'Held', anIncident({ status: capture('Waiting') }), AS_ASKED],
    [
      'may go on when it is kept',
      'Drainable',
      anIncident({ status: { reports: {}, evidence: EVIDENCE } }),
      AS_ASKED,
    ],
    ['may go on when it was captured', 'Drainable', anIncident({ status: capture('Succeeded') }), AS_ASKED],
    ['may go on when it was given up', 'Drainable', anIncident({ status: capture('Failed') }), AS_ASKED],
    [
      'does not wait for what nobody asked for',
      'Drainable',
      anIncident({ policies: [aContribution({ actions: ['Label', 'Isolate'] })] }),
      new Map([[contributionKey(aContribution()), ['Label', 'Isolate']]]),
    ],
    ['does not wait for what no policy wants any more', 'Drainable', anIncident(), new Map()],
    [
      'never may where a policy says Deny',
      'Held',
      denying(anIncident({ status: { reports: {}, evidence: EVIDENCE } })),
      AS_ASKED,
    ],
  ])('%s', ([, hold, incident, standing]) => {
    expect(holdOf(incident, standing)).toBe(hold);
  });
});

describe('an entry', () => {
  test.for([
    ['Held 1-2', '1-2'],
    ['Drainable 1-2', '1-2'],
    ['Held', ''],
    ['', ''],
  ])('%j is about the pod %j', ([entry = '', uid]) => expect(uidOfEntry(entry)).toBe(uid));

  test('tells the UID that it was made with', () => {
    expect(uidOfEntry(listEntry('Held', 'a'))).toBe('a');
    expect(listEntry('Drainable', 'a')).toBe('Drainable a');
  });
});

function quarantine(change: Partial<Quarantine>): Quarantine {
  return { namespace: 'shop', list: {}, pods: [], incidents: [], standingOf: () => AS_ASKED, ...change };
}

const POD = { namespace: 'shop', name: 'web-1', uid: 'pod-uid-1' };
const over = anIncident({ status: { reports: {}, phase: 'Released' } });

describe('a sweep of a namespace', () => {
  test.for<[string, Partial<Quarantine>, ReturnType<typeof listChanges>]>([
    [
      'lists a labelled pod as its incident says',
      { pods: [aPod({ labels: LABELLED })], incidents: [anIncident({ status: capture('Succeeded') })] },
      { list: [{ ...POD, hold: 'Drainable' }], unlist: [] },
    ],
    [
      'holds a labelled pod for which no open incident speaks',
      { pods: [aPod({ labels: LABELLED })], incidents: [over] },
      { list: [{ ...POD, hold: 'Held' }], unlist: [] },
    ],
    [
      'leaves what is right',
      { list: { 'web-1': 'Held pod-uid-1' }, pods: [aPod({ labels: LABELLED })], incidents: [anIncident()] },
      { list: [], unlist: [] },
    ],
    [
      'corrects the hold',
      { list: { 'web-1': 'Drainable pod-uid-1' }, pods: [aPod({ labels: LABELLED })] },
      { list: [{ ...POD, hold: 'Held' }], unlist: [] },
    ],
    [
      'keeps the entry of a pod that is about to be labelled',
      { list: { 'web-1': 'Held pod-uid-1' }, pods: [aPod()], incidents: [anIncident()] },
      { list: [], unlist: [] },
    ],
    [
      'takes out a pod that was released',
      { list: { 'web-1': 'Held pod-uid-1' }, pods: [aPod()], incidents: [over] },
      { list: [], unlist: [POD] },
    ],
    [
      'takes out a pod that is gone, though its incident is open',
      { list: { 'web-1': 'Held pod-uid-1' }, incidents: [anIncident()] },
      { list: [], unlist: [POD] },
    ],
    [
      'takes out the entry of the pod that had the name before',
      { list: { 'web-1': 'Held old-uid' }, pods: [aPod()], incidents: [anIncident()] },
      { list: [], unlist: [{ ...POD, uid: 'old-uid' }] },
    ],
    [
      'takes out what somebody wrote by hand',
      { list: { constructor: 'Held', x: '' } },
      {
        list: [],
        unlist: [
          { namespace: 'shop', name: 'constructor', uid: '' },
          { namespace: 'shop', name: 'x', uid: '' },
        ],
      },
    ],
  ])('%s', ([, change, changes]) => expect(listChanges(quarantine(change))).toEqual(changes));

  // Names like those of members that every object has.
  const names = fc.constantFrom('web-1', 'web-2', 'constructor', 'valueof');
  const uids = fc.constantFrom('u1', 'u2', 'u3');
  const pods = fc
    .uniqueArray(fc.record({ name: names, uid: uids, labels: fc.constantFrom({}, LABELLED) }), {
      selector: ({ name }) => name,
    })
    .map((all) => all.filter(({ uid }, index) => all.findIndex((one) => one.uid === uid) === index))
    .map((all): PodFacts[] => all.map((one) => aPod(one)));
  const lists = fc.dictionary(
    names,
    fc.tuple(fc.constantFrom('Held', 'Drainable'), uids).map((entry) => entry.join(' ')),
  );

  test('changes nothing when it is done again, and leaves exactly the labelled pods without incidents', () => {
    fc.assert(
      fc.property(lists, pods, (list, all) => {
        const now = quarantine({ list, pods: all });
        const after = applied(list, listChanges(now));
        expect(listChanges({ ...now, list: after })).toEqual({ list: [], unlist: [] });
        const labelled = all.filter(({ labels }) => QUARANTINE_LABEL in labels);
        const wanted = labelled.map(({ name, uid }) => [name, listEntry('Held', uid)]);
        expect(Object.fromEntries(Object.entries(after))).toEqual(Object.fromEntries(wanted));
      }),
    );
  });
});

/** As the writer does it: an entry goes only if it is still that of the pod. */
function applied(list: Readonly<Record<string, string>>, changes: ReturnType<typeof listChanges>) {
  const entries = new Map(Object.entries(list));
  for (const { name, uid, hold } of changes.list) entries.set(name, listEntry(hold, uid));
  for (const { name, uid } of changes.unlist)
    if (uidOfEntry(entries.get(name) ?? '') === uid) entries.delete(name);
  return Object.fromEntries(entries);
}

describe('a sweep of the list of the cluster', () => {
  const list = { 'pod-uid-1': 'shop/web-1', labelled: 'shop/a', released: 'shop/b', gone: 'shop/c' };
  const a = aPod({ name: 'a', uid: 'labelled', labels: LABELLED });
  const others = [a, aPod({ name: 'b', uid: 'released' })];

  test('takes out pods that are gone or released, and keeps those that are labelled or about to be', () => {
    expect(uidChanges(list, [aPod(), ...others], [anIncident()]).unlist).toEqual(['released', 'gone']);
    expect(uidChanges(list, others, [over]).unlist).toEqual(['pod-uid-1', 'released', 'gone']);
  });

  test('lists what is labelled and missing, and nothing else', () => {
    const missing = [{ namespace: 'shop', name: 'a', uid: 'labelled' }];
    expect(uidChanges({}, [aPod(), ...others], [anIncident()])).toEqual({ list: missing, unlist: [] });
    expect(uidChanges(list, others, []).list).toEqual([]);
  });
});
