// What other NetworkPolicies let through, against an independent and naive model.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NetworkPolicyFacts } from '../../../src/api/network-policy.ts';
import { residualAllows, type Suspect } from '../../../src/decide/residual.ts';

const SUSPECT: Suspect = { namespace: 'shop', labels: {}, namespaceLabels: {} };

function policy(spec: unknown, name = 'other'): NetworkPolicyFacts {
  return { namespace: 'shop', name, uid: name, isOurs: false, spec };
}

// The model counts the rules that apply, as the documentation of the API has it, and knows nothing of words.
const KEYS = ['a', 'b'] as const;
const VALUES = ['1', '2'] as const;
const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { noNullPrototype: true });
const requirement = fc.oneof(
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.array(fc.constantFrom(...VALUES), { minLength: 1 }),
  }),
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
);
const selector = fc.record(
  { matchLabels: labels, matchExpressions: fc.array(requirement, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector, podSelector: selector }, { requiredKeys: ['namespaceSelector'] }),
  fc.record({ ipBlock: fc.record({ cidr: fc.constantFrom('10.0.0.0/8', '0.0.0.0/0') }) }),
);
const port = fc.record(
  { port: fc.constantFrom(80, 443), protocol: fc.constantFrom('TCP', 'UDP') },
  { requiredKeys: [] },
);
const rules = (key: 'from' | 'to') =>
  fc.array(
    fc.record(
      { [key]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  );
const spec = fc.record(
  {
    podSelector: selector,
    ingress: rules('from'),
    egress: rules('to'),
    policyTypes: fc.subarray(['Ingress', 'Egress'], { minLength: 1 }),
  },
  { requiredKeys: ['podSelector'] },
);

interface ModelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}
interface ModelSpec {
  podSelector: ModelSelector;
  policyTypes?: string[];
  ingress?: object[];
  egress?: object[];
}

const HOLDS: Record<string, (value: string | undefined, values: string[]) => boolean> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => !(value !== undefined && values.includes(value)),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

function modelMatches(
  { matchLabels = {}, matchExpressions = [] }: ModelSelector,
  pod: Record<string, string>,
) {
  for (const key of Object.keys(matchLabels)) if (pod[key] !== matchLabels[key]) return false;
  for (const { key, operator, values = [] } of matchExpressions) {
    if (!HOLDS[operator]?.(pod[key], values)) return false;
  }
  return true;
}

function modelRules(specs: readonly ModelSpec[], pod: Record<string, string>, direction: string): number {
  let count = 0;
  for (const one of specs) {
    if (!modelMatches(one.podSelector, pod)) continue;
    const { ingress = [], egress = [] } = one;
    const types = one.policyTypes ?? (egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']);
    if (!types.includes(direction)) continue;
    count += (direction === 'Ingress' ? ingress : egress).length;
  }
  return count;
}

describe('with any policies', () => {
  test('finds a way for each rule of a policy that selects the pod in that direction, and no other', () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 4 }), labels, (specs, pod) => {
        const suspect = { ...SUSPECT, labels: pod };
        const policies = specs.map((one, index) => policy(one, `p${index}`));
        const found = residualAllows(suspect, policies);
        for (const direction of ['Ingress', 'Egress']) {
          const count = modelRules(specs, pod, direction);
          expect(found.filter((allow) => allow.direction === direction)).toHaveLength(count);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('says of a peer that it is a pod only if none is an address or everybody', () => {
    fc.assert(
      fc.property(rules('from'), (ingress) => {
        const found = residualAllows(SUSPECT, [policy({ podSelector: {}, ingress })]);
        const model = ingress.map(({ from }) => {
          const peers = (from ?? []) as { ipBlock?: object }[];
          return peers.length > 0 && peers.filter((one) => one.ipBlock).length === 0;
        });
        expect(found.map(({ podsOnly }) => podsOnly)).toEqual(model);
      }),
    );
  });

  test('never throws and never says nothing for what it cannot read', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const found = residualAllows(SUSPECT, [policy(anything)]);
        for (const { peer: who, ports } of found) expect(`${who}${ports}`).toMatch(/^[ -~]+$/);
      }),
    );
  });
});
