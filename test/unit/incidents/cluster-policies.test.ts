// How a policy of the cluster is judged and its namespaces prepared; and what of it is read live before an eviction.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { ClusterDriftPolicy } from '../../../src/api/policy.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { createCaches, sourcesOf } from '../../../src/incidents/caches.ts';
import { readLive, type FactSources } from '../../../src/incidents/facts.ts';
import { reconcilePolicy } from '../../../src/incidents/policies.ts';
import { AccessReviews } from '../../../src/kube/access-reviews.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CLUSTER_DRIFT_POLICIES, NAMESPACES, NETWORK_POLICIES } from '../../../src/kube/resources.ts';
import type { HttpRequest } from '../../../src/kube/transport.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { aContribution, anIncident } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const SPEC = { mode: 'Enforce', responses: [{ name: 'replace', actions: ['Isolate', 'Evict'] }] };
const FOREIGN = { podSelector: {}, policyTypes: ['Ingress'] };

async function scene(spec: object = SPEC) {
  const clock = new VirtualClock();
  const random = () => 0.5;
  const { api, transport } = createEmbeddedCluster({ clock, random: Math.random });
  for (const name of [...NAMES, 'shop']) api.create(NAMESPACES, undefined, { metadata: { name } });
  const policy = {
    apiVersion: 'die-operator.dev/v1alpha1',
    kind: 'ClusterDriftPolicy',
    metadata: { name: 'all' },
    spec,
  };
  api.create(CLUSTER_DRIFT_POLICIES, undefined, policy);
  const sent: HttpRequest[] = [];
  const client = createKubeClient({
    transport: (request) => {
      sent.push(request);
      return transport(request);
    },
    clock,
    random,
  });
  const caches = createCaches({ client, clock, random, log: silentLogger });
  const watching = new AbortController();
  const running = sourcesOf(caches).map((cache) => cache.run(watching.signal));
  await clock.advance(1_000);
  const protectedNamespaces = new Set(['kube-system']);
  const shared = { client, clock, caches, protectedNamespaces };
  return {
    api,
    sent,
    sources: { ...shared, reservations: undefined, snapshots: undefined } as unknown as FactSources,
    stopWatching: async () => {
      watching.abort();
      await Promise.all(running);
    },
    settle: () => clock.advance(1_000),
    judge: () =>
      reconcilePolicy(
        {
          ...shared,
          watchNamespaces: [],
          reviews: new AccessReviews({ client, clock }),
          events: { record: () => {} },
          log: silentLogger,
        },
        '/all',
      ),
    ready: () => {
      const stored = api.get(CLUSTER_DRIFT_POLICIES, { name: 'all' }) as ClusterDriftPolicy;
      return findCondition(stored.status?.conditions, 'Ready');
    },
    uid: () => (api.get(CLUSTER_DRIFT_POLICIES, { name: 'all' }) as ClusterDriftPolicy).metadata.uid,
  };
}

describe('a policy of the cluster', () => {
  test('is said to be accepted before its namespaces are prepared', async () => {
    const { judge, sent, ready, stopWatching } = await scene();
    await judge();
    const isStatus = ({ method, path }: HttpRequest) => method === 'PATCH' && path.includes('/status');
    const first = sent.findIndex(isStatus);
    const prepares = sent.findIndex(({ path }) => path.includes('/networkpolicies'));
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThan(prepares);
    expect(sent.filter(isStatus)).toHaveLength(2);
    expect(ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
    await stopWatching();
  });

  test('in Audit is told once, as nothing is prepared', async () => {
    const { judge, sent, stopWatching } = await scene({ ...SPEC, mode: 'Audit' });
    await judge();
    expect(sent.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
    await stopWatching();
  });

  test('names the namespaces that cannot be prepared, and prepares the others', async () => {
    const { api, judge, ready, stopWatching } = await scene();
    for (const name of NAMES.slice(0, 4)) {
      api.create(NETWORK_POLICIES, name, { metadata: { name: 'die-operator-quarantine' }, spec: FOREIGN });
    }
    await judge();
    const { status, message } = ready() ?? {};
    expect(status).toBe('False');
    expect(message).toMatch(/^4 of \d+ namespaces have no deny policy: a: .*; b: .*; c: .*; and others$/);
    expect(api.list(NETWORK_POLICIES, 'e').map(({ metadata }) => metadata.name)).toEqual([
      'die-operator-quarantine',
    ]);
    await stopWatching();
  });

  test('leaves a namespace alone that is being deleted', async () => {
    const { api, judge, ready, settle, stopWatching } = await scene();
    api.update(NAMESPACES, { name: 'a' }, 'object', (space) => ({
      ...space,
      metadata: { ...space.metadata, finalizers: ['example.com/held'] },
    }));
    api.delete(NAMESPACES, { name: 'a' });
    await settle();
    await judge();
    expect(ready()).toMatchObject({ status: 'True' });
    expect(api.list(NETWORK_POLICIES, 'a')).toEqual([]);
    await stopWatching();
  });
});

describe('what a policy of the cluster wants, read live before an eviction', () => {
  const wanted = async (edit: object) => {
    const { api, sources, stopWatching, uid } = await scene();
    await stopWatching();
    api.update(CLUSTER_DRIFT_POLICIES, { name: 'all' }, 'object', (policy) => ({
      ...policy,
      spec: { ...(policy as ClusterDriftPolicy).spec, ...edit },
    }));
    const asked = aContribution({ kind: 'ClusterDriftPolicy', name: 'all', uid: uid() });
    const { standing } = await readLive(sources, anIncident({ policies: [asked] }));
    return [...(standing?.values() ?? [])].flat();
  };

  test('is all of it while it is as the watch told', async () => expect(await wanted({})).toContain('Evict'));

  test.each<[string, object]>([
    ['it went to Audit', { mode: 'Audit' }],
    ['it selects other namespaces', { namespaceSelector: { matchLabels: { env: 'prod' } } }],
    ['its rung is gone', { responses: [{ name: 'other', actions: ['Evict'] }] }],
  ])('is nothing when %s and the watch does not know yet', async (_how, edit) =>
    expect(await wanted(edit)).toEqual([]),
  );
});
