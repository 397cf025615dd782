// The lists of quarantined pods are written entry by entry: idempotent, safe against other writers and late writes, within
// limits, and never over an object of somebody else.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { MANAGED_BY_LABEL, OPERATOR_NAME, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { TerminalError } from '../../../src/controller/outcome.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { isTestFailure } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import type { HttpRequest, Transport } from '../../../src/kube/transport.ts';
import {
  enterQuarantined,
  listQuarantined,
  readClusterList,
  readNamespaceList,
  unlistQuarantined,
} from '../../../src/respond/quarantine-list.ts';
import { createLab, seededRandom } from '../embedded/harness.ts';

const POD = { namespace: 'shop', name: 'web-1', uid: 'u1' };
const OF_SHOP = { namespace: 'shop', name: 'die-operator-quarantined' };
const OURS = { [MANAGED_BY_LABEL]: OPERATOR_NAME };

interface World {
  /** Under test; what is sent goes through `before` first. */
  client: KubeClient;
  /** Of somebody else. */
  other: KubeClient;
  /** Methods of the writes that were sent. */
  writes: string[];
}

function world(
  before: (request: HttpRequest, other: KubeClient) => Promise<unknown> | undefined = () => undefined,
): World {
  const lab = createLab();
  ensureNamespace(lab.cluster.api, SYSTEM_NAMESPACE);
  const clientOver = (transport: Transport) =>
    createKubeClient({ transport, clock: lab.clock, random: seededRandom(1) });
  const other = clientOver(lab.cluster.transport);
  const writes: string[] = [];
  const transport: Transport = async (request) => {
    await before(request, other);
    if (request.method !== 'GET') writes.push(request.method);
    return lab.cluster.transport(request);
  };
  return { client: clientOver(transport), other, writes };
}

function make(
  client: KubeClient,
  labels: Record<string, string>,
  data?: Record<string, string>,
): Promise<KubeObject> {
  const metadata = { name: OF_SHOP.name, labels };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...(data && { data }) };
  return client.create(CONFIG_MAPS, { namespace: OF_SHOP.namespace }, body);
}

/** Before the first write of that kind, once. */
function once(method: string, act: (other: KubeClient) => Promise<unknown>) {
  let done = false;
  return (request: HttpRequest, other: KubeClient) => {
    if (done || request.method !== method) return undefined;
    done = true;
    return act(other);
  };
}

describe('a pod that is listed', () => {
  test('is in the lists of its namespace and of the cluster, which are ours', async () => {
    const { client } = world();
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1' });
    expect(await readClusterList(client)).toEqual({ u1: 'shop/web-1' });
    expect((await client.get<KubeObject>(CONFIG_MAPS, OF_SHOP)).metadata.labels).toEqual(OURS);
  });

  test('is written once', async () => {
    const { client, writes } = world();
    for (let time = 0; time < 3; time++) await listQuarantined(client, POD, 'Held');
    expect(writes).toEqual(['POST', 'POST']);
  });

  test('keeps its hold when it is entered again, and not that of an earlier pod of the name', async () => {
    const { client } = world();
    await listQuarantined(client, POD, 'Drainable');
    await enterQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Drainable u1' });
    await enterQuarantined(client, { ...POD, uid: 'u2' });
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test('changes its hold, and replaces an earlier pod of the name', async () => {
    const { client } = world();
    await listQuarantined(client, POD, 'Held');
    await listQuarantined(client, POD, 'Drainable');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Drainable u1' });
    await listQuarantined(client, { ...POD, uid: 'u2' }, 'Held', 'Drainable u1');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test('leaves alone what a later pod of the name got since the list was read', async () => {
    const { client } = world();
    await enterQuarantined(client, { ...POD, uid: 'u2' });
    for (const seen of [undefined, 'Held u1']) await listQuarantined(client, POD, 'Drainable', seen);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test('keeps a later pod of the name when it is entered too late', async () => {
    const { client } = world();
    await enterQuarantined(client, { ...POD, uid: 'u2' });
    await enterQuarantined(client, POD, () => false);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test.for(['a.b-c', 'x'.repeat(253)])('may be called %s', async (name) => {
    const { client } = world();
    await listQuarantined(client, POD, 'Held');
    await listQuarantined(client, { ...POD, name, uid: 'u2' }, 'Held');
    expect(new Map(Object.entries(await readNamespaceList(client, 'shop'))).get(name)).toBe('Held u2');
    await unlistQuarantined(client, { ...POD, name, uid: 'u2' });
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1' });
  });

  test.for<[string, Record<string, string> | undefined]>([
    ['has no data', undefined],
    ['is empty', {}],
  ])('gets into a list that %s', async ([, data]) => {
    const { client, other } = world();
    await make(other, OURS, data);
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1' });
  });
});

describe('a pod that is taken out', () => {
  test('leaves both lists, and the others in them', async () => {
    const { client } = world();
    await listQuarantined(client, POD, 'Held');
    await listQuarantined(client, { ...POD, name: 'web-2', uid: 'u2' }, 'Held');
    await unlistQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-2': 'Held u2' });
    expect(await readClusterList(client)).toEqual({ u2: 'shop/web-2' });
  });

  test('leaves an empty list, so that the policies still find one', async () => {
    const { client } = world();
    await listQuarantined(client, POD, 'Held');
    await unlistQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({});
    expect((await client.get<KubeObject>(CONFIG_MAPS, OF_SHOP)).metadata.name).toBe(OF_SHOP.name);
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1' });
  });

  test('takes nothing along that is of a later pod of the name', async () => {
    const { client } = world();
    await listQuarantined(client, { ...POD, uid: 'u2' }, 'Held');
    await unlistQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test('needs no list, and writes nothing when it is done again', async () => {
    const { client, writes } = world();
    await unlistQuarantined(client, POD);
    await listQuarantined(client, POD, 'Held');
    for (let time = 0; time < 2; time++) await unlistQuarantined(client, POD);
    expect(writes).toEqual(['POST', 'POST', 'PATCH', 'PATCH']);
  });
});

describe('two writers', () => {
  test('both get their pod into a list that neither found', async () => {
    const another = { ...POD, name: 'web-2', uid: 'u2' };
    const { client } = world(once('POST', (other) => listQuarantined(other, another, 'Held')));
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1', 'web-2': 'Held u2' });
    expect(await readClusterList(client)).toEqual({ u1: 'shop/web-1', u2: 'shop/web-2' });
  });

  test.for([undefined, { 'web-3': 'Held u3' }])('both get their pod into the list %j', async (data) => {
    const another = { ...POD, name: 'web-2', uid: 'u2' };
    const { client, other } = world(once('PATCH', (them) => listQuarantined(them, another, 'Held')));
    await make(other, OURS, data);
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({
      ...data,
      'web-1': 'Held u1',
      'web-2': 'Held u2',
    });
  });

  test('do not undo each other: a late removal leaves the entry of a later pod', async () => {
    const later = { ...POD, uid: 'u2' };
    const { client } = world(once('PATCH', (other) => enterQuarantined(other, later)));
    await listQuarantined(client, POD, 'Held');
    await unlistQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u2' });
  });

  test('lose no entry when the list is deleted between read and write', async () => {
    const { client, other } = world(
      once('PATCH', async (them) => {
        const { metadata } = await them.get<KubeObject>(CONFIG_MAPS, OF_SHOP);
        await them.delete(CONFIG_MAPS, OF_SHOP, metadata.uid);
      }),
    );
    await make(other, OURS, {});
    await listQuarantined(client, POD, 'Held');
    expect(await readNamespaceList(client, 'shop')).toEqual({ 'web-1': 'Held u1' });
  });

  test('that fight over one entry end in an error that can be tried again', async () => {
    let turn = 0;
    const { client, other } = world((request, them) =>
      request.method === 'PATCH'
        ? them.jsonPatch(CONFIG_MAPS, OF_SHOP, [{ op: 'add', path: '/data/web-1', value: `Held x${turn++}` }])
        : undefined,
    );
    await make(other, OURS, { 'web-1': 'Held x' });
    await expect(enterQuarantined(client, POD)).rejects.toSatisfy(isTestFailure);
    expect(turn).toBe(4);
  });
});

describe('a list', () => {
  test('of somebody else is neither read, nor written, nor emptied', async () => {
    const { client, other, writes } = world();
    const theirs = await make(other, { app: 'x' }, { 'web-1': 'Held u1' });
    const error: unknown = await listQuarantined(client, POD, 'Held').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({
      reason: 'ForeignConfigMap',
      message: expect.stringContaining(
        'ConfigMap shop/die-operator-quarantined was not made by die-operator',
      ),
    });
    await unlistQuarantined(client, POD);
    expect(await readNamespaceList(client, 'shop')).toEqual({});
    expect(await other.get<KubeObject>(CONFIG_MAPS, OF_SHOP)).toEqual(theirs);
    expect(writes).toEqual([]);
  });

  test('takes 2000 pods, and more changes of those', async () => {
    const { client, other } = world();
    const full = Array.from({ length: 2000 }, (_, index) => [`p${index}`, `Held u${index}`]);
    await make(other, OURS, Object.fromEntries(full) as Record<string, string>);
    await expect(listQuarantined(client, POD, 'Held')).rejects.toMatchObject({
      reason: 'QuarantineListFull',
    });
    await listQuarantined(client, { namespace: 'shop', name: 'p7', uid: 'u7' }, 'Drainable');
    expect(await readNamespaceList(client, 'shop')).toMatchObject({ p7: 'Drainable u7', p8: 'Held u8' });
  });
});
