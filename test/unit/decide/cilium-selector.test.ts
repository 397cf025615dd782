// Which of Cilium's own policies take one pod.
import { describe, expect, test } from 'vitest';
import type { CiliumPolicyFacts } from '../../../src/api/cilium-policy.ts';
import { ciliumAllows } from '../../../src/decide/cilium.ts';
import type { Suspect } from '../../../src/decide/residual.ts';

const SUSPECT: Suspect = {
  namespace: 'shop',
  labels: {
    'die-operator.dev/quarantine': 'true',
    'app.kubernetes.io/name': 'web',
    'reserved.host': '',
  },
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
  const open = { ingress: [{ fromEntities: ['world'] }] };
  const PODNS = 'io.kubernetes.pod.namespace';
  test.each<[string, CiliumPolicyFacts, boolean]>([
    ['an empty selector', policy({ ...ALL, ...open }), true],
    ['of another namespace', policy({ ...ALL, ...open }, 'till'), false],
    ['of the cluster', clusterwide({ ...ALL, ...open }), true],
    [
      'a label',
      policy({ endpointSelector: { matchLabels: { 'die-operator.dev/quarantine': 'true' } }, ...open }),
      true,
    ],
    [
      'a label with the prefix k8s:',
      policy({ endpointSelector: { matchLabels: { 'k8s:die-operator.dev/quarantine': 'true' } }, ...open }),
      true,
    ],
    [
      'a label with the prefix any:',
      policy({ endpointSelector: { matchLabels: { 'any:die-operator.dev/quarantine': 'true' } }, ...open }),
      true,
    ],
    [
      'a label that is not there',
      policy({ endpointSelector: { matchLabels: { 'k8s:app': 'web' } }, ...open }),
      false,
    ],
    [
      'all but the quarantined',
      policy({
        endpointSelector: {
          matchExpressions: [{ key: 'die-operator.dev/quarantine', operator: 'DoesNotExist' }],
        },
        ...open,
      }),
      false,
    ],
    [
      'a reserved label',
      clusterwide({ endpointSelector: { matchLabels: { 'reserved:host': '' } }, ...open }),
      false,
    ],
    [
      'a reserved label with a point, which a label of a pod is not taken for',
      policy({ endpointSelector: { matchLabels: { 'reserved.host': '' } }, ...open }),
      false,
    ],
    [
      'a reserved label, the old way',
      clusterwide({
        endpointSelector: { matchExpressions: [{ key: '$host', operator: 'Exists' }] },
        ...open,
      }),
      false,
    ],
    [
      'nothing with a reserved label',
      clusterwide({
        endpointSelector: { matchExpressions: [{ key: 'reserved:host', operator: 'DoesNotExist' }] },
        ...open,
      }),
      true,
    ],
    [
      'its namespace',
      clusterwide({ endpointSelector: { matchLabels: { [`k8s:${PODNS}`]: 'shop' } }, ...open }),
      true,
    ],
    [
      'another namespace',
      clusterwide({ endpointSelector: { matchLabels: { [`k8s:${PODNS}`]: 'till' } }, ...open }),
      false,
    ],
    [
      'another namespace, but bound to its own',
      policy({ endpointSelector: { matchLabels: { [`k8s:${PODNS}`]: 'till' } }, ...open }),
      true,
    ],
    [
      'a label of its namespace',
      clusterwide({
        endpointSelector: { matchLabels: { 'k8s:io.cilium.k8s.namespace.labels.team': 'red' } },
        ...open,
      }),
      true,
    ],
    [
      'another label of a namespace',
      clusterwide({
        endpointSelector: { matchLabels: { 'io.cilium.k8s.namespace.labels.team': 'blue' } },
        ...open,
      }),
      false,
    ],
    [
      'the name of its namespace by label',
      clusterwide({
        endpointSelector: {
          matchLabels: { 'io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name': 'till' },
        },
        ...open,
      }),
      false,
    ],
    [
      'its service account',
      clusterwide({
        endpointSelector: { matchLabels: { 'io.cilium.k8s.policy.serviceaccount': 'runner' } },
        ...open,
      }),
      true,
    ],
    [
      'another service account',
      clusterwide({
        endpointSelector: { matchLabels: { 'k8s:io.cilium.k8s.policy.serviceaccount': 'default' } },
        ...open,
      }),
      false,
    ],
    [
      'a cluster, whose name only Cilium knows',
      clusterwide({
        endpointSelector: { matchLabels: { 'k8s:io.cilium.k8s.policy.cluster': 'b' } },
        ...open,
      }),
      true,
    ],
    [
      'a label of another source',
      clusterwide({ endpointSelector: { matchLabels: { 'container:x': 'y' } }, ...open }),
      true,
    ],
    [
      'none with a label that Cilium may leave out',
      policy({
        endpointSelector: { matchExpressions: [{ key: 'app.kubernetes.io/name', operator: 'DoesNotExist' }] },
        ...open,
      }),
      true,
    ],
    [
      'an operator that is not known',
      policy({ endpointSelector: { matchExpressions: [{ key: 'a', operator: 'Gt' }] }, ...open }),
      true,
    ],
    ['no selector', policy(open), true],
    ['nodes', clusterwide({ nodeSelector: {}, ...open }), false],
  ])('is found by its selector: %s', (_, one, isFound) => {
    expect(words(one)).toEqual(isFound ? ['Ingress: entity world; all ports'] : []);
  });
});
