// Which pods are verified, how often, and by whose lists.
import { describe, expect, test } from 'vitest';
import { askLists, compileApproved } from '../../../src/decide/approved-images.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { validateSpec } from '../../../src/decide/validate.ts';
import { listsForVerification, verificationOf } from '../../../src/decide/verification.ts';
import { aPod, NOW, T0 } from '../../support/builders.ts';
import { digest, policy as policyOf } from './builders.ts';

const RULES = { namespaces: new Set(['kube-system']), exemptions: [], now: NOW };
const MINUTE = 60_000;

function policyWith(name: string, change: Partial<CompiledPolicy> = {}): CompiledPolicy {
  const all = { kind: 'DriftPolicy', namespace: 'shop', uid: name, mode: 'Enforce', matchesPod: () => true };
  return { ...all, name, ...change } as CompiledPolicy;
}
const CLUSTER = { kind: 'ClusterDriftPolicy', namespace: '' } as const;
const AUDIT = { mode: 'Audit' } as const;
const asking = (
  name: string,
  minutes: number,
  allowed: string[] = [],
  change: Partial<CompiledPolicy> = {},
) =>
  policyWith(name, {
    verification: {
      intervalMs: minutes * MINUTE,
      allowedContainers: allowed,
      allowedVolumes: allowed.map((one) => `${one}-volume`),
      allowedVariables: allowed.map((one) => `${one}_VARIABLE`),
    },
    ...change,
  });

describe('a pod', () => {
  test('is verified as often as the most impatient policy wants, and may have what any of them allows', () => {
    const policies = [asking('a', 60, ['istio-proxy']), asking('b', 5, ['linkerd-*']), policyWith('c')];
    expect(verificationOf(aPod(), policies, RULES)).toEqual({
      policies: [
        { uid: 'a', key: 'shop/a' },
        { uid: 'b', key: 'shop/b' },
      ],
      intervalMs: 5 * MINUTE,
      allowedContainers: ['istio-proxy', 'linkerd-*'],
      allowedVolumes: ['istio-proxy-volume', 'linkerd-*-volume'],
      allowedVariables: ['istio-proxy_VARIABLE', 'linkerd-*_VARIABLE'],
    });
  });

  describe('of which several policies ask', () => {
    const asked = (...policies: CompiledPolicy[]) => {
      const found = verificationOf(aPod(), policies, RULES);
      return [
        found?.policies.map(({ uid }) => uid).join(),
        (found?.intervalMs ?? 0) / MINUTE,
        found?.allowedContainers.join(),
        found?.allowedVolumes.join(),
        found?.allowedVariables.join(),
      ];
    };

    test('may have what the cluster allows, and is verified as often as it wants, where the cluster asks', () => {
      const cluster = asking('cluster', 60, ['a'], CLUSTER);
      const tenants = [asking('tenant', 1, ['*']), asking('tenant-audit', 1, ['*'], AUDIT)];
      const expected = ['cluster,tenant,tenant-audit', 60, 'a', 'a-volume', 'a_VARIABLE'];
      expect(asked(cluster, ...tenants)).toEqual(expected);
      expect(asked(asking('cluster', 60, ['a'], { ...CLUSTER, ...AUDIT }), ...tenants)).toEqual(expected);
      expect(asked(asking('cluster', 60, [], CLUSTER), ...tenants).slice(2)).toEqual(['', '', '']);
    });

    test('may not have what is allowed in Audit where one in Enforce asks', () => {
      const audit = asking('audit', 5, ['*'], AUDIT);
      expect(asked(asking('enforce', 60, ['a']), audit)).toEqual([
        'enforce,audit',
        5,
        'a',
        'a-volume',
        'a_VARIABLE',
      ]);
      expect(asked(audit)[2]).toBe('*');
      const cluster = [
        asking('cluster', 60, ['a'], CLUSTER),
        asking('trial', 5, ['*'], { ...CLUSTER, ...AUDIT }),
      ];
      expect(asked(...cluster).slice(1, 3)).toEqual([5, 'a']);
    });
  });

  test.each<[string, object]>([
    ['that goes', { deletionTimestamp: T0 }],
    ['in quarantine', { labels: { 'die-operator.dev/quarantine': 'true' } }],
    ['that has ended', { phase: 'Succeeded' }],
    ['of a protected namespace', { namespace: 'kube-system' }],
  ])('%s is not', (_, change) => {
    expect(verificationOf(aPod(change), [asking('a', 60)], RULES)).toBeUndefined();
  });

  test('is not where no policy that selects it asks', () => {
    const elsewhere = { ...asking('a', 60), matchesPod: () => false };
    expect(verificationOf(aPod(), [policyWith('c'), elsewhere], RULES)).toBeUndefined();
  });
});

describe('the lists', () => {
  const images = compileApproved([`registry.example/web@${digest('a')}`]);
  const lists = (...policies: CompiledPolicy[]) =>
    listsForVerification(aPod(), policies, ({ approvedImages }) => approvedImages).map(
      ({ policy, approves, audit }) => `${policy.name}${approves ? ' approves' : ''}${audit ? ' audit' : ''}`,
    );
  const listing = (name: string, change: Partial<CompiledPolicy> = {}) =>
    policyWith(name, { approvedImages: images, ...change });

  const cluster = (name: string, change: Partial<CompiledPolicy> = {}) =>
    listing(name, { ...CLUSTER, ...change });
  const { verification } = asking('x', 1);
  const asks = verification ? { verification } : {};

  test('of tenants in Audit have no say where a policy in Enforce selects the pod', () => {
    const audit = listing('audit', AUDIT);
    expect(lists(audit)).toEqual(['audit approves']);
    expect(lists(audit, policyWith('enforce'))).toEqual([]);
    expect(lists(audit, listing('enforce'))).toEqual(['enforce approves']);
  });

  test('of tenants approve nothing where the cluster asks for the verification, whatever its mode', () => {
    expect(lists(listing('tenant'), cluster('cluster', asks))).toEqual(['tenant', 'cluster approves']);
    expect(lists(listing('tenant'), policyWith('cluster', { ...CLUSTER, ...AUDIT, ...asks }))).toEqual([
      'tenant',
    ]);
  });

  test('of the cluster in Audit are heard where only tenants are in Enforce, and refuse for the record', () => {
    const trial = cluster('trial', { ...AUDIT, ...asks });
    expect(lists(trial)).toEqual(['trial approves']);
    expect(lists(trial, listing('tenant'))).toEqual(['trial approves audit', 'tenant']);
    expect(lists(trial, policyWith('tenant'))).toEqual(['trial approves audit']);
    expect(lists(trial, listing('tenant', AUDIT))).toEqual(['trial approves', 'tenant']);
  });

  test('of the cluster in Audit approve nothing of a tenant where the cluster does not ask', () => {
    const expected = ['trial audit', 'tenant approves'];
    expect(lists(cluster('trial', AUDIT), listing('tenant', asks))).toEqual(expected);
  });

  test('of the cluster in Audit have no say where another one of the cluster is in Enforce', () => {
    expect(lists(cluster('trial', { ...AUDIT, ...asks }), cluster('real', asks))).toEqual(['real approves']);
    expect(lists(cluster('trial', { ...AUDIT, ...asks }), policyWith('real', CLUSTER))).toEqual([]);
  });

  test('that are in Audit beside one in Enforce only say that they would refuse', () => {
    const list = (name: string, change: object) => ({
      policy: { kind: 'ClusterDriftPolicy', name } as const,
      images: compileApproved([`registry.example/web@${digest(name)}`]),
      approves: true,
      ...change,
    });
    const ask = (runs: string, ...all: ReturnType<typeof list>[]) =>
      askLists(all, 'registry.example/web', (listed) => listed === digest(runs));
    const trial = list('a', { audit: true });
    const refusedInAudit = 'ClusterDriftPolicy a';
    expect(ask('a', trial)).toEqual({ approved: true });
    expect(ask('b', trial)).toEqual({ approved: false, refusedInAudit });
    expect(ask('b', trial, list('b', { audit: true }))).toEqual({ approved: false, refusedInAudit });
    expect(ask('b', trial, list('b', {}))).toEqual({ approved: true, refusedInAudit });
    expect(ask('b', trial, list('b', { approves: false }))).toEqual({ approved: false, refusedInAudit });
    expect(ask('a', trial, list('b', {}))).toEqual({ refusedBy: 'ClusterDriftPolicy b' });
  });

  test('of policies that do not select the pod have no say', () => {
    expect(lists(listing('a', { matchesPod: () => false }))).toEqual([]);
  });
});

test.each(['allowedContainers', 'allowedVolumes', 'allowedVariables'])(
  '%s are patterns that can match',
  (key) => {
    const responses = [{ name: 'one', minSeverity: 'Error', actions: ['Label'] }];
    expect(validateSpec({ responses, verification: { [key]: ['fine-*', ' never'] } })).toEqual({
      valid: false,
      problems: [
        {
          path: `spec.verification.${key}[1]`,
          message: expect.stringContaining('can never match') as string,
        },
      ],
    });
    const { verification } = policyOf({ responses, verification: { [key]: ['fine-*'] } });
    expect(verification).toMatchObject({ intervalMs: 60 * MINUTE, [key]: ['fine-*'] });
  },
);
