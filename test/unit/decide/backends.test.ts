// The policies of config/components for Calico and ClusterNetworkPolicy, judged by content.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { BACKEND_POLICIES } from '../../../src/api/names.ts';
import { calicoClosures, clusterPolicyClosures } from '../../../src/decide/backends.ts';

interface Shipped {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

function shipped(component: string): Shipped[] {
  const path = new URL(`../../../config/components/${component}/policy.yaml`, import.meta.url);
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Shipped);
}

const BOTH = [
  { direction: 'Ingress', scope: 'All' },
  { direction: 'Egress', scope: 'All' },
];

describe('the policy of config/components/calico', () => {
  const [tier, policy] = shipped('calico') as [Shipped, Shipped];

  test('closes both ways', () => {
    expect(calicoClosures(policy.spec, tier.spec)).toEqual(BOTH);
    expect([tier.metadata.name, policy.metadata.name]).toEqual([
      BACKEND_POLICIES.calicoTier,
      BACKEND_POLICIES.calico,
    ]);
    expect(policy.spec['tier']).toBe(tier.metadata.name);
    expect(policy.metadata.name.startsWith(`${tier.metadata.name}.`)).toBe(true);
  });

  test.each<[string, object, object]>([
    ['selects other pods', { selector: "app == 'web'" }, {}],
    ['selects fewer', { selector: "die-operator.dev/quarantine == 'true' && app == 'web'" }, {}],
    ['is for some namespaces', { namespaceSelector: "team == 'red'" }, {}],
    ['is for some accounts', { serviceAccountSelector: "a == 'b'" }, {}],
    ['is for one way', { types: ['Ingress'] }, {}],
    ['is without types', { types: undefined }, {}],
    ['allows first', { egress: [{ action: 'Allow' }, { action: 'Deny' }] }, {}],
    ['denies a protocol', { egress: [{ action: 'Deny', protocol: 'TCP' }] }, {}],
    ['denies some', { ingress: [{ action: 'Deny', source: { nets: ['10.0.0.0/8'] } }] }, {}],
    ['denies nothing', { ingress: [] }, {}],
    ['is for forwarded traffic', { applyOnForward: true }, {}],
    ['is in a tier that comes too late', {}, { order: 1_000_000 }],
    ['is in a tier without an order', {}, { order: undefined }],
  ])('closes nothing if it %s', (_, change, tierChange) => {
    expect(calicoClosures({ ...policy.spec, ...change }, { ...tier.spec, ...tierChange })).toEqual([]);
  });

  test.each<[string, object]>([
    ['says the same with other quotes', { selector: 'die-operator.dev/quarantine=="true"' }],
    ['names all namespaces', { namespaceSelector: 'all()' }],
    ['has empty parts', { egress: [{ action: 'Deny', source: {}, destination: {} }] }],
  ])('still closes both ways if it %s', (_, change) => {
    expect(calicoClosures({ ...policy.spec, ...change }, tier.spec)).toEqual(BOTH);
  });

  test.each([undefined, null, 'x', [], {}])('closes nothing if it is %j', (spec) => {
    expect(calicoClosures(spec, tier.spec)).toEqual([]);
    expect(calicoClosures(policy.spec, spec)).toEqual([]);
  });
});

describe('the policy of config/components/cluster-network-policy', () => {
  const [policy] = shipped('cluster-network-policy') as [Shipped];
  const IN = { direction: 'Ingress', scope: 'Pods' };
  const OUT = { direction: 'Egress', scope: 'All' };

  test('closes the way out, and the way in from pods only', () => {
    expect(clusterPolicyClosures(policy.spec)).toEqual([IN, OUT]);
    expect(policy.metadata.name).toBe(BACKEND_POLICIES.clusterNetworkPolicy);
  });

  const deny = (rule: object) => [{ action: 'Deny', ...rule }];
  test.each<[string, object, object[]]>([
    ['is in the other tier', { tier: 'Baseline' }, []],
    ['is not the first', { priority: 1 }, []],
    [
      'selects other pods',
      { subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { a: 'b' } } } } },
      [],
    ],
    [
      'selects some namespaces',
      { subject: { pods: { namespaceSelector: { matchLabels: { a: 'b' } }, podSelector: {} } } },
      [],
    ],
    ['selects namespaces', { subject: { namespaces: {} } }, []],
    [
      'accepts',
      {
        ingress: [{ action: 'Accept', from: [{ namespaces: {} }] }],
        egress: [{ action: 'Accept', to: [{ networks: ['0.0.0.0/0', '::/0'] }] }],
      },
      [],
    ],
    [
      'accepts first',
      {
        egress: [
          { action: 'Accept', to: [{ namespaces: {} }] },
          ...deny({ to: [{ networks: ['0.0.0.0/0', '::/0'] }] }),
        ],
      },
      [IN],
    ],
    ['denies one family', { egress: deny({ to: [{ networks: ['0.0.0.0/0'] }] }) }, [IN]],
    [
      'denies some namespaces',
      { ingress: deny({ from: [{ namespaces: { matchLabels: { a: 'b' } } }] }) },
      [OUT],
    ],
    ['denies some ports', { ingress: deny({ from: [{ namespaces: {} }], protocols: [{ tcp: {} }] }) }, [OUT]],
    [
      'denies both families in two peers',
      { egress: deny({ to: [{ networks: ['0.0.0.0/0'] }, { networks: ['::/0'] }] }) },
      [IN, OUT],
    ],
    ['has no rules', { ingress: undefined, egress: [] }, []],
  ])('closes what is left if it %s', (_, change, closed) => {
    expect(clusterPolicyClosures({ ...policy.spec, ...change })).toEqual(closed);
  });

  test.each([undefined, null, 'x', [], {}])('closes nothing if it is %j', (spec) => {
    expect(clusterPolicyClosures(spec)).toEqual([]);
  });
});
