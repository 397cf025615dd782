// The rulebook of a namespace follows every change of what it is made from, and holds back while that is not known.
import { describe, expect, test } from 'vitest';
import { namespaceFacts } from '../../../src/api/namespace.ts';
import type { AnyPolicy, PolicyKind } from '../../../src/api/policy.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { createCaches, sourcesOf } from '../../../src/incidents/caches.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_POLICIES, NAMESPACES } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const RESPONSES = [{ name: 'r', actions: ['Label'] }];
const TENANT = { matchLabels: { tenant: 'true' } };

function object(kind: PolicyKind, name: string, spec: object): object {
  return { apiVersion: 'die-operator.dev/v1alpha1', kind, metadata: { name }, spec };
}

async function scene() {
  const clock = new VirtualClock();
  const random = () => 0.5;
  const { api, transport } = createEmbeddedCluster({ clock, random: Math.random });
  api.create(NAMESPACES, undefined, { metadata: { name: 'shop', labels: { tenant: 'true' } } });
  const client = createKubeClient({ transport, clock, random });
  const caches = createCaches({ client, clock, random, log: silentLogger });
  const stop = new AbortController();
  const running = sourcesOf(caches).map((cache) => cache.run(stop.signal));
  const settle = () => clock.advance(1_000);
  await settle();
  return {
    api,
    settle,
    book: () => caches.rulebooks.of('shop'),
    names: () => [...caches.rulebooks.of('shop').inForce.values()].map(({ name }) => name).toSorted(),
    close: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}

describe('the rulebook of a namespace', () => {
  test('follows policies, grants and labels as they come and go', async () => {
    const { api, settle, names, book, close } = await scene();
    expect(names()).toEqual([]);
    api.create(
      DRIFT_POLICIES,
      'shop',
      object('DriftPolicy', 'own', { mode: 'Enforce', responses: RESPONSES }),
    );
    await settle();
    expect(names()).toEqual(['own']);
    const guard = object('ClusterDriftPolicy', 'guard', {
      namespaceSelector: TENANT,
      responses: RESPONSES,
      grants: {},
    });
    api.create(CLUSTER_DRIFT_POLICIES, undefined, guard);
    await settle();
    expect(names()).toEqual(['guard']);
    expect(book().powers.grantedBy).toEqual(['guard']);
    api.update(NAMESPACES, { name: 'shop' }, 'object', (space) => ({
      ...space,
      metadata: { ...space.metadata, labels: {} },
    }));
    await settle();
    expect(names()).toEqual(['own']);
    api.update(NAMESPACES, { name: 'shop' }, 'object', (space) => ({
      ...space,
      metadata: { ...space.metadata, labels: { tenant: 'true' } },
    }));
    await settle();
    expect(names()).toEqual(['guard']);
    api.delete(CLUSTER_DRIFT_POLICIES, { name: 'guard' });
    await settle();
    expect(names()).toEqual(['own']);
    await close();
  });

  test('gives nothing away because a policy of the cluster has become wrong', async () => {
    const { api, settle, names, book, close } = await scene();
    api.create(
      DRIFT_POLICIES,
      'shop',
      object('DriftPolicy', 'own', { mode: 'Enforce', responses: RESPONSES }),
    );
    const responses = [{ ...RESPONSES[0], condition: 'no.such.name' }];
    const guard = object('ClusterDriftPolicy', 'guard', { namespaceSelector: TENANT, responses, grants: {} });
    api.create(CLUSTER_DRIFT_POLICIES, undefined, guard);
    await settle();
    expect(names()).toEqual([]);
    expect(book().powers.grantedBy).toEqual(['guard, which is not accepted']);
    await close();
  });

  test('holds back while the labels of the namespace are not known and a policy of the cluster grants', async () => {
    const { Rulebooks } = await import('../../../src/incidents/rulebooks.ts');
    const { compilePolicy } = await import('../../../src/decide/policies.ts');
    const entry = (kind: PolicyKind, name: string, spec: object) => {
      const policy = {
        ...object(kind, name, spec),
        metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: '' },
      } as unknown as AnyPolicy;
      return { kind, policy, compilation: compilePolicy(policy, kind) };
    };
    const known = new Map([
      [
        'shop',
        namespaceFacts({ metadata: { name: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' } }),
      ],
    ]);
    const sources = (labelsKnown: boolean, grants: object | undefined) => ({
      namespaces: {
        get: (_: unknown, name: string) => (labelsKnown ? known.get(name) : undefined),
        subscribe: () => () => {},
      },
      policies: {
        byIndex: () => [entry('DriftPolicy', 'own', { mode: 'Enforce', responses: RESPONSES })],
        subscribe: () => () => {},
      },
      clusterPolicies: {
        values: () => [
          entry('ClusterDriftPolicy', 'guard', {
            namespaceSelector: TENANT,
            responses: RESPONSES,
            ...(grants && { grants }),
          }),
        ],
        subscribe: () => () => {},
      },
    });
    const own = (labelsKnown: boolean, grants?: object) =>
      new Rulebooks(sources(labelsKnown, grants)).of('shop').inForce.has('own');
    expect(own(false, {})).toBe(false);
    expect(own(true, {})).toBe(true);
    expect(own(false)).toBe(true);
  });
});
