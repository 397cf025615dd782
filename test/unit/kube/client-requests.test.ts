// What each call puts on the wire, and what it makes of the answer.
import { describe, expect, test } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { DRIFT_INCIDENTS, NAMESPACES, PODS } from '../../../src/kube/resources.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { answer, bodyOf, json, queryOf, recorded } from './support/fake-transport.ts';
import { clientOf, list, pod, rejection, steady } from './support/fixtures.ts';

const WEB = { namespace: 'shop', name: 'web' };

/** The one request that `work` sends. */
async function requestOf(work: (client: KubeClient) => Promise<unknown>, body: unknown = pod('web', '1')) {
  const { transport, requests } = recorded(() => json(body));
  await work(clientOf(transport).client);
  const [request] = requests;
  if (request === undefined || requests.length !== 1) throw new Error('not one request');
  return request;
}

describe('each call sends', () => {
  test.each<[string, (client: KubeClient) => Promise<unknown>, string]>([
    ['get', (c) => c.get(PODS, WEB), 'GET /api/v1/namespaces/shop/pods/web'],
    [
      'get of a subresource',
      (c) => c.get(PODS, { ...WEB, subresource: 'status' }),
      'GET /api/v1/namespaces/shop/pods/web/status',
    ],
    [
      'get of a cluster-scoped object',
      (c) => c.get(NAMESPACES, { name: 'shop' }),
      'GET /api/v1/namespaces/shop',
    ],
    [
      'get of a custom resource',
      (c) => c.get(DRIFT_INCIDENTS, WEB),
      'GET /apis/die-operator.dev/v1alpha1/namespaces/shop/driftincidents/web',
    ],
    [
      'get of a name that would leave its place',
      (c) => c.get(PODS, { namespace: 'shop', name: '../x?y' }),
      'GET /api/v1/namespaces/shop/pods/..%2Fx%3Fy',
    ],
    [
      'create',
      (c) => c.create(PODS, { namespace: 'shop' }, {}),
      'POST /api/v1/namespaces/shop/pods?fieldValidation=Strict',
    ],
    [
      'create of a named object',
      (c) => c.create(PODS, WEB, {}),
      'POST /api/v1/namespaces/shop/pods?fieldValidation=Strict',
    ],
    [
      'create of an eviction',
      (c) => c.create(PODS, { ...WEB, subresource: 'eviction' }, {}),
      'POST /api/v1/namespaces/shop/pods/web/eviction?fieldValidation=Strict',
    ],
    [
      'create as a dry run',
      (c) => c.create(PODS, WEB, {}, { dryRun: true }),
      'POST /api/v1/namespaces/shop/pods?fieldValidation=Strict&dryRun=All',
    ],
    [
      'patch',
      (c) => c.jsonPatch(PODS, WEB, []),
      'PATCH /api/v1/namespaces/shop/pods/web?fieldValidation=Strict',
    ],
    [
      'patch as a dry run',
      (c) => c.jsonPatch(PODS, WEB, [], { dryRun: true }),
      'PATCH /api/v1/namespaces/shop/pods/web?fieldValidation=Strict&dryRun=All',
    ],
    ['delete', (c) => c.delete(PODS, WEB, 'uid-1'), 'DELETE /api/v1/namespaces/shop/pods/web'],
  ])('%s', async (_, work, expected) => {
    const request = await requestOf(work);
    expect(`${request.method} ${request.path}`).toBe(expected);
    expect(request.streaming).toBe(false);
  });

  test.each<[string, (client: KubeClient) => Promise<unknown>, string | undefined]>([
    ['reads', (c) => c.get(PODS, WEB), undefined],
    ['creates', (c) => c.create(PODS, WEB, {}), 'application/json'],
    ['patches', (c) => c.jsonPatch(PODS, WEB, []), 'application/json-patch+json'],
    ['deletes', (c) => c.delete(PODS, WEB, 'u'), 'application/json'],
  ])('the content type of %s', async (_, work, expected) => {
    const { headers } = await requestOf(work);
    expect(headers['content-type']).toBe(expected);
    expect(headers).toMatchObject({ accept: 'application/json', 'user-agent': 'die-operator' });
  });
});

describe('the body of', () => {
  test('a create is the object as it is, misspelt and renamed fields included', async () => {
    const body = { spec: { ingress: [{ from: [] }], _from: 1 } };
    expect(bodyOf(await requestOf((c) => c.create(PODS, WEB, body)))).toEqual(body);
  });

  test('a patch is its operations in order', async () => {
    const ops = [
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'test', path: '/metadata/annotations', value: null },
      { op: 'remove', path: '/metadata/ownerReferences' },
    ] as const;
    expect(bodyOf(await requestOf((c) => c.jsonPatch(PODS, WEB, ops)))).toEqual(ops);
  });

  test.each([
    ['uid alone', {}, {}],
    ['a grace of zero', { gracePeriodSeconds: 0 }, { gracePeriodSeconds: 0 }],
    ['a dry run, which the query could not ask for', { dryRun: true }, { dryRun: ['All'] }],
  ])('a delete has %s', async (_, options, expected) => {
    const request = await requestOf((c) => c.delete(PODS, WEB, 'uid-1', options));
    expect(bodyOf(request)).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'uid-1' },
      ...expected,
    });
  });
});

describe('a list', () => {
  test('asks for all namespaces without a selection', async () => {
    const request = await requestOf((c) => c.list(PODS), list([], '7'));
    expect(request.path).toBe('/api/v1/pods');
  });

  test('asks for what is selected, escaped', async () => {
    const selection = {
      namespace: 'shop',
      labelSelector: 'app in (web,api)',
      fieldSelector: 'spec.nodeName=n&1',
      limit: 500,
      continue: 'a+b/c=',
      resourceVersion: '7',
    };
    const request = await requestOf((c) => c.list(PODS, selection), list([], '7'));
    const { namespace, ...query } = selection;
    expect(request.path).toMatch(`/api/v1/namespaces/${namespace}/pods?`);
    expect(queryOf(request)).toEqual({ ...query, limit: '500' });
  });

  test('gives the items, the version and the token of the next page', async () => {
    const { transport } = recorded(() => json(list([pod('a', '1')], '7', 'more')));
    const page = await clientOf(transport).client.list(PODS);
    expect(page).toEqual({ metadata: { resourceVersion: '7', continue: 'more' }, items: [pod('a', '1')] });
  });

  test('takes null for no items, as Go writes it', async () => {
    const { transport } = recorded(() => json({ metadata: { resourceVersion: '7' }, items: null }));
    expect((await clientOf(transport).client.list(PODS)).items).toEqual([]);
  });

  test.each([
    ['has no version', { metadata: {}, items: [] }],
    ['has no metadata', { items: [] }],
    ['has items that are no list', { metadata: { resourceVersion: '7' }, items: {} }],
    ['has an item without metadata', { metadata: { resourceVersion: '7' }, items: [{}] }],
    [
      'has an item whose metadata is null',
      { metadata: { resourceVersion: '7' }, items: [{ metadata: null }] },
    ],
    ['has an item that is null', { metadata: { resourceVersion: '7' }, items: [null] }],
  ])('is refused when it %s', async (_, body) => {
    const { client, clock } = clientOf(recorded(() => json(body)).transport);
    expect(await rejection(clock, 10_000, client.list(PODS))).toMatchObject({ reason: 'BrokenAnswer' });
  });
});

test('get gives the object of the answer', async () => {
  const { transport } = recorded(() => json(pod('web', '7')));
  expect(await clientOf(transport).client.get(PODS, WEB)).toEqual(pod('web', '7'));
});

test.each([[[]], [{}], [{ metadata: 'x' }], [{ metadata: [] }]])(
  'get refuses %j, which is no object',
  async (body) => {
    const { client, clock } = clientOf(recorded(() => json(body)).transport);
    expect(await rejection(clock, 10_000, client.get(PODS, WEB))).toMatchObject({
      reason: 'BrokenAnswer',
      message: expect.stringMatching(/^cannot get Pod .*\/web: the answer is /),
    });
  },
);

test('the user agent can be set, as it names the owner of our fields', async () => {
  const { transport, requests } = recorded(() => json(pod('web', '1')));
  const options = { transport, clock: new VirtualClock(), random: steady, userAgent: 'die-operator/1.2' };
  await createKubeClient(options).get(PODS, WEB);
  expect(requests[0]?.headers['user-agent']).toBe('die-operator/1.2');
});

describe('reading a text', () => {
  const read = (text: string, maxBytes: number) => {
    const { transport, requests } = recorded(() => answer(200, text));
    const at = { ...WEB, subresource: 'log' };
    const query = { container: 'web', tailLines: '10' };
    return { requests, result: clientOf(transport).client.readText(PODS, at, query, maxBytes) };
  };

  test('asks for the subresource with its query', async () => {
    const { requests, result } = read('x', 10);
    await result;
    expect(requests[0]).toMatchObject({
      path: '/api/v1/namespaces/shop/pods/web/log?container=web&tailLines=10',
      headers: { accept: '*/*' },
    });
  });

  test.each([
    ['all of it', 'hello', 10, { text: 'hello', truncated: false }],
    ['all of it when it just fits', 'hello', 5, { text: 'hello', truncated: false }],
    ['as much as asked for', 'hello', 4, { text: 'hell', truncated: true }],
    ['nothing of nothing', '', 4, { text: '', truncated: false }],
  ])('gives %s', async (_, text, maxBytes, expected) => {
    const { bytes, truncated } = await read(text, maxBytes).result;
    expect({ text: Buffer.from(bytes).toString(), truncated }).toEqual(expected);
  });
});
