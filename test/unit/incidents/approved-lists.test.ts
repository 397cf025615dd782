// Lists of approved images that ConfigMaps hold: read at once, again as they change, and kept while they cannot be read.
import { expect, test } from 'vitest';
import { APPROVED_IMAGES_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { ApprovedLists } from '../../../src/incidents/approved-lists.ts';
import type { PolicyEntry } from '../../../src/incidents/caches.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { refused } from './support.ts';

const [A, B] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
const WEB = 'registry.example/web';
const policyIn = (namespace: string, kind: CompiledPolicy['kind'] = 'DriftPolicy') =>
  ({ kind, namespace, uid: namespace, approvedFromConfigMap: true }) as CompiledPolicy;
const SHOP = policyIn('shop');
const CLUSTER = policyIn('', 'ClusterDriftPolicy');

/** Lists that read what `stored` holds by namespace, an Error being thrown. */
function scene() {
  const stored = new Map<string, string | Error>();
  const asked: string[] = [];
  const listeners: (() => void)[] = [];
  const entries: PolicyEntry[] = [];
  const cacheOf = (isCluster: boolean) => ({
    values: () => entries.filter(({ kind }) => (kind === 'ClusterDriftPolicy') === isCluster),
    subscribe: (listener: () => void) => {
      listeners.push(listener);
      return () => {};
    },
  });
  const client = {
    get: (_: unknown, { namespace, name }: { namespace: string; name: string }) => {
      asked.push(`${namespace}/${name}`);
      const text = stored.get(namespace) ?? refused(404, 'NotFound');
      if (text instanceof Error) return Promise.reject(text);
      return Promise.resolve({ metadata: { resourceVersion: text }, data: { list: text } });
    },
  } as unknown as KubeClient;
  const clock = new VirtualClock();
  const caches = { policies: cacheOf(false), clusterPolicies: cacheOf(true) } as never;
  const lists = new ApprovedLists({ client, clock, log: silentLogger, caches });
  const want = (policy: CompiledPolicy) => {
    entries.push({ kind: policy.kind, policy: {} as never, compilation: { accepted: true, policy } });
    listeners.forEach((tell) => tell());
  };
  return { stored, asked, lists, clock, want };
}

const digests = (lists: ApprovedLists, policy = SHOP) => [...(lists.of(policy)?.get(WEB) ?? [])];

test('the list of a namespace is added to what the policy names, that of the cluster is its own', async () => {
  const { stored, lists, want, asked } = scene();
  stored.set('shop', `${WEB}@${A}`);
  stored.set(SYSTEM_NAMESPACE, `${WEB}@${B}`);
  want(SHOP);
  want(CLUSTER);
  await lists.load();
  expect(asked.toSorted()).toEqual([
    `${SYSTEM_NAMESPACE}/${APPROVED_IMAGES_CONFIGMAP}`,
    `shop/${APPROVED_IMAGES_CONFIGMAP}`,
  ]);
  const named = { ...SHOP, approvedImages: new Map([[WEB, new Set([B])]]) };
  expect(digests(lists, named).toSorted()).toEqual([A, B]);
  expect(digests(lists, CLUSTER)).toEqual([B]);
});

test('nothing is read where no policy asks for it', async () => {
  const { lists, asked } = scene();
  await lists.load();
  expect(asked).toEqual([]);
});

test('a list that is missing approves nothing, and is a problem of the policy', async () => {
  const { lists, want } = scene();
  want(SHOP);
  expect(lists.problemOf(SHOP)).toContain('not read yet');
  await lists.load();
  expect(digests(lists)).toEqual([]);
  expect(lists.problemOf(SHOP)).toBe(`there is no ConfigMap ${APPROVED_IMAGES_CONFIGMAP} in shop`);
});

test('a list that cannot be read any more stays as it was, and says why', async () => {
  const { stored, lists, want } = scene();
  stored.set('shop', `${WEB}@${A}`);
  want(SHOP);
  await lists.load();
  expect(lists.problemOf(SHOP)).toBeUndefined();
  stored.set('shop', refused(403, 'Forbidden'));
  await lists.load();
  expect(digests(lists)).toEqual([A]);
  expect(lists.problemOf(SHOP)).toContain('config/components/verification');
  stored.set('shop', refused(500, 'InternalError'));
  await lists.load();
  expect(lists.problemOf(SHOP)).toContain('as it was read last');
  stored.set('shop', `${WEB}@${A}`);
  await lists.load();
  expect(lists.problemOf(SHOP)).toBeUndefined();
});

test('a change is told within half a minute, a new policy is served at once, and what stays is not told', async () => {
  const { stored, lists, want, clock, asked } = scene();
  const told: string[] = [];
  lists.subscribe((namespace) => told.push(namespace));
  const stop = new AbortController();
  const running = lists.run(stop.signal);
  stored.set('shop', `${WEB}@${A}`);
  want(SHOP);
  await clock.advance(10);
  expect(told).toEqual(['shop']);
  await clock.advance(60_000);
  expect([told, asked.length > 1]).toEqual([['shop'], true]);
  stored.set('shop', `${WEB}@${B}`);
  await clock.advance(30_000);
  expect([told, digests(lists)]).toEqual([['shop', 'shop'], [B]]);
  stop.abort();
  await running;
});
