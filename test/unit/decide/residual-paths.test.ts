// The list of what is still open, as it stands in the record.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IsolationPathSchema, MAX_PATHS } from '../../../src/api/incident.ts';
import { DIRECTIONS, type NetworkPolicyFacts } from '../../../src/api/network-policy.ts';
import type { Suspect } from '../../../src/decide/residual.ts';
import { residualPaths, type NetworkView } from '../../../src/decide/residual-paths.ts';

const SUSPECT: Suspect = { namespace: 'shop', labels: { q: 'true' }, namespaceLabels: {} };
const policy = (name: string, spec: object): NetworkPolicyFacts => ({
  namespace: 'shop',
  name,
  uid: name,
  isOurs: false,
  spec,
});
const DENY = policy('deny', {
  podSelector: { matchLabels: { q: 'true' } },
  policyTypes: ['Ingress', 'Egress'],
});
const ALLOW = policy('allow', { podSelector: {}, egress: [{}], policyTypes: ['Egress'] });
const VIEW: NetworkView = {
  namespaceLabels: {},
  networkPolicies: [DENY],
  ciliumPolicies: [],
  closures: [],
  blind: undefined,
  enforcement: undefined,
  probe: undefined,
  execProtected: false,
};
const kinds = (view: Partial<NetworkView>) =>
  residualPaths(SUSPECT, { ...VIEW, ...view }, true).paths.map(
    ({ kind, direction }) => `${kind} ${direction}`,
  );

describe('the list of paths', () => {
  test('always has the node, and exec unless admission refuses it', () => {
    expect(kinds({})).toEqual(['Node Ingress', 'Exec Ingress']);
    expect(kinds({ execProtected: true })).toEqual(['Node Ingress']);
  });

  test('has what a policy allows first, unless a backend closes it', () => {
    const networkPolicies = [DENY, ALLOW];
    expect(kinds({ networkPolicies })).toEqual(['Policy Egress', 'Node Ingress', 'Exec Ingress']);
    const closures = [{ direction: 'Egress', scope: 'All' }] as const;
    expect(kinds({ networkPolicies, closures })).toEqual(['Node Ingress', 'Exec Ingress']);
  });

  test('has what no policy reaches: other networks that the pod is attached to', () => {
    const suspect = { ...SUSPECT, otherNetworks: true } as const;
    const found = residualPaths(suspect, VIEW, true);
    expect(found.paths.slice(0, 2)).toMatchObject([
      {
        kind: 'Policy',
        direction: 'Egress',
        peer: expect.stringContaining('k8s.v1.cni.cncf.io/networks') as string,
      },
      { kind: 'Policy', direction: 'Ingress' },
    ]);
    const closures = DIRECTIONS.map((direction) => ({ direction, scope: 'All' }) as const);
    expect(residualPaths(suspect, { ...VIEW, closures }, true).paths.slice(0, 2)).toEqual(
      found.paths.slice(0, 2),
    );
  });

  test('has what endpoints of Cilium are, which may be no pods, where a backend closes the way from pods only', () => {
    const closures = [{ direction: 'Ingress', scope: 'Pods' }] as const;
    const open = (fromEndpoints: object[]) => ({
      closures,
      ciliumPolicies: [
        {
          kind: 'CiliumClusterwideNetworkPolicy' as const,
          namespace: '',
          name: 'a',
          rules: [{ endpointSelector: {}, ingress: [{ fromEndpoints }] }],
        },
      ],
    });
    for (const endpoint of [
      {},
      { matchLabels: { 'reserved:world': '' } },
      { matchLabels: { 'any:world': '' } },
    ])
      expect(kinds(open([endpoint]))).toContain('Policy Ingress');
  });

  test('has what was open before, where a test showed that the network leaves it', () => {
    const enforcement = { verdict: 'Enforced', at: 0, tookMs: 1, establishedCut: false } as const;
    expect(kinds({ enforcement })).toEqual(['Established Ingress', 'Node Ingress', 'Exec Ingress']);
    expect(kinds({ enforcement: { ...enforcement, establishedCut: true } })).not.toContain(
      'Established Ingress',
    );
  });

  test('has both ways once a deny policy should have been seen, and says so until then', () => {
    const view = { ...VIEW, networkPolicies: [] };
    expect(residualPaths(SUSPECT, view, false)).toMatchObject({
      unseen: true,
      paths: [{ kind: 'Node' }, { kind: 'Exec' }],
    });
    const late = residualPaths(SUSPECT, view, true);
    expect(late.unseen).toBe(false);
    expect(late.paths.filter(({ kind }) => kind === 'Policy')).toEqual([
      { kind: 'Policy', direction: 'Egress', peer: 'everybody', ports: 'all ports' },
      { kind: 'Policy', direction: 'Ingress', peer: 'everybody', ports: 'all ports' },
    ]);
    const closures = (['Ingress', 'Egress'] as const).map(
      (direction) => ({ direction, scope: 'All' }) as const,
    );
    expect(residualPaths(SUSPECT, { ...view, closures }, false).unseen).toBe(false);
  });

  test('is the same in whatever order policies come, and names each way once', () => {
    const specs = [
      { podSelector: {}, ingress: [{}, {}] },
      { podSelector: {}, egress: [{}, { ports: [{ port: 80 }] }] },
    ];
    const all = specs.map((spec, index) => policy(`p${index}`, spec));
    const [one, other] = [all, all.toReversed()].map((networkPolicies) =>
      residualPaths(SUSPECT, { ...VIEW, networkPolicies: [DENY, ...networkPolicies] }, true),
    );
    expect(one).toEqual(other);
    expect(one?.paths).toHaveLength(3 + 2);
  });

  test('is there within a moment, whatever tenants write: what there is no time for counts as an allow', () => {
    const rule = {
      from: [{ podSelector: { matchLabels: { a: 'b' } } }, { ipBlock: { cidr: '10.0.0.0/8' } }],
    };
    const peers = { from: Array.from({ length: 20_000 }, () => rule.from[0]) };
    const big = (podSelector: object) => ({
      podSelector,
      ingress: [...Array.from({ length: 5_000 }, () => rule), peers],
    });
    const one = big({});
    const other = big({ matchLabels: { app: 'other' } });
    const entries = Array.from({ length: 20_000 }, () => ({ toEndpoints: [{ matchLabels: { a: 'b' } }] }));
    const cilium = { endpointSelector: {}, egress: entries };
    const view = {
      ...VIEW,
      networkPolicies: Array.from({ length: 400 }, (_, index) =>
        policy(`p${index}`, index % 2 ? one : other),
      ),
      ciliumPolicies: Array.from({ length: 100 }, (_, index) => ({
        kind: 'CiliumNetworkPolicy' as const,
        namespace: 'shop',
        name: `c${index}`,
        rules: [cilium],
      })),
    };
    const began = performance.now();
    const { paths, morePaths } = residualPaths(SUSPECT, view, true);
    // Half a minute without the limit.
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(paths).toHaveLength(MAX_PATHS);
    expect(new Set(paths.map(({ policy: name }) => name)).size).toBeGreaterThan(10);
    expect(morePaths).toBeGreaterThan(100);
    expect(paths.map(({ peer }) => peer)).toContain('what cannot be judged, so perhaps everybody');
  });

  test('stays within the limits of the record, whatever tenants write', () => {
    const many = Array.from({ length: 400 }, (_, index) =>
      policy(`${'n'.repeat(240)}${index}`, {
        podSelector: {},
        ingress: [{ from: [{ podSelector: { matchLabels: { [`k${'é'.repeat(200)}`]: 'x'.repeat(60) } } }] }],
      }),
    );
    const { paths, morePaths } = residualPaths(SUSPECT, { ...VIEW, networkPolicies: [DENY, ...many] }, true);
    expect(paths.length).toBeLessThanOrEqual(MAX_PATHS);
    expect(paths.length - 2 + morePaths).toBe(400);
    expect(JSON.stringify(paths).length).toBeLessThan(10_000);
    expect(paths.slice(-2).map(({ kind }) => kind)).toEqual(['Node', 'Exec']);
  });

  test('is always what the schema of the record takes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.anything(), { maxLength: 40 }),
        fc.array(fc.anything(), { maxLength: 5 }),
        (specs, rules) => {
          const networkPolicies = specs.map((spec, index) => policy(`p${index}`, spec as object));
          const ciliumPolicies = [
            { kind: 'CiliumClusterwideNetworkPolicy', namespace: '', name: 'c'.repeat(900), rules },
          ] as const;
          const { paths } = residualPaths(SUSPECT, { ...VIEW, networkPolicies, ciliumPolicies }, true);
          expect(paths.length).toBeLessThanOrEqual(MAX_PATHS);
          for (const path of paths) expect(IsolationPathSchema.safeParse(path).success).toBe(true);
        },
      ),
    );
  });
});
