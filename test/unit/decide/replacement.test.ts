// Which pod takes the place of one that was evicted.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { chooseReplacement, driftedCandidate, type Candidates } from '../../../src/decide/replacement.ts';
import { anIncident, aPod, NOW } from '../../support/builders.ts';

const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString();
const OTHER_SET = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web-777',
  uid: 'rs-2',
  controller: true,
};
const incident = anIncident();

const later = (name: string, change: Partial<PodFacts> = {}): PodFacts =>
  aPod({ name, uid: `uid-${name}`, createdAt: at(5), ...change });
const rolled = (name: string, change: Partial<PodFacts> = {}) =>
  later(name, {
    ownerReferences: [OTHER_SET],
    labels: { app: 'web', 'pod-template-hash': '777' },
    ...change,
  });
const choose = (pods: PodFacts[], change: Partial<Candidates> = {}, of: DriftIncident = incident) =>
  chooseReplacement(of, { pods, isTaken: () => false, rivals: [], ...change })?.name;
const having = (uid: string) => anIncident({ status: { replacement: { name: uid, uid, images: [] } } });

describe('the replacement', () => {
  test('is a pod of the same owner and template that came later', () => {
    expect(choose([later('web-2')])).toBe('web-2');
  });

  test.each<[string, PodFacts]>([
    ['was there before', later('web-2', { createdAt: at(-60) })],
    ['is the pod itself', aPod({ createdAt: at(5) })],
    ['is on its way out', later('web-2', { deletionTimestamp: at(6) })],
    ['is in quarantine', later('web-2', { labels: { [QUARANTINE_LABEL]: 'true' } })],
  ])('is none that %s', (_, pod) => expect(choose([pod])).toBeUndefined());

  test('is none that another incident has', () => {
    expect(choose([later('web-2'), later('web-3')], { isTaken: (uid) => uid === 'uid-web-2' })).toBe('web-3');
  });

  test('that is in quarantine itself is told apart, if it came in the place and for no other incident', () => {
    const labels = { ...incident.spec.target.labels, [QUARANTINE_LABEL]: 'true' };
    const found = (pods: PodFacts[], taken = '') =>
      driftedCandidate(incident, { pods, isTaken: (uid) => uid === taken })?.name;
    expect(found([later('web-2'), later('web-3', { labels })])).toBe('web-3');
    expect(found([later('web-3', { labels })], 'uid-web-3')).toBeUndefined();
    expect(found([later('web-3', { labels, createdAt: at(-60) })])).toBeUndefined();
  });

  test('is none that was there when the incident was looked at first', () => {
    const plan = { mode: 'Enforce' as const, steps: [], message: '', bystanders: ['uid-web-2'] };
    expect(choose([later('web-2')], {}, anIncident({ status: { plan } }))).toBeUndefined();
  });

  test('is of another revision only where there is none of its own', () => {
    expect(choose([rolled('web-3', { createdAt: at(1) }), later('web-4', { ready: false })])).toBe('web-4');
    expect(choose([rolled('web-3')])).toBe('web-3');
  });

  test('is of its own revision by the label also under one controller', () => {
    const labels = { app: 'web', 'pod-template-hash': '777' };
    expect(choose([later('web-3', { labels, createdAt: at(1) }), later('web-4')])).toBe('web-4');
  });
});

describe('what was chosen before', () => {
  test('is kept once it is Ready, whoever else comes', () => {
    const pods = [later('web-2', { createdAt: at(1) }), later('web-3')];
    expect(choose(pods, {}, having('uid-web-3'))).toBe('web-3');
  });

  test('is kept before it is Ready, unless another one is', () => {
    const slow = later('web-3', { ready: false });
    expect(choose([later('web-2', { ready: false, createdAt: at(1) }), slow], {}, having('uid-web-3'))).toBe(
      'web-3',
    );
    expect(choose([later('web-2'), slow], {}, having('uid-web-3'))).toBe('web-2');
  });

  test('is let go when it is gone', () => {
    expect(choose([later('web-2')], {}, having('uid-web-3'))).toBe('web-2');
  });
});
