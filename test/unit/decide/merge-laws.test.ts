// What holds of merging whatever the policies are: order, silence and repetition change nothing, and no policy weakens another.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aDraft,
  answerOf,
  compiled,
  drafts,
  granting,
  scenes,
  someExceptions,
  worlds,
  type Draft,
} from './merge-worlds.ts';

describe('whatever the policies are,', () => {
  test('their order means nothing', () => {
    const shuffled = worlds.chain((world) =>
      fc.record({
        world: fc.constant(world),
        other: fc.shuffledSubarray([...world.policies], { minLength: world.policies.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ world: { policies, scene }, other }) => {
        expect(answerOf(other, scene)).toEqual(answerOf(policies, scene));
      }),
    );
  });

  test('a policy that does not answer changes nothing', () => {
    const silent = (one: Draft): Draft[] => [
      { ...one, spec: { ...one.spec, match: { podSelector: { matchLabels: { app: 'nobody' } } } } },
      { ...one, spec: { ...one.spec, responses: [{ name: 'a', rules: ['Nothing'], actions: ['Evict'] }] } },
      {
        ...one,
        spec: {
          ...one.spec,
          responses: [{ name: 'a', condition: 'pod.labels["x"] == ""', actions: ['Evict'] }],
        },
      },
      {
        kind: 'ClusterDriftPolicy',
        spec: { ...one.spec, namespaceSelector: { matchLabels: { tenant: 'no' } }, grants: {} },
      },
    ];
    fc.assert(
      fc.property(worlds, aDraft, fc.nat({ max: 3 }), ({ policies, scene }, one, which) => {
        const draft = silent(one)[which];
        expect(draft).toBeDefined();
        const more = compiled(draft ? [draft] : [], policies.length);
        expect(answerOf([...policies, ...more], scene)).toEqual(answerOf(policies, scene));
      }),
    );
  });

  test('one that is there twice changes nothing', () => {
    fc.assert(
      fc.property(drafts, granting, scenes, (some, grants, scene) => {
        const once = compiled([...some, ...grants]);
        const before = answerOf(once, scene);
        const { parts: after, ...rest } = answerOf(
          [...once, ...compiled([...some, ...grants], once.length)],
          scene,
        );
        const { parts: former, ...same } = before;
        expect(rest).toEqual(same);
        expect(after).toMatchObject(former);
      }),
    );
  });

  test('an exception that is added to one never changes the part of another, and takes from its own at most', () => {
    fc.assert(
      fc.property(drafts, aDraft, scenes, someExceptions, (others, one, scene, exceptions) => {
        const withThem = (list: object[]) =>
          answerOf(compiled([{ ...one, spec: { ...one.spec, exceptions: list } }, ...others]), scene);
        const { p0: before, ...unchanged } = withThem([]).parts;
        const { p0: after, ...rest } = withThem(exceptions).parts;
        expect(rest).toEqual(unchanged);
        expect(before?.actions ?? []).toEqual(expect.arrayContaining(after?.actions ?? []));
        expect(withThem(exceptions).settings).toEqual(withThem([]).settings);
      }),
    );
  });

  test('one more policy takes no action of another away', () => {
    fc.assert(
      fc.property(drafts, aDraft, scenes, (some, one, scene) => {
        const before = answerOf(compiled(some), scene).done;
        expect(answerOf(compiled([...some, one]), scene).done).toEqual(expect.arrayContaining(before));
      }),
    );
  });

  test('one in Audit changes nothing of what is done, nor of how it is done', () => {
    fc.assert(
      fc.property(drafts, aDraft, scenes, (some, one, scene) => {
        const { parts, done, settings } = answerOf(compiled(some), scene);
        const audit = { ...one, spec: { ...one.spec, mode: 'Audit' } };
        const more = answerOf(compiled([...some, audit]), scene);
        expect(more.done).toEqual(done);
        // Where nothing is enforced there are only plans, and the new one has its say in them.
        fc.pre(Object.values(parts).some(({ mode }) => mode === 'Enforce'));
        expect(more.settings).toEqual(settings);
      }),
    );
  });

  test('of more than an incident records those in Enforce come first, of these the ones of the cluster', () => {
    const many = (count: number, kind: Draft['kind'], mode: string): Draft[] =>
      Array.from({ length: count }, () => ({
        kind,
        spec: { mode, responses: [{ name: 'a', minSeverity: 'Debug', actions: ['Label'] }] },
      }));
    const count = fc.integer({ min: 13, max: 40 });
    fc.assert(
      fc.property(count, count, count, scenes, (audits, own, cluster, scene) => {
        const all = [
          ...many(audits, 'DriftPolicy', 'Audit'),
          ...many(own, 'DriftPolicy', 'Enforce'),
          ...many(cluster, 'ClusterDriftPolicy', 'Enforce'),
        ];
        const kept = Object.values(answerOf(compiled(all), scene).parts);
        expect(kept).toHaveLength(32);
        const clusterKept = kept.filter(({ kind }) => kind === 'ClusterDriftPolicy');
        expect(clusterKept).toHaveLength(Math.min(32, cluster));
        const enforced = kept.filter(({ mode }) => mode === 'Enforce');
        expect(enforced).toHaveLength(Math.min(32, cluster + own));
      }),
      { numRuns: 20 },
    );
  });
});

test('the worlds are ones in which something happens', () => {
  const seen = { answered: 0, capped: 0, glass: 0, refused: 0, enforced: 0 };
  const sample = fc.sample(worlds, { numRuns: 500, seed: 6 });
  for (const { policies, scene } of sample) {
    const { parts: all, done } = answerOf(policies, scene);
    const caps = Object.values(all).flatMap(({ cap }) => cap ?? []);
    if (Object.keys(all).length > 0) seen.answered++;
    if (caps.some(({ by }) => by === 'Exception')) seen.capped++;
    if (caps.some(({ by }) => by === 'BreakGlass')) seen.glass++;
    if (done.length > 0) seen.enforced++;
    const plain = answerOf(
      policies.filter(({ grants }) => !grants),
      scene,
    );
    if (Object.keys(plain.parts).length > Object.keys(all).length) seen.refused++;
  }
  expect(Object.entries(seen).filter(([, count]) => count < 10)).toEqual([]);
});
