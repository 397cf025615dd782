// The judges of the audit log: each finds what it is there for, so that a clean verdict means something.
import { describe, expect, test } from 'vitest';
import type { AuditCall } from '../../support/audit-log.ts';
import {
  broken,
  claimsOf,
  evidenceFirst,
  nothingForbidden,
  onceEvicted,
  oneIncidentEach,
  onlyTargets,
  onlyTheLeader,
  type AuditedPromise,
} from '../../support/audited.ts';
import { anIncident } from '../../support/builders.ts';
import type { OperatorProcess } from '../../support/fleet.ts';

const ROOT = '/api/v1/namespaces/shop';
const uid = 'pod-uid-1';
const targets = new Set([uid]);

/** A call of the responder `a` that succeeded; when it arrived is told by its place, see {@link inTime}. */
function aCall(change: Partial<AuditCall>): AuditCall {
  const user = 'system:serviceaccount:die-operator-system:responder';
  return {
    id: '',
    user,
    verb: 'patch',
    uri: ROOT,
    namespace: 'shop',
    credential: 'a',
    receivedAt: '',
    code: 200,
    ...change,
  };
}

function inTime(calls: readonly AuditCall[]): AuditCall[] {
  return calls.map((call, n) => ({
    ...call,
    receivedAt: `2026-11-22T00:00:00.${String(n).padStart(6, '0')}Z`,
  }));
}

const claim = (holderIdentity: string, credential: string) =>
  aCall({
    resource: 'leases',
    name: 'lease',
    credential,
    body: [{ op: 'add', path: '/spec', value: { holderIdentity } }],
  });
const opens = (change: Partial<AuditCall> = {}, of = uid) =>
  aCall({
    verb: 'create',
    resource: 'driftincidents',
    name: 'i-1',
    code: 201,
    body: { spec: { target: { uid: of } } },
    ...change,
  });
const isolates = (of = uid) =>
  aCall({ resource: 'pods', name: 'web-1', body: [{ op: 'test', path: '/metadata/uid', value: of }] });
const keepsEvidence = (change: Partial<AuditCall> = {}) =>
  aCall({
    resource: 'driftincidents',
    subresource: 'status',
    name: 'i-1',
    body: [{ op: 'add', path: '/status/evidence' }],
    ...change,
  });
const evicts = (change: Partial<AuditCall> = {}, of: string | undefined = uid) =>
  aCall({
    verb: 'create',
    resource: 'pods',
    subresource: 'eviction',
    name: 'web-1',
    code: 201,
    uri: `${ROOT}/pods/web-1/eviction?fieldValidation=Strict`,
    body: { deleteOptions: { preconditions: { uid: of } } },
    ...change,
  });
const rehearses = () => evicts({ uri: `${ROOT}/pods/web-1/eviction?dryRun=All` });

/** A process that the audit log shows as `credential`. */
function aLife(credential: string): OperatorProcess {
  const member = { name: credential, role: 'responder', lease: 'lease' } as const;
  return { member, credential } as unknown as OperatorProcess;
}
const LIVES = [aLife('a'), aLife('b')];

const inOrder = [
  claim('a_1', 'a'),
  opens({ credential: 'r' }),
  isolates(),
  keepsEvidence(),
  rehearses(),
  evicts(),
];

describe('a response as it should be', () => {
  test('breaks nothing', () => {
    expect(broken({ calls: inTime(inOrder), targets }, LIVES)).toEqual([]);
  });
});

describe('what is found', () => {
  test.each<[string, AuditedPromise, () => AuditCall[]]>([
    ['a pod that is evicted twice', onceEvicted, () => [evicts(), evicts()]],
    ['an eviction that names no UID', onceEvicted, () => [evicts({ body: {} })]],
    [
      'a pod that is deleted',
      onceEvicted,
      () => [aCall({ verb: 'delete', resource: 'pods', name: 'web-1' })],
    ],
    ['a patch of a pod that no alert is about', onlyTargets, () => [isolates('pod-uid-2')]],
    [
      'a patch of a pod without a test of its UID',
      onlyTargets,
      () => [aCall({ resource: 'pods', body: [] })],
    ],
    ['the eviction of a pod that no alert is about', onlyTargets, () => [evicts({}, 'pod-uid-2')]],
    ['an eviction without evidence', evidenceFirst, () => [opens(), evicts()]],
    ['an eviction before its evidence', evidenceFirst, () => [opens(), evicts(), keepsEvidence()]],
    [
      'an eviction after evidence that was refused',
      evidenceFirst,
      () => [opens(), keepsEvidence({ code: 422 }), evicts()],
    ],
    ['an eviction without an incident', evidenceFirst, () => [keepsEvidence(), evicts()]],
    ['two incidents of a pod', oneIncidentEach, () => [opens(), opens({ name: 'i-2' })]],
    ['an incident of a pod that no alert is about', oneIncidentEach, () => [opens({}, 'pod-uid-2')]],
    ['a missing right', nothingForbidden, () => [evicts({ code: 403 })]],
    ['a write without the Lease', onlyTheLeader(LIVES), () => [isolates()]],
    [
      'a write after another one took the Lease',
      onlyTheLeader(LIVES),
      () => [claim('a_1', 'a'), claim('b_1', 'b'), isolates()],
    ],
    [
      'a write after the Lease was given back',
      onlyTheLeader(LIVES),
      () => [claim('a_1', 'a'), claim('', 'a'), isolates()],
    ],
  ])('%s', (_, promise, calls) => {
    expect(promise({ calls: inTime(calls()), targets })).toHaveLength(1);
  });

  test.each<[string, AuditedPromise, () => AuditCall[]]>([
    ['a second eviction that was refused', onceEvicted, () => [evicts(), evicts({ code: 409 })]],
    ['a rehearsal', onceEvicted, () => [rehearses(), rehearses(), evicts()]],
    [
      'evidence whose answer was lost',
      evidenceFirst,
      () => [opens(), keepsEvidence({ code: 504 }), evicts()],
    ],
    [
      'evidence whose server was killed before it answered',
      evidenceFirst,
      () => [
        opens(),
        { ...keepsEvidence(), code: undefined, body: undefined } as unknown as AuditCall,
        evicts(),
      ],
    ],
    ['an incident that was there already', oneIncidentEach, () => [opens(), opens({ code: 409 })]],
    ['a renewal', onlyTheLeader(LIVES), () => [claim('a_1', 'a'), claim('a_1', 'a'), isolates()]],
    [
      'a claim that was refused',
      onlyTheLeader(LIVES),
      () => [claim('a_1', 'a'), { ...claim('b_1', 'b'), code: 422 }, isolates()],
    ],
  ])('not %s', (_, promise, calls) => {
    expect(promise({ calls: inTime(calls()), targets })).toEqual([]);
  });
});

test('an incident whose creation is in no log, as its server was killed, is known by what is there at the end', () => {
  const calls = inTime([opens({ body: undefined }), keepsEvidence(), evicts()]);
  const incident = anIncident();
  const metadata = { ...incident.metadata, namespace: 'shop', name: 'i-1' };
  const there = {
    ...incident,
    metadata,
    spec: { ...incident.spec, target: { ...incident.spec.target, uid } },
  };
  expect(evidenceFirst({ calls, targets })).toHaveLength(1);
  expect(evidenceFirst({ calls, targets, incidents: [there] })).toEqual([]);
});

describe('who leads', () => {
  test('is told by each change of the holder', () => {
    const calls = [claim('a_1', 'a'), claim('a_1', 'a'), claim('', 'a'), claim('b_1', 'b')];
    expect(claimsOf(inTime(calls)).map(({ credential }) => credential)).toEqual(['a', undefined, 'b']);
  });
});
