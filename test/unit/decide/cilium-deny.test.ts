// When Cilium's policies close a direction for good, by what they say and not by their name.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ciliumPolicyFacts, type CiliumPolicyFacts } from '../../../src/api/cilium-policy.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { BACKEND_POLICIES } from '../../../src/api/names.ts';
import { ciliumAllows, ciliumClosures } from '../../../src/decide/cilium.ts';
import type { Suspect } from '../../../src/decide/residual.ts';

const SUSPECT: Suspect = {
  namespace: 'shop',
  labels: { 'die-operator.dev/quarantine': 'true' },
  namespaceLabels: {},
  serviceAccount: 'runner',
};
const COMPONENT = parse(
  readFileSync(new URL('../../../config/components/cilium/policy.yaml', import.meta.url), 'utf8'),
) as KubeObject & { spec: { ingressDeny: object[]; egressDeny: object[]; endpointSelector: object } };

function policy(rule: object, namespace = 'shop'): CiliumPolicyFacts {
  return { kind: 'CiliumNetworkPolicy', namespace, name: 'other', rules: [rule] };
}

function clusterwide(...rules: unknown[]): CiliumPolicyFacts {
  return { kind: 'CiliumClusterwideNetworkPolicy', namespace: '', name: 'other', rules };
}

describe('the policy of config/components/cilium', () => {
  const facts = ciliumPolicyFacts('CiliumClusterwideNetworkPolicy')(COMPONENT);
  const { ingressDeny, egressDeny, endpointSelector } = COMPONENT.spec;
  const [entities] = ingressDeny as [{ fromEntities: string[] }];

  test('closes both ways for a quarantined pod, whatever its namespace, and allows nothing', () => {
    expect(COMPONENT.metadata.name).toBe(BACKEND_POLICIES.cilium);
    for (const namespace of ['shop', 'till']) {
      expect(ciliumClosures({ ...SUSPECT, namespace }, [facts])).toEqual([
        { direction: 'Ingress', scope: 'All' },
        { direction: 'Egress', scope: 'All' },
      ]);
    }
    expect(ciliumAllows(SUSPECT, [facts])).toEqual([]);
  });

  test('closes nothing for a pod that is not quarantined', () => {
    expect(ciliumClosures({ ...SUSPECT, labels: { app: 'web' } }, [facts])).toEqual([]);
  });

  test('leaves the node alone, whose probes keep the container and so the evidence', () => {
    expect(entities.fromEntities).not.toContain('host');
    expect(entities.fromEntities).not.toContain('all');
    expect(entities.fromEntities).not.toContain('cluster');
  });

  const changed = (change: object) => clusterwide({ endpointSelector, ingressDeny, egressDeny, ...change });
  test.each<[string, CiliumPolicyFacts, string[]]>([
    ...entities.fromEntities.map((left): [string, CiliumPolicyFacts, string[]] => [
      `without the entity ${left}`,
      changed({
        ingressDeny: [{ fromEntities: entities.fromEntities.filter((one) => one !== left) }, ingressDeny[1]],
      }),
      ['Egress'],
    ]),
    ['without the pods', changed({ ingressDeny: [entities] }), ['Egress']],
    [
      'with pods of one namespace',
      changed({ ingressDeny: [entities, { fromEndpoints: [{ matchLabels: { a: 'b' } }] }] }),
      ['Egress'],
    ],
    ['with any pod said shorter', changed({ ingressDeny: [entities, { fromEndpoints: [{}] }] }), ['Egress']],
    [
      'for some ports',
      changed({ egressDeny: [{ toEntities: ['all'], toPorts: [{ ports: [{ port: '80' }] }] }] }),
      ['Ingress'],
    ],
    [
      'with a field that is not known',
      changed({ egressDeny: [{ toEntities: ['all'], unless: [{}] }] }),
      ['Ingress'],
    ],
    ['for the world only', changed({ egressDeny: [{ toEntities: ['world'] }] }), ['Ingress']],
    ['for the cluster only', changed({ egressDeny: [{ toEntities: ['cluster'] }] }), ['Ingress']],
    [
      'for cluster and world, which are not the pods of a cluster that is meshed with this one',
      changed({ egressDeny: [{ toEntities: ['cluster'] }, { toEntities: ['world'] }] }),
      ['Ingress'],
    ],
    ['for all ways in', changed({ ingressDeny: [{ fromEntities: ['all'] }] }), ['Ingress', 'Egress']],
    [
      'with the entities misspelt',
      changed({ egressDeny: [{ toEntities: ['everything', 7, null] }] }),
      ['Ingress'],
    ],
    ['with empty denies', changed({ ingressDeny: [{}], egressDeny: [] }), []],
    [
      'for pods that it only may select',
      changed({ endpointSelector: { matchLabels: { 'container:x': 'y' } } }),
      [],
    ],
    ['for nodes', clusterwide({ nodeSelector: {}, ingressDeny, egressDeny }), []],
    [
      'as a policy of the namespace, whose selectors of peers may mean that namespace',
      policy({ endpointSelector, ingressDeny, egressDeny }),
      ['Egress'],
    ],
    ['as a policy of another namespace', policy({ endpointSelector, ingressDeny, egressDeny }, 'till'), []],
  ])('changed is judged by what it says: %s', (_, one, closed) => {
    expect(ciliumClosures(SUSPECT, [one]).map(({ direction }) => direction)).toEqual(closed);
  });

  test('also closes when it is split over several', () => {
    const parts = [
      clusterwide({ endpointSelector, ingressDeny: [ingressDeny[0]] }),
      clusterwide({ endpointSelector, ingressDeny: [ingressDeny[1]] }),
      policy({ endpointSelector, egressDeny }),
    ];
    expect(ciliumClosures(SUSPECT, parts)).toHaveLength(2);
  });
});
