// What somebody who may write policies in one namespace tries against the policies of the cluster, and against everybody.
import { describe, expect, test } from 'vitest';
import { MAX_CONTRIBUTIONS } from '../../../src/api/incident.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { keptContributions } from '../../../src/decide/merge.ts';
import { matchPolicies } from '../../../src/decide/match.ts';
import { rulebookFor } from '../../../src/decide/rulebook.ts';
import { aContribution, aDetection, aPod, NOW } from '../../support/builders.ts';
import { matched, rulebookOf } from '../../support/matched.ts';
import { FULL_RUNG, policy, storedPolicy } from './builders.ts';

const SHOP = { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } };
// About the dearest that one condition may be.
const DEAR = 'detection.fields["f"].matches("(a|b)*a(a|b){180}z")';
const dear = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ name: `r${n}`, actions: ['Label'], condition: DEAR }));
const alert = { ...aDetection(), fields: { f: 'ab'.repeat(512) } };
const GUARD = { mode: 'Enforce', responses: [{ name: 'all', actions: FULL_RUNG }], grants: {} };
const guard = policy(GUARD, { name: 'guard', uid: 'guard' }, 'ClusterDriftPolicy');

describe('conditions that take long', () => {
  test('are refused together where one policy has too many, with the reason', () => {
    const compilation = compilePolicy(storedPolicy({ responses: dear(16) }));
    expect(compilation).toMatchObject({
      accepted: false,
      problems: [{ path: 'spec', message: expect.stringMatching(/can take too long together/) }],
    });
    expect(compilePolicy(storedPolicy({ responses: dear(2) }))).toMatchObject({ accepted: true });
  });

  test('of many policies are asked for only so long, and take nothing from the policies of the cluster', () => {
    const many = Array.from({ length: 50 }, (_, n) =>
      policy({ responses: dear(2) }, { name: `a${n}`, uid: `a${n}` }),
    );
    const strict = policy(
      { mode: 'Enforce', responses: [{ name: 'r', actions: ['Isolate'], condition: 'pod.name != ""' }] },
      { name: 'z', uid: 'z' },
      'ClusterDriftPolicy',
    );
    const book = rulebookOf([...many, strict], SHOP);
    const { match, conditionErrors } = matchPolicies(book, { detection: alert, pod: aPod(), at: NOW });
    expect(conditionErrors).toBeGreaterThan(80);
    expect(match?.contributions.map(({ name }) => name)).toEqual(['z']);
  });
});

describe('many policies', () => {
  const flood = Array.from({ length: 100 }, (_, n) =>
    aContribution({ name: `a${n}`, uid: `a${n}`, mode: n % 2 === 0 ? 'Audit' : 'Enforce' }),
  );

  test('do not push the policy of the cluster out of a record', () => {
    const cluster = aContribution({ kind: 'ClusterDriftPolicy', name: 'z', uid: 'z' });
    const kept = keptContributions([...flood, cluster]);
    expect(kept).toHaveLength(MAX_CONTRIBUTIONS);
    expect(kept).toContainEqual(cluster);
    expect(kept.every(({ mode }) => mode === 'Enforce')).toBe(true);
  });

  test('with long names and reasons do not make a record large', () => {
    const long = flood.map((asked, n) => ({
      ...asked,
      name: `${'n'.repeat(245)}${n}`,
      rungs: Array.from({ length: 16 }, (_, rung) => `${rung}`.padEnd(63, 'r')),
    }));
    const kept = keptContributions(long);
    expect(kept.length).toBeGreaterThan(3);
    expect(JSON.stringify(kept).length).toBeLessThan(16_384);
  });
});

describe('a policy in Audit', () => {
  test('does not slow down what the cluster does', () => {
    const slow = policy(
      {
        eviction: { gracePeriodSeconds: 3600, waitForBudget: '24h' },
        limits: { perWorkload: { quarantined: 0 }, perNamespace: { quarantined: 0 } },
      },
      { name: 'slow', uid: 'slow' },
    );
    const alone = matched([guard], aPod(), aDetection());
    expect(matched([guard, slow], aPod(), aDetection())?.settings).toEqual(alone?.settings);
  });
});

describe('grants that cannot be read', () => {
  const greedy = policy({
    mode: 'Enforce',
    exceptions: [{ name: 'x', image: '*', reason: 'r', expires: '2027-01-01T00:00:00Z', maxAction: 'None' }],
  });

  test('let nobody have what they held back', () => {
    const book = rulebookFor(SHOP, [greedy], [], ['guard, which is not accepted']);
    expect(book.inForce.has(greedy.uid)).toBe(false);
    expect(book.refused.get(greedy.uid)?.[0]?.message).toContain('guard, which is not accepted');
  });

  test('take away nothing that another policy of the cluster grants', () => {
    const granting = policy(
      { responses: undefined, grants: { enforce: true, exceptions: true } },
      { name: 'open', uid: 'open' },
      'ClusterDriftPolicy',
    );
    const book = rulebookFor(SHOP, [greedy], [granting], ['guard, which is not accepted']);
    expect(book.inForce.has(greedy.uid)).toBe(true);
  });
});
