// What Cilium's own policies let through to one pod.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ciliumPolicyFacts, type CiliumPolicyFacts } from '../../../src/api/cilium-policy.ts';
import { ciliumAllows, ciliumClosures } from '../../../src/decide/cilium.ts';
import type { Suspect } from '../../../src/decide/residual.ts';

const SUSPECT: Suspect = {
  namespace: 'shop',
  labels: { 'die-operator.dev/quarantine': 'true', 'app.kubernetes.io/name': 'web' },
  namespaceLabels: { team: 'red', 'kubernetes.io/metadata.name': 'shop' },
  serviceAccount: 'runner',
};
function policy(rule: object, namespace = 'shop'): CiliumPolicyFacts {
  return { kind: 'CiliumNetworkPolicy', namespace, name: 'other', rules: [rule] };
}

function clusterwide(...rules: unknown[]): CiliumPolicyFacts {
  return { kind: 'CiliumClusterwideNetworkPolicy', namespace: '', name: 'other', rules };
}

const words = (one: CiliumPolicyFacts, suspect = SUSPECT) =>
  ciliumAllows(suspect, [one]).map(({ direction, peer, ports }) => `${direction}: ${peer}; ${ports}`);
const ALL = { endpointSelector: {} };

describe('a policy of Cilium', () => {
  test.each<[string, object, string[]]>([
    ['nothing', {}, []],
    ['an empty entry, which denies by default', { ingress: [{}], egress: [{}] }, []],
    ['an empty list of peers', { ingress: [{ fromEndpoints: [] }] }, []],
    ['only denies', { ingressDeny: [{ fromEntities: ['world'] }] }, []],
    ['null', { ingress: null, egress: [{ toEndpoints: null }] }, []],
    ['requirements, which only narrow', { ingress: [{ fromRequires: [{ matchLabels: { a: 'b' } }] }] }, []],
    ['any pod', { ingress: [{ fromEndpoints: [{}] }] }, ['Ingress: all pods; all ports']],
    [
      'pods by labels',
      { egress: [{ toEndpoints: [{ matchLabels: { 'k8s:app': 'db' } }] }] },
      ['Egress: pods with k8s:app=db; all ports'],
    ],
    [
      'entities',
      { egress: [{ toEntities: ['world', 'kube-apiserver'] }] },
      ['Egress: entity world; entity kube-apiserver; all ports'],
    ],
    [
      'addresses',
      {
        egress: [
          { toCIDR: ['1.2.3.4/32'] },
          { toCIDRSet: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }, { cidrGroupRef: 'office' }] },
        ],
      },
      [
        'Egress: 1.2.3.4/32; all ports',
        'Egress: 10.0.0.0/8 except 10.1.0.0/16; CIDR group office; all ports',
      ],
    ],
    [
      'names',
      { egress: [{ toFQDNs: [{ matchName: 'a.example' }, { matchPattern: '*.b.example' }] }] },
      ['Egress: a.example; *.b.example; all ports'],
    ],
    [
      'others',
      { egress: [{ toServices: [{}] }, { toNodes: [{}] }, { toGroups: [{}] }] },
      [
        'Egress: services that the policy names; all ports',
        'Egress: nodes that the policy names; all ports',
        'Egress: groups of a cloud provider; all ports',
      ],
    ],
    [
      'ports for everybody',
      {
        ingress: [
          {
            toPorts: [
              { ports: [{ port: '80', protocol: 'TCP' }, { port: 'http' }, { port: '8000', endPort: 8100 }] },
            ],
          },
        ],
      },
      ['Ingress: everybody; TCP 80, ANY http, ANY 8000-8100'],
    ],
    [
      'port 0, which is all',
      { ingress: [{ toPorts: [{ ports: [{ port: '0', protocol: 'TCP' }] }] }] },
      ['Ingress: everybody; all ports'],
    ],
    [
      'ports of peers',
      {
        ingress: [
          {
            fromEntities: ['world'],
            toPorts: [{ ports: [{ port: '443', protocol: 'TCP' }], rules: { http: [{}] } }],
          },
        ],
      },
      ['Ingress: entity world; TCP 443'],
    ],
    ['ICMP', { ingress: [{ icmps: [{ fields: [{ type: 8 }] }] }] }, ['Ingress: everybody; ICMP']],
  ])('lets through what it says: %s', (_, rule, expected) => {
    expect(words(policy({ ...ALL, ...rule }))).toEqual(expected);
  });

  const PERHAPS = 'what cannot be judged, so perhaps everybody';
  test.each<[string, unknown, string[]]>([
    ['no object', 'all', [`Ingress: ${PERHAPS}; all ports`, `Egress: ${PERHAPS}; all ports`]],
    ['a section that is no list', { ...ALL, ingress: {} }, [`Ingress: ${PERHAPS}; all ports`]],
    ['an entry that is no object', { ...ALL, egress: ['all'] }, [`Egress: ${PERHAPS}; all ports`]],
    [
      'a peer that is not known',
      { ...ALL, ingress: [{ fromTheFuture: [{}] }] },
      [`Ingress: ${PERHAPS}; all ports`],
    ],
    [
      'a peer of the other direction',
      { ...ALL, ingress: [{ toEntities: ['world'] }] },
      [`Ingress: ${PERHAPS}; all ports`],
    ],
    [
      'a field beside known ones',
      { ...ALL, ingress: [{ fromEntities: ['health'], unless: true }] },
      [`Ingress: entity health; ${PERHAPS}; all ports`],
    ],
    [
      'a broken selector',
      { ...ALL, ingress: [{ fromEndpoints: [{ matchLabels: 'x' }] }] },
      [`Ingress: ${PERHAPS}; all ports`],
    ],
    ['broken ports', { ...ALL, ingress: [{ toPorts: 'x' }] }, ['Ingress: everybody; all ports']],
  ])('counts as an allow where it cannot be judged: %s', (_, rule, expected) => {
    expect(words(clusterwide(rule))).toEqual(expected);
  });

  test('is named by kind and name', () => {
    const rule = { ...ALL, egress: [{ toEntities: ['all'] }] };
    const found = ciliumAllows(SUSPECT, [policy(rule), clusterwide(rule)]);
    expect(found.map((one) => one.policy)).toEqual([
      'CiliumClusterwideNetworkPolicy other',
      'CiliumNetworkPolicy shop/other',
    ]);
  });

  test('is read whole: spec and each of specs', () => {
    const metadata = { name: 'a', namespace: 'shop', uid: '1', resourceVersion: '1', creationTimestamp: '' };
    const read = ciliumPolicyFacts('CiliumNetworkPolicy');
    const one = (entity: string) => ({ ...ALL, ingress: [{ fromEntities: [entity] }] });
    expect(words(read({ metadata, spec: one('a'), specs: [one('b'), one('c')] }))).toHaveLength(3);
    expect(words(read({ metadata, specs: [one('b')] }))).toHaveLength(1);
    expect(words(read({ metadata, specs: 'broken' }))).toHaveLength(2);
    expect(words(read({ metadata }))).toEqual([]);
  });

  test('never throws, and writes printable text only', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const facts = clusterwide(
          anything,
          { ...ALL, ingress: anything, egressDeny: anything },
          { ...ALL, egress: [anything] },
        );
        for (const { peer, ports } of ciliumAllows(SUSPECT, [facts]))
          expect(`${peer}${ports}`).toMatch(/^[ -~]+$/);
        expect(ciliumClosures(SUSPECT, [facts])).toEqual([]);
      }),
    );
  });
});
