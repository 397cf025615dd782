// A Lease as an election reads it, whoever wrote it, and what it writes.
import { applyPatch, type Operation } from 'rfc6902';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  emptyLease,
  holdPatch,
  isUnchanged,
  readRecord,
  releasePatch,
  type Writing,
} from '../../../src/controller/leader-record.ts';
import type { JsonPatchOp } from '../../../src/kube/client.ts';

const AT = '2026-11-22T03:00:00.000000Z';
const writing: Writing = {
  identity: 'web-1_00ff',
  leaseMs: 10_000,
  now: Date.UTC(2026, 10, 22, 4),
  count: 7,
};

function lease(spec?: unknown, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  const base = { name: 'leader', namespace: 'x', uid: 'uid-1', resourceVersion: '5', creationTimestamp: AT };
  return { metadata: { ...base, ...metadata }, ...(spec !== undefined && { spec }) };
}

const held = (more: object = {}) =>
  lease({
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    leaseTransitions: 3,
    acquireTime: AT,
    renewTime: AT,
    ...more,
  });

/** The Lease after the patch, of which the tests must hold. */
function apply(to: KubeObject, patch: readonly JsonPatchOp[]): KubeObject {
  const next = structuredClone(to);
  const problems = applyPatch(next, patch as Operation[]).filter((problem) => problem !== null);
  if (problems[0]) throw new Error(`refused: ${problems[0].name}`);
  return next;
}

describe('reading', () => {
  test.each<[string, unknown, object]>([
    [
      'one that is held',
      held()['spec'],
      { holder: 'a', durationMs: 15_000, released: false, transitions: 3, acquireTime: AT },
    ],
    [
      'one that was given back',
      { holderIdentity: '', leaseDurationSeconds: 1 },
      { holder: '', released: true },
    ],
    ['one that was given back without a holder', { leaseDurationSeconds: 1 }, { holder: '', released: true }],
    [
      'one that a person emptied',
      { holderIdentity: '', leaseDurationSeconds: 10 },
      { holder: '', released: false },
    ],
    ['one without a spec', undefined, { holder: '', durationMs: 0, released: false, transitions: 0 }],
    [
      'one whose spec is no object',
      'garbage',
      { holder: '', durationMs: 0, released: false, transitions: 0 },
    ],
    ['a holder that is no text', { holderIdentity: 7 }, { holder: '', released: false }],
    [
      'a duration of nothing',
      { holderIdentity: 'a', leaseDurationSeconds: 0 },
      { holder: 'a', durationMs: 0 },
    ],
    ['a duration before nothing', { holderIdentity: 'a', leaseDurationSeconds: -5 }, { durationMs: 0 }],
    ['a count that is full', { leaseTransitions: 2 ** 31 - 1 }, { transitions: 0 }],
    ['a count before nothing', { leaseTransitions: -1 }, { transitions: 0 }],
    ['a time that is none', { acquireTime: 'yesterday' }, { acquireTime: undefined }],
    [
      'a time that the API server would refuse',
      { acquireTime: '2026-11-22T03:00:00Z' },
      { acquireTime: undefined },
    ],
  ])('%s', (_, spec, expected) => {
    expect(readRecord(lease(spec))).toMatchObject({ uid: 'uid-1', resourceVersion: '5', ...expected });
  });

  test('never throws, and what is written thereafter is a good Lease', () => {
    fc.assert(
      fc.property(fc.anything(), (spec) => {
        const record = readRecord(lease(spec));
        const [, , { value }] = holdPatch(record, writing) as [
          unknown,
          unknown,
          { value: Record<string, unknown> },
        ];
        expect(value).toMatchObject({ holderIdentity: writing.identity, leaseDurationSeconds: 10 });
        expect(value['leaseTransitions']).toSatisfy((count: number) => count > 0 && count < 2 ** 31);
      }),
    );
  });
});

describe('a Lease is unchanged', () => {
  const before = readRecord(held());
  test('if nobody wrote to it', () => {
    expect(isUnchanged(before, readRecord(held()))).toBe(true);
  });

  test.each<[string, KubeObject]>([
    [
      'it was renewed',
      lease({ ...(held()['spec'] as object), renewTime: 'later' }, { resourceVersion: '6' }),
    ],
    ['somebody wrote the same once more', lease(held()['spec'], { resourceVersion: '6' })],
    ['it was deleted and made again', lease(held()['spec'], { uid: 'uid-2' })],
  ])('but not if %s', (_, now) => {
    expect(isUnchanged(before, readRecord(now))).toBe(false);
  });
});

describe('taking it', () => {
  test('names the holder, when it began, and that the holder changed', () => {
    const { spec } = apply(held(), holdPatch(readRecord(held()), writing));
    expect(spec).toEqual({
      holderIdentity: 'web-1_00ff',
      leaseDurationSeconds: 10,
      acquireTime: '2026-11-22T04:00:00.000007Z',
      renewTime: '2026-11-22T04:00:00.000007Z',
      leaseTransitions: 4,
    });
  });

  test('leaves nothing of what others wrote', () => {
    const before = held({ strategy: 'OldestEmulationVersion', preferredHolder: 'somebody' });
    const { spec } = apply(before, holdPatch(readRecord(before), writing));
    expect(spec).not.toHaveProperty('strategy');
    expect(spec).not.toHaveProperty('preferredHolder');
  });

  test('works on one without a spec', () => {
    expect(apply(lease(), holdPatch(readRecord(lease()), writing))).toMatchObject({
      spec: { leaseTransitions: 1 },
    });
  });

  test.each<[string, Partial<KubeObject['metadata']>]>([
    ['another version', { resourceVersion: '6' }],
    ['another Lease of that name', { uid: 'uid-2' }],
  ])('is refused by %s', (_, metadata) => {
    const patch = holdPatch(readRecord(held()), writing);
    expect(() => apply(lease(held()['spec'], metadata), patch)).toThrow(/refused: TestError/);
  });
});

describe('renewing it', () => {
  const ours = held({ holderIdentity: writing.identity });

  test('keeps since when, and how often it changed', () => {
    const { spec } = apply(ours, holdPatch(readRecord(ours), writing));
    expect(spec).toMatchObject({
      acquireTime: AT,
      renewTime: '2026-11-22T04:00:00.000007Z',
      leaseTransitions: 3,
    });
  });

  test('changes it also when the clock stands still or goes back to that very millisecond', () => {
    const once = apply(ours, holdPatch(readRecord(ours), writing));
    const again = apply(once, holdPatch(readRecord(once), { ...writing, count: writing.count + 1 }));
    expect(again['spec']).not.toEqual(once['spec']);
  });

  test.each([0, 7, 999, 1_000, 123_456])('has a time with six digits at write %i', (count) => {
    const { spec } = apply(ours, holdPatch(readRecord(ours), { ...writing, count }));
    expect((spec as { renewTime: string }).renewTime).toMatch(/^2026-11-22T04:00:00\.000\d{3}Z$/);
  });

  test('rounds the lease up to whole seconds, which is what others can read', () => {
    const { spec } = apply(ours, holdPatch(readRecord(ours), { ...writing, leaseMs: 2_500 }));
    expect(spec).toMatchObject({ leaseDurationSeconds: 3 });
  });
});

test('a Lease that was given back says so, and counts on', () => {
  const back = apply(held(), releasePatch(readRecord(held()), writing));
  expect(readRecord(back)).toMatchObject({ holder: '', released: true, transitions: 3 });
});

test('a new Lease is not one that was given back', () => {
  const made = emptyLease({ namespace: 'x', name: 'leader' }, 10_000) as KubeObject;
  expect(made).toMatchObject({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'leader' },
  });
  expect(readRecord(lease(made['spec']))).toMatchObject({ holder: '', released: false, durationMs: 10_000 });
});
