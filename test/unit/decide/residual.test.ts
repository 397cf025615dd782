// What other NetworkPolicies let through to a pod that the deny policy selects, in words.
import { describe, expect, test } from 'vitest';
import type { NetworkPolicyFacts } from '../../../src/api/network-policy.ts';
import { residualAllows, stillOpen, undenied, type Suspect } from '../../../src/decide/residual.ts';

const QUARANTINED = { 'die-operator.dev/quarantine': 'true', 'die-operator.dev/severity': 'warning' };
const SUSPECT: Suspect = { namespace: 'shop', labels: QUARANTINED, namespaceLabels: {} };
const DENY = {
  podSelector: { matchLabels: { 'die-operator.dev/quarantine': 'true' } },
  policyTypes: ['Ingress', 'Egress'],
};

function policy(spec: unknown, name = 'other', namespace = 'shop'): NetworkPolicyFacts {
  return { namespace, name, uid: name, isOurs: false, spec };
}

const words = (spec: unknown, suspect = SUSPECT) =>
  residualAllows(suspect, [policy(DENY, 'deny'), policy(spec)]).map(
    ({ direction, peer, ports }) => `${direction}: ${peer}; ${ports}`,
  );

describe('a policy that selects the pod', () => {
  test.each<[string, unknown, string[]]>([
    ['an empty rule', { podSelector: {}, ingress: [{}] }, ['Ingress: everybody; all ports']],
    [
      'an empty list of peers',
      { podSelector: {}, ingress: [{ from: [] }] },
      ['Ingress: everybody; all ports'],
    ],
    [
      'null in the place of lists',
      { podSelector: {}, egress: [{ to: null, ports: null }], policyTypes: ['Egress'] },
      ['Egress: everybody; all ports'],
    ],
    ['no rules', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, []],
    ['no selector at all', { ingress: [{}] }, ['Ingress: everybody; all ports']],
    [
      'pods of its namespace',
      {
        podSelector: {},
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }, { podSelector: {} }] }],
      },
      ['Ingress: pods with app=web; all pods of the namespace; all ports'],
    ],
    [
      'pods of other namespaces',
      {
        podSelector: {},
        egress: [
          {
            to: [
              { namespaceSelector: { matchLabels: { name: 'kube-system' } } },
              { namespaceSelector: {} },
              {
                namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'In', values: ['a', 'b'] }] },
                podSelector: {
                  matchExpressions: [
                    { key: 'k', operator: 'Exists' },
                    { key: 'l', operator: 'DoesNotExist' },
                    { key: 'm', operator: 'NotIn', values: ['x'] },
                  ],
                },
              },
            ],
          },
        ],
        policyTypes: ['Egress'],
      },
      [
        'Egress: namespaces with name=kube-system; all namespaces; pods with k,!l,m notin (x) in namespaces with env in (a,b); all ports',
      ],
    ],
    [
      'addresses',
      {
        podSelector: {},
        egress: [
          {
            to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { ipBlock: { cidr: '::/0' } }],
          },
        ],
      },
      ['Egress: 10.0.0.0/8 except 10.1.0.0/16; ::/0; all ports'],
    ],
    [
      'ports',
      {
        podSelector: {},
        ingress: [
          {
            ports: [
              { port: 80 },
              { protocol: 'UDP', port: 53 },
              { protocol: 'TCP', port: 8000, endPort: 8100 },
              { port: 'http' },
              { protocol: 'SCTP' },
            ],
          },
        ],
      },
      ['Ingress: everybody; TCP 80, UDP 53, TCP 8000-8100, TCP http, SCTP'],
    ],
    ['egress rules without policyTypes', { podSelector: {}, egress: [{}] }, ['Egress: everybody; all ports']],
    [
      'rules of a direction that its types leave out',
      { podSelector: {}, egress: [{}], policyTypes: ['Ingress'] },
      [],
    ],
    ['ingress only by default', { podSelector: {}, ingress: [], egress: [] }, []],
  ])('lets through what it says: %s', (_, spec, expected) => {
    expect(words(spec)).toEqual(expected);
  });

  test.each<[string, object, boolean]>([
    ['matchLabels that are there', { matchLabels: QUARANTINED }, true],
    ['matchLabels that are not there any more', { matchLabels: { app: 'web' } }, false],
    [
      'In',
      { matchExpressions: [{ key: 'die-operator.dev/severity', operator: 'In', values: ['warning'] }] },
      true,
    ],
    [
      'In with other values',
      { matchExpressions: [{ key: 'die-operator.dev/severity', operator: 'In', values: ['error'] }] },
      false,
    ],
    [
      'NotIn a label that is absent',
      { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
      true,
    ],
    [
      'NotIn the quarantine',
      { matchExpressions: [{ key: 'die-operator.dev/quarantine', operator: 'NotIn', values: ['true'] }] },
      false,
    ],
    ['Exists', { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, false],
    ['DoesNotExist', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, true],
    ['a label called like a member of objects', { matchLabels: { constructor: 'x' } }, false],
    [
      'all of several',
      { matchLabels: QUARANTINED, matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      false,
    ],
  ])('is found by its selector: %s', (_, podSelector, isFound) => {
    expect(words({ podSelector, ingress: [{}] })).toHaveLength(isFound ? 1 : 0);
  });

  test.each<[string, unknown, number]>([
    ['an unknown operator', { podSelector: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }, 2],
    ['an unknown type', { podSelector: {}, policyTypes: ['Sideways'] }, 2],
    ['a field that is not known', { podSelector: {}, mode: 'x' }, 2],
    ['no spec', undefined, 2],
    ['a rule that is no object', { podSelector: {}, ingress: ['all'] }, 1],
    ['a rule with an unknown field', { podSelector: {}, ingress: [{ unless: {} }] }, 1],
    ['peers of the wrong direction', { podSelector: {}, ingress: [{ to: [] }] }, 1],
    ['an unknown peer', { podSelector: {}, ingress: [{ from: [{ serviceSelector: {} }] }] }, 1],
    ['an empty peer', { podSelector: {}, ingress: [{ from: [{}] }] }, 1],
  ])('counts as an allow where it cannot be read: %s', (_, spec, count) => {
    const found = words(spec);
    expect(found).toHaveLength(count);
    expect(found.every((one) => one.includes('what cannot be judged, so perhaps everybody'))).toBe(true);
  });

  test('is named by kind, namespace and name, and only if it is of the namespace', () => {
    const spec = { podSelector: {}, ingress: [{}] };
    const found = residualAllows(SUSPECT, [policy(spec, 'mine'), policy(spec, 'theirs', 'till')]);
    expect(found.map((one) => one.policy)).toEqual(['NetworkPolicy shop/mine']);
  });

  test('cannot fill the record, nor write control characters into it', () => {
    const values = Array.from({ length: 10_000 }, (_, index) => `\u001b[31m${index}\n`);
    const peer = { podSelector: { matchExpressions: [{ key: 'a', operator: 'In', values }] } };
    const ports = Array.from({ length: 4_000 }, (_, port) => ({ port }));
    const [found] = residualAllows(SUSPECT, [
      policy({ podSelector: {}, ingress: [{ from: [peer], ports }] }),
    ]);
    expect(found?.peer).toMatch(/^pods with a in \(\?\[31m0\?,[ -~]*\.\.\.$/);
    expect(found?.peer).toHaveLength(160);
    expect(found?.ports).toHaveLength(80);
  });
});

describe('a direction is open', () => {
  const one = (type: string) => ({ ...DENY, policyTypes: [type] });
  test.each<[string, NetworkPolicyFacts[], string[]]>([
    ['both ways without a policy', [], ['Ingress', 'Egress']],
    ['neither with the deny policy', [policy(DENY)], []],
    ['where no policy has that type', [policy(one('Ingress'))], ['Egress']],
    ['not where two share the types', [policy(one('Ingress'), 'a'), policy(one('Egress'), 'b')], []],
    ['if the policy is of another namespace', [policy(DENY, 'a', 'till')], ['Ingress', 'Egress']],
    [
      'if it selects other pods',
      [policy({ ...DENY, podSelector: { matchLabels: { a: 'b' } } })],
      ['Ingress', 'Egress'],
    ],
    ['if it cannot be read', [policy({ ...DENY, mode: 'off' })], ['Ingress', 'Egress']],
  ])('%s', (_, policies, expected) => {
    expect(undenied(SUSPECT, policies)).toEqual(expected);
  });
});

describe('a backend that denies', () => {
  const pods = { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] };
  const world = {
    podSelector: {},
    ingress: [{ from: [{ podSelector: {} }, { ipBlock: { cidr: '0.0.0.0/0' } }] }],
  };
  test.each([
    ['all', 'Ingress', pods, 0],
    ['all', 'Ingress', world, 0],
    ['all of the other direction', 'Egress', pods, 1],
    ['pods', 'Ingress', pods, 0],
    ['pods', 'Ingress', world, 1],
    ['pods', 'Ingress', { podSelector: {}, ingress: [{}] }, 1],
    ['pods', 'Ingress', { podSelector: {}, ingress: [{ from: [{}] }] }, 1],
  ] as const)('%s on %s leaves what it cannot deny', (what, direction, spec, left) => {
    const closure = { direction, scope: what === 'pods' ? 'Pods' : 'All' } as const;
    expect(stillOpen(residualAllows(SUSPECT, [policy(spec)]), [closure])).toHaveLength(left);
  });
});
