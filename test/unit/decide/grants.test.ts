// What ClusterDriftPolicies let the policies of namespaces do, and what is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { powersOf } from '../../../src/decide/grants.ts';
import { aDetection, aPod } from '../../support/builders.ts';
import { matched, rulebookOf } from '../../support/matched.ts';
import { policy } from './builders.ts';

const SHOP = { name: 'shop', labels: { tenant: 'true', 'kubernetes.io/metadata.name': 'shop' } };
const EXCEPTION = { name: 'x', image: '*', reason: 'r', expires: '2027-01-01T00:00:00Z' };

function cluster(spec: object, name = 'cluster'): CompiledPolicy {
  return policy({ responses: undefined, ...spec }, { name, uid: name }, 'ClusterDriftPolicy');
}

describe('the powers of a namespace', () => {
  test('are Enforce and exceptions where no policy of the cluster says anything', () => {
    expect(powersOf(SHOP, [])).toEqual({
      enforce: true,
      exceptions: true,
      cut: false,
      collectors: [],
      comparison: false,
      grantedBy: [],
    });
  });

  test.each<[string, object]>([
    ['grants nothing', { grants: {} }],
    ['selects it by label', { grants: {}, namespaceSelector: { matchLabels: { tenant: 'true' } } }],
  ])('are none as soon as one %s', (_how, spec) => {
    expect(powersOf(SHOP, [cluster(spec)])).toEqual({
      enforce: false,
      exceptions: false,
      cut: false,
      collectors: [],
      comparison: false,
      grantedBy: ['cluster'],
    });
  });

  test('are not touched by one that selects other namespaces, or that grants nothing at all', () => {
    const others = cluster({ grants: {}, namespaceSelector: { matchLabels: { tenant: 'false' } } });
    const silent = cluster({ responses: [{ name: 'r', actions: ['Label'] }] }, 'silent');
    expect(powersOf(SHOP, [others, silent])).toEqual(powersOf(SHOP, []));
  });

  test('are what any of several grants, with the shortest break-glass time, in any order', () => {
    const all = [
      cluster({ grants: { enforce: true, cut: true, collectors: ['Filesystem'] } }, 'a'),
      cluster({ grants: { exceptions: true, comparison: true, breakGlass: { maxDuration: '4h' } } }, 'b'),
      cluster(
        { grants: { breakGlass: { maxDuration: '30m' }, collectors: ['Processes', 'Filesystem'] } },
        'c',
      ),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), (some) => {
        expect(powersOf(SHOP, some)).toEqual({
          enforce: true,
          exceptions: true,
          cut: true,
          collectors: ['Processes', 'Filesystem'],
          comparison: true,
          breakGlassMs: 1_800_000,
          grantedBy: ['a', 'b', 'c'],
        });
      }),
    );
  });
});

describe('a policy of a namespace that asks for more than is granted', () => {
  test('may run commands in pods, and have checkpoints made, only where that is granted', () => {
    const exec = [{ container: 'web', command: ['ps'] }];
    const asks = policy({ mode: 'Audit', evidence: { exec, collectors: ['Checkpoint'] } });
    const paths = (grants: object) =>
      rulebookOf([asks, cluster({ grants })], SHOP)
        .refused.get(asks.uid)
        ?.map(({ path }) => path);
    expect(paths({})).toEqual(['spec.evidence.exec', 'spec.evidence.collectors[0]']);
    expect(paths({ exec: true, collectors: ['Checkpoint'] })).toBeUndefined();
    expect(rulebookOf([asks], SHOP).inForce.has(asks.uid)).toBe(false);
  });

  const greedy = policy({ mode: 'Enforce', exceptions: [EXCEPTION] });

  test('is not in force, and is told which field and by whom', () => {
    const book = rulebookOf([greedy, cluster({ grants: {} })], SHOP);
    expect(book.inForce.has(greedy.uid)).toBe(false);
    expect(book.refused.get(greedy.uid)?.map(({ path }) => path)).toEqual(['spec.mode', 'spec.exceptions']);
    expect(book.refused.get(greedy.uid)?.[0]?.message).toContain('grants of: cluster');
  });

  test.each<[string, object]>([
    ['Audit', { mode: 'Audit' }],
    ['Audit with a long ladder', { mode: 'Audit', responses: [{ name: 'r', actions: ['Evict'] }] }],
  ])('unlike one in %s', (_what, spec: object) => {
    const modest = policy({ ...spec });
    expect(rulebookOf([modest, cluster({ grants: {} })], SHOP).inForce.has(modest.uid)).toBe(true);
  });

  test('contributes nothing, and the policy of the cluster still does', () => {
    const strict = cluster({ mode: 'Enforce', responses: [{ name: 'r', actions: ['Isolate'] }], grants: {} });
    const match = matched([greedy, strict], aPod(), aDetection());
    expect(match?.contributions.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
      'ClusterDriftPolicy/cluster',
    ]);
  });

  test.each<[string, object[]]>([
    ['no policy of the cluster grants anything', []],
    ['those that do leave it out', [{ grants: { enforce: true, exceptions: true } }]],
    [
      'it is granted elsewhere',
      [{ grants: { cut: true }, namespaceSelector: { matchLabels: { tenant: 'false' } } }],
    ],
  ])('may not work on the node where %s', (_where, specs) => {
    const cutting = policy({ isolation: { cut: 'PodFirewall' } });
    const book = rulebookOf([cutting, ...specs.map((spec) => cluster(spec))], SHOP);
    expect(book.inForce.has(cutting.uid)).toBe(false);
    expect(book.refused.get(cutting.uid)).toEqual([
      {
        path: 'spec.isolation.cut',
        message: expect.stringMatching(/^PodFirewall is not permitted here, no Cluster/),
      },
    ]);
  });

  test('may work on the node where that is granted, also by one that grants nothing else', () => {
    const cutting = policy({ mode: 'Audit', isolation: { cut: 'PodFirewall' } });
    expect(rulebookOf([cutting, cluster({ grants: { cut: true } })], SHOP).inForce.has(cutting.uid)).toBe(
      true,
    );
  });

  test.each<[string, object[], string[]]>([
    ['nobody grants anything', [], ['spec.evidence.collectors[0]', 'spec.evidence.collectors[1]']],
    [
      'others are granted',
      [{ grants: { cut: true, collectors: ['Processes'] } }],
      ['spec.evidence.collectors[0]'],
    ],
    [
      'they are granted',
      [{ grants: { collectors: ['Filesystem'] } }, { grants: { collectors: ['Processes'] } }],
      [],
    ],
  ])('may have on the node what is read there only where that is granted: %s', (_where, specs, paths) => {
    const reading = policy({ evidence: { collectors: ['Filesystem', 'Processes'] } });
    const book = rulebookOf([reading, ...specs.map((spec, index) => cluster(spec, `c${index}`))], SHOP);
    expect(book.refused.get(reading.uid)?.map(({ path }) => path) ?? []).toEqual(paths);
    expect(book.inForce.has(reading.uid)).toBe(paths.length === 0);
  });

  test('may have drift confirmed on the node only where Filesystem is granted', () => {
    const confirming = policy({ responses: [{ name: 'r', confirmed: true, actions: ['Evict'] }] });
    const book = (spec: object) => rulebookOf([confirming, cluster(spec)], SHOP);
    expect(book({ grants: { collectors: ['Processes'] } }).refused.get(confirming.uid)).toMatchObject([
      { path: 'spec.responses[0].confirmed' },
    ]);
    expect(book({ grants: { collectors: ['Filesystem'] } }).refused.get(confirming.uid)).toBeUndefined();
  });

  test('that is of the cluster may read on the node without a grant', () => {
    const reading = cluster({ grants: {}, evidence: { collectors: ['Processes'] } });
    expect(rulebookOf([reading], SHOP).refused.get(reading.uid)).toBeUndefined();
  });

  test('cannot grant anything to itself', () => {
    expect(() => policy({ grants: { enforce: true } })).toThrow(/spec\.grants.*does not know the field/);
  });
});

describe('a policy of the cluster', () => {
  test('answers in the namespaces that it selects and in no other', () => {
    const responses = [{ name: 'r', actions: ['Label'] }];
    const selecting = (name: string) =>
      cluster({ responses, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } });
    expect(matched([selecting('shop')], aPod(), aDetection())).toBeDefined();
    expect(matched([selecting('bank')], aPod(), aDetection())).toBeUndefined();
  });

  test('that only grants answers nothing', () => {
    expect(matched([cluster({ grants: { enforce: true } })], aPod(), aDetection())).toBeUndefined();
  });
});
