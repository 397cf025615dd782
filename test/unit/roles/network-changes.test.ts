// Which incidents are looked at when network policies change.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { NetworkPolicyFacts } from '../../../src/api/network-policy.ts';
import type { Concerned } from '../../../src/incidents/cilium-policies.ts';
import type { CacheChange, CacheListener } from '../../../src/kube/cache.ts';
import { onNetworkChanges, type WatchedNetwork } from '../../../src/roles/network-changes.ts';
import { anIncident } from '../../support/builders.ts';

const AT = '2026-11-22T00:00:00Z';
const incident = (name: string, status: DriftIncident['status']) =>
  anIncident({ metadata: { name, namespace: 'shop' }, ...(status && { status }) });
const INCIDENTS = [
  incident('orphan', { phase: 'Quarantined', isolation: { form: 'Orphan', at: AT } }),
  incident('gentle', { phase: 'Responding', isolation: { form: 'Gentle', at: AT } }),
  incident('labelled', { phase: 'Observed', isolation: { form: 'LabelOnly', at: AT } }),
  incident('untouched', { phase: 'Observed' }),
  incident('over', { phase: 'Released', isolation: { form: 'Orphan', at: AT } }),
];

function watching() {
  const policies = new Set<CacheListener<NetworkPolicyFacts>>();
  const backends = new Set<(concerned: Concerned) => void>();
  const subscribe =
    <T>(to: Set<T>) =>
    (listener: T) => {
      to.add(listener);
      return () => to.delete(listener);
    };
  const watched = {
    caches: {
      incidents: {
        values: () => INCIDENTS,
        byIndex: (_: string, namespace: string) => (namespace === 'shop' ? INCIDENTS : []),
      },
    },
    network: {
      networkPolicies: { subscribe: subscribe(policies) },
      backends: { subscribe: subscribe(backends) },
    },
  } as unknown as WatchedNetwork;
  const woken: string[] = [];
  const end = onNetworkChanges(watched, ({ metadata }) => woken.push(metadata.name));
  return {
    woken,
    end,
    policy: (change: CacheChange<NetworkPolicyFacts>) => policies.forEach((tell) => tell(change)),
    backend: (concerned: Concerned) => backends.forEach((tell) => tell(concerned)),
  };
}

const value = (spec: object, namespace = 'shop'): NetworkPolicyFacts => ({
  namespace,
  name: 'a',
  uid: 'a',
  isOurs: false,
  spec,
});

describe('a change of a NetworkPolicy', () => {
  test.each<[string, Omit<CacheChange<NetworkPolicyFacts>, 'key'>, boolean]>([
    ['it appeared', { type: 'set', value: value({}) }, true],
    ['its spec changed', { type: 'set', value: value({ a: 1 }), previous: value({}) }, true],
    ['it went', { type: 'delete', value: value({}) }, true],
    ['only its metadata changed', { type: 'set', value: value({ a: 1 }), previous: value({ a: 1 }) }, false],
    ['it is of another namespace', { type: 'set', value: value({}, 'till') }, false],
  ])('wakes the incidents with a pod in quarantine or not: %s', (_, change, wakes) => {
    const { woken, policy } = watching();
    policy({ key: 'shop/a', ...change });
    expect(woken).toEqual(wakes ? ['orphan', 'gentle'] : []);
  });
});

describe('a change of another backend', () => {
  test.each<[Concerned, string[]]>([
    ['All', ['orphan', 'gentle']],
    [{ namespace: 'shop' }, ['orphan', 'gentle']],
    [{ namespace: 'till' }, []],
  ])('for %j wakes those with a pod in quarantine', (concerned, expected) => {
    const { woken, backend } = watching();
    backend(concerned);
    expect(woken).toEqual(expected);
  });

  test('wakes nobody any more when it has ended', () => {
    const { woken, backend, policy, end } = watching();
    end();
    backend('All');
    policy({ type: 'set', key: 'shop/a', value: value({}) });
    expect(woken).toEqual([]);
  });
});
