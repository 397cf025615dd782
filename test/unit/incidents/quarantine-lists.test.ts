// The upkeep of the lists of quarantined pods: what cannot be written keeps nothing else wrong, and nothing stays for ever.
import { beforeEach, describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import {
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  QUARANTINE_LABEL,
  SYSTEM_NAMESPACE,
} from '../../../src/api/names.ts';
import { isQuarantined, type PodFacts } from '../../../src/api/pod.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import type { Caches } from '../../../src/incidents/caches.ts';
import { QuarantineLists, type QuarantineListsOptions } from '../../../src/incidents/quarantine-lists.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { readClusterList, readNamespaceList } from '../../../src/respond/quarantine-list.ts';
import { aPod } from '../../support/builders.ts';
import { fault, slowBy } from '../../support/faults.ts';
import { createLab, seededRandom, type Lab } from '../embedded/harness.ts';

const HELD = aPod({ labels: { [QUARANTINE_LABEL]: 'true' } });

let lab: Lab;
let client: KubeClient;
/** Makes the next lists that are created take five seconds. */
let late: ReturnType<typeof fault>;
let pods: PodFacts[];
let isInstalled: boolean;
let lists: QuarantineLists;
let options: QuarantineListsOptions;

beforeEach(() => {
  lab = createLab();
  ensureNamespace(lab.cluster.api, SYSTEM_NAMESPACE);
  late = fault(/^POST .*configmaps/, lab.clock, slowBy(5_000, lab.clock));
  late.left = 0;
  const transport = late.wrap(lab.cluster.transport);
  client = createKubeClient({ transport, clock: lab.clock, random: seededRandom(1) });
  pods = [HELD];
  isInstalled = true;
  const caches = {
    pods: {
      byIndex: (index: string, key: string) =>
        pods.filter((pod) =>
          index === 'uid' ? pod.uid === key : isQuarantined(pod) && pod.namespace === key,
        ),
    },
    incidents: { byIndex: (): DriftIncident[] => [] },
    namespaces: { get: (_: undefined, name: string) => (name === 'shop' ? { name } : undefined) },
  } as unknown as Caches;
  const reviews = { mayDo: async () => isInstalled };
  options = { client, clock: lab.clock, log: silentLogger, caches, reviews };
  lists = new QuarantineLists(options);
});

function make(namespace: string, name: string, data: Record<string, string>, ours = true) {
  const labels = ours ? { [MANAGED_BY_LABEL]: OPERATOR_NAME } : {};
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
  return client.create(CONFIG_MAPS, { namespace }, body);
}

const ofShop = (data: Record<string, string>, ours?: boolean) =>
  make('shop', 'die-operator-quarantined', data, ours);
const ofCluster = (data: Record<string, string>) =>
  make(SYSTEM_NAMESPACE, 'die-operator-quarantined-pods', data);

describe('the lists', () => {
  test('are rid of what is over before more is added, so that a full one has room again', async () => {
    const full = Array.from({ length: 2_000 }, (_, index) => [`kept-${index}`, `Held k${index}`]);
    await ofShop(Object.fromEntries(full) as Record<string, string>);
    const others = full
      .slice(1)
      .map(([name = '', entry = '']) =>
        aPod({ name, uid: entry.slice('Held '.length), labels: HELD.labels }),
      );
    pods = [HELD, ...others];
    await ofCluster(Object.fromEntries(others.map(({ uid, name }) => [uid, `shop/${name}`])));
    await lists.reconcile('shop');
    const listed = await readNamespaceList(client, 'shop');
    expect(listed).not.toHaveProperty('kept-0');
    expect(listed[HELD.name]).toBe(`Held ${HELD.uid}`);
  });

  test('of the cluster is kept where that of the namespace is of somebody else, which is said', async () => {
    await ofShop({ theirs: 'yes' }, false);
    await expect(lists.reconcile('shop')).rejects.toMatchObject({ reason: 'ForeignConfigMap' });
    expect(await readClusterList(client)).toEqual({ [HELD.uid]: `shop/${HELD.name}` });
  });

  test('of the cluster forgets namespaces that went away while nobody looked', async () => {
    await ofCluster({ u9: 'gone/web-1', u8: 'shop/old' });
    await lists.reconcile('shop');
    expect(await readClusterList(client)).toEqual({ [HELD.uid]: `shop/${HELD.name}` });
  });

  test('name no pod that was released before its entry could be written', async () => {
    late.left = 1;
    const entered = lists.enter(HELD);
    await lab.clock.advance(1_000);
    await entered;
    pods = [];
    await lab.clock.advance(4_500);
    expect(late.at).toHaveLength(1);
    expect(lab.cluster.api.list(CONFIG_MAPS, 'shop')).not.toEqual([]);
    expect(await readNamespaceList(client, 'shop')).toEqual({});
    expect(await readClusterList(client)).toEqual({});
  });

  test('are looked at again where the admission policies may be installed later', async () => {
    isInstalled = false;
    const outcome = await lists.reconcile('shop');
    expect(outcome).toMatchObject({ kind: 'requeue' });
    expect(await readNamespaceList(client, 'shop')).toEqual({});
    isInstalled = true;
    await lab.clock.advance(outcome.kind === 'requeue' ? outcome.afterMs : 0);
    expect(await lists.reconcile('shop')).toEqual({ kind: 'done' });
    expect(await readNamespaceList(client, 'shop')).toHaveProperty(HELD.name);
    pods = [];
    isInstalled = false;
    await lab.clock.advance(300_000);
    expect(await lists.reconcile('shop')).toEqual({ kind: 'done' });
  });
});

describe('where there is the right to the lists and no admission policy', () => {
  test('nothing denies access to quarantined pods, and nobody is warned of it', async () => {
    const warnings: unknown[] = [];
    const log = { ...silentLogger, warn: (...said: unknown[]) => void warnings.push(said) };
    const absent = new KubeError('there is none', { status: 404, reason: 'NotFound' });
    const without = Object.assign(Object.create(client) as KubeClient, {
      get: () => Promise.reject(absent),
    });
    lists = new QuarantineLists({ ...options, client: without, log });
    await lists.reconcile('other');
    await lab.clock.advance(1_000);
    expect(lists.deniesAccess).toBe(false);
    expect(warnings).toEqual([]);
  });
});

describe('a pod is known to be in its list', () => {
  test('once its entry is written, until it is taken out', async () => {
    expect(lists.lists(HELD)).toBe(false);
    await lists.enter(HELD);
    expect(lists.lists(HELD)).toBe(true);
    pods = [];
    await lists.reconcile('shop');
    expect(lists.lists(HELD)).toBe(false);
  });

  test('by another leader', async () => {
    await ofShop({ [HELD.name]: `Held ${HELD.uid}` });
    await lists.reconcile('shop');
    expect(lists.lists(HELD)).toBe(true);
    expect(lists.lists({ ...HELD, uid: 'another' })).toBe(false);
  });

  test('not where that is of somebody else', async () => {
    await ofShop({ [HELD.name]: `Held ${HELD.uid}` }, false);
    await lists.enter(HELD);
    await lists.reconcile('shop').catch(() => undefined);
    expect(lists.lists(HELD)).toBe(false);
  });
});
