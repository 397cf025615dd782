// What else the network has: found when a leader starts, found again later, and never in the way of the rest.
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/api/meta.ts';
import { Backends } from '../../../src/incidents/backends.ts';
import type { Concerned } from '../../../src/incidents/cilium-policies.ts';
import type { KubeClient, WatchEvent } from '../../../src/kube/client.ts';
import type { Resource } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { refused } from './support.ts';

const CILIUM = 'cilium.io/v2';
const CALICO = 'projectcalico.org/v3';
const CLUSTER = 'policy.networking.k8s.io/v1alpha2';
const MINUTE = 60_000;

function shipped(component: string): KubeObject[] {
  const path = new URL(`../../../config/components/${component}/policy.yaml`, import.meta.url);
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as KubeObject);
}

/** An API server as far as backends ask it. */
class FakeApi {
  readonly served = new Map<string, string[]>();
  readonly objects = new Map<string, KubeObject>();
  readonly asked: string[] = [];
  readonly denied = new Set<string>();
  failing = false;
  hanging = false;
  #version = 1;
  readonly #watches = new Map<string, (event: WatchEvent) => void>();

  serve(group: string, ...plurals: string[]): void {
    this.served.set(group, plurals);
  }

  put(plural: string, name: string, spec: unknown, namespace?: string): void {
    const resourceVersion = String(++this.#version);
    const metadata = {
      name,
      uid: name,
      resourceVersion,
      creationTimestamp: '',
      ...(namespace && { namespace }),
    };
    const object = { metadata, spec };
    this.objects.set(`${plural}/${name}`, object);
    this.#watches.get(plural)?.({ type: 'ADDED', object });
  }

  readonly client = {
    readText: ({ group, version }: Resource) => {
      this.asked.push(`${group}/${version}`);
      if (this.hanging) return new Promise(() => {});
      if (this.failing) return Promise.reject(refused(503, 'ServiceUnavailable'));
      const names = this.served.get(`${group}/${version}`);
      if (!names) return Promise.reject(refused(404, ''));
      const resources = names.flatMap((name) => [{ name }, { name: `${name}/status` }]);
      return Promise.resolve({ bytes: Buffer.from(JSON.stringify({ resources })), truncated: false });
    },
    create: (
      _resource: Resource,
      _at: object,
      body: { spec: { resourceAttributes: { verb: string; resource: string } } },
    ) => {
      const { verb, resource } = body.spec.resourceAttributes;
      return Promise.resolve({ metadata: {}, status: { allowed: !this.denied.has(`${verb} ${resource}`) } });
    },
    get: ({ plural }: Resource, { name }: { name: string }) => {
      this.asked.push(`get ${plural}/${name}`);
      const found = this.objects.get(`${plural}/${name}`);
      return found ? Promise.resolve(found) : Promise.reject(refused(404, 'NotFound'));
    },
    list: ({ plural }: Resource) => {
      this.asked.push(`list ${plural}`);
      const items = [...this.objects]
        .filter(([key]) => key.startsWith(`${plural}/`))
        .map(([, object]) => object);
      return Promise.resolve({ metadata: { resourceVersion: String(this.#version) }, items });
    },
    watch: ({ plural }: Resource, _selection: object, { signal }: { signal: AbortSignal }) =>
      this.#watch(plural, signal),
  } as unknown as KubeClient;

  async *#watch(plural: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    while (!signal.aborted) {
      const next = Promise.withResolvers<WatchEvent | undefined>();
      this.#watches.set(plural, next.resolve);
      signal.addEventListener('abort', () => next.resolve(undefined), { once: true });
      const event = await next.promise;
      if (event) yield event;
    }
  }
}

function start(prepare: (api: FakeApi) => void) {
  const api = new FakeApi();
  prepare(api);
  const clock = new VirtualClock();
  const backends = new Backends({ client: api.client, clock, random: () => 0.5, log: silentLogger });
  const told: Concerned[] = [];
  backends.subscribe((concerned) => told.push(concerned));
  const stop = new AbortController();
  const before = backends.blind;
  const ended = backends.run(stop.signal);
  onTestFinished(() => stop.abort());
  return { api, clock, backends, told, before, stop, ended };
}

const serveCilium = (api: FakeApi) =>
  api.serve(CILIUM, 'ciliumnetworkpolicies', 'ciliumclusterwidenetworkpolicies');
const ALLOW = { endpointSelector: {}, ingress: [{ fromEntities: ['world'] }] };

describe('a cluster without other backends', () => {
  test('is known to have none, after it was not known', async () => {
    const { clock, backends, before, api } = start(() => {});
    expect(before).toMatch(/is not known yet/);
    await clock.advance(0);
    expect([backends.blind, backends.closures, backends.ciliumPolicies('shop')]).toEqual([undefined, [], []]);
    expect(api.asked.filter((one) => one.startsWith('list') || one.startsWith('get'))).toEqual([]);
  });

  test('is asked again after ten minutes, and soon where it did not tell', async () => {
    const { api, clock, backends } = start((one) => (one.failing = true));
    await clock.advance(0);
    expect(backends.blind).toMatch(/is not known yet/);
    api.failing = false;
    await clock.advance(31_000);
    expect(backends.blind).toBeUndefined();
    api.asked.length = 0;
    await clock.advance(9 * MINUTE);
    expect(api.asked).toEqual([]);
    await clock.advance(MINUTE);
    expect(api.asked).toContain(CILIUM);
  });
});

describe('an API server that hangs', () => {
  test('holds up no stop', async () => {
    const { clock, backends, stop, ended } = start((one) => (one.hanging = true));
    await clock.advance(11 * MINUTE);
    expect(backends.blind).toMatch(/is not known yet/);
    stop.abort();
    await ended;
  });

  test('ends no watch of Cilium that runs, but what is only looked at counts no longer', async () => {
    const [policy] = shipped('cluster-network-policy') as [KubeObject];
    const { api, clock, backends } = start((one) => {
      serveCilium(one);
      one.serve(CLUSTER, 'clusternetworkpolicies');
      one.put('clusternetworkpolicies', policy.metadata.name, policy['spec']);
    });
    await clock.advance(100);
    expect([backends.blind, backends.closures.length]).toEqual([undefined, 2]);
    api.hanging = true;
    await clock.advance(MINUTE + 100);
    expect([backends.blind, backends.closures.length]).toEqual([undefined, 0]);
    api.put('ciliumnetworkpolicies', 'later', ALLOW, 'shop');
    await clock.advance(100);
    expect(backends.ciliumPolicies('shop')).toHaveLength(1);
  });
});

describe('a cluster with Cilium', () => {
  test('has its policies read and watched: of the namespace and of the cluster', async () => {
    const { api, clock, backends, told } = start((one) => {
      serveCilium(one);
      one.put('ciliumnetworkpolicies', 'mine', ALLOW, 'shop');
      one.put('ciliumnetworkpolicies', 'theirs', ALLOW, 'till');
      one.put('ciliumclusterwidenetworkpolicies', 'all', ALLOW);
    });
    await clock.advance(100);
    expect(backends.blind).toBeUndefined();
    const names = () => backends.ciliumPolicies('shop').map(({ kind, name }) => `${kind} ${name}`);
    expect(names()).toEqual(['CiliumNetworkPolicy mine', 'CiliumClusterwideNetworkPolicy all']);

    told.length = 0;
    api.put('ciliumnetworkpolicies', 'later', ALLOW, 'shop');
    await clock.advance(100);
    expect(names()).toContain('CiliumNetworkPolicy later');
    expect(told).toEqual([{ namespace: 'shop' }]);
    api.put('ciliumclusterwidenetworkpolicies', 'wide', ALLOW);
    await clock.advance(100);
    expect(told).toEqual([{ namespace: 'shop' }, 'All']);
  });

  test.each(['list ciliumnetworkpolicies', 'watch ciliumclusterwidenetworkpolicies'])(
    'is said to be unread where the right to %s is missing, until it is granted',
    async (right) => {
      const { api, clock, backends } = start((one) => {
        serveCilium(one);
        one.denied.add(right);
      });
      await clock.advance(100);
      expect(backends.blind).toMatch(/may not read them: apply config\/components\/cilium$/);
      expect(api.asked.filter((one) => one.startsWith('list'))).toEqual([]);
      api.denied.clear();
      await clock.advance(10 * MINUTE + 100);
      expect(backends.blind).toBeUndefined();
    },
  );

  test('that is removed leaves nothing behind', async () => {
    const { api, clock, backends, told } = start((one) => {
      serveCilium(one);
      one.put('ciliumnetworkpolicies', 'mine', ALLOW, 'shop');
    });
    await clock.advance(100);
    expect(backends.ciliumPolicies('shop')).toHaveLength(1);
    told.length = 0;
    api.served.clear();
    await clock.advance(10 * MINUTE + 100);
    expect([backends.blind, backends.ciliumPolicies('shop'), told]).toEqual([undefined, [], ['All']]);
  });

  test('is begun anew by the next leader', async () => {
    const { api, clock, backends, stop, ended, told } = start(serveCilium);
    await clock.advance(100);
    told.length = 0;
    stop.abort();
    await ended;
    expect(told).toEqual([]);
    expect(backends.blind).toMatch(/is not known yet/);
    api.put('ciliumnetworkpolicies', 'mine', ALLOW, 'shop');
    const next = new AbortController();
    onTestFinished(() => next.abort());
    void backends.run(next.signal);
    await clock.advance(100);
    expect(backends.ciliumPolicies('shop')).toHaveLength(1);
  });
});

describe('a policy that is looked at and not watched', () => {
  test('of Calico closes both ways while it denies, and is looked at every 30 s', async () => {
    const [tier, policy] = shipped('calico') as [KubeObject, KubeObject];
    const { api, clock, backends, told } = start((one) => {
      one.serve(CALICO, 'globalnetworkpolicies', 'tiers');
      one.put('tiers', tier.metadata.name, tier['spec']);
      one.put('globalnetworkpolicies', policy.metadata.name, policy['spec']);
    });
    await clock.advance(0);
    expect(backends.closures).toHaveLength(2);
    told.length = 0;
    api.put('globalnetworkpolicies', policy.metadata.name, {
      ...(policy['spec'] as object),
      egress: [{ action: 'Allow' }],
    });
    await clock.advance(31_000);
    expect([backends.closures, told]).toEqual([[], ['All']]);
  });

  test('of ClusterNetworkPolicy closes what it can', async () => {
    const [policy] = shipped('cluster-network-policy') as [KubeObject];
    const { clock, backends } = start((one) => {
      one.serve(CLUSTER, 'clusternetworkpolicies');
      one.put('clusternetworkpolicies', policy.metadata.name, policy['spec']);
    });
    await clock.advance(0);
    expect(backends.closures).toEqual([
      { direction: 'Ingress', scope: 'Pods' },
      { direction: 'Egress', scope: 'All' },
    ]);
  });

  test.each(['absent', 'forbidden'])('closes nothing when it is %s', async (how) => {
    const { api, clock, backends } = start((one) => {
      one.serve(CLUSTER, 'clusternetworkpolicies');
      if (how === 'forbidden') one.denied.add('get clusternetworkpolicies');
    });
    await clock.advance(0);
    expect(backends.closures).toEqual([]);
    expect(api.asked.some((one) => one.startsWith('get'))).toBe(how === 'absent');
  });
});

test('what has policies that are not read is known by name, as long as it is served', async () => {
  const { api, clock, backends, told } = start((one) => {
    one.serve('crd.projectcalico.org/v1', 'globalnetworkpolicies', 'felixconfigurations');
    one.serve('policy.networking.k8s.io/v1alpha1', 'adminnetworkpolicies');
    one.serve('crd.antrea.io/v1beta1', 'tiers');
  });
  await clock.advance(0);
  expect(backends.unread).toEqual(['Calico', 'AdminNetworkPolicy']);
  expect(told).toContain('All');
  api.served.clear();
  await clock.advance(10 * MINUTE);
  expect(backends.unread).toEqual([]);
});
