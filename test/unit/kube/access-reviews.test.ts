// What is asked of the API server about our own rights, how long an answer is shared, and what is no answer.
import { describe, expect, test } from 'vitest';
import { AccessReviews, type Access } from '../../../src/kube/access-reviews.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { NETWORK_POLICIES, NODES, PODS } from '../../../src/kube/resources.ts';
import { answer, bodyOf, json, recorded, refusal, type Handler } from './support/fake-transport.ts';
import { clientOf } from './support/fixtures.ts';

const EVICT: Access = { verb: 'create', resource: PODS, at: { namespace: 'shop', subresource: 'eviction' } };
const READ_NODES: Access = { verb: 'get', resource: NODES, at: {} };
const verdict = (allowed: boolean) => json({ metadata: {}, status: { allowed } }, 201);

function reviewsWith(handler: Handler) {
  const { transport, requests } = recorded(handler);
  const { client, clock } = clientOf(transport);
  return { reviews: new AccessReviews({ client, clock }), requests, clock };
}

describe('a question', () => {
  test.each<[string, Access, object]>([
    [
      'about a part of every object of a namespace',
      EVICT,
      {
        verb: 'create',
        group: '',
        version: 'v1',
        resource: 'pods',
        subresource: 'eviction',
        namespace: 'shop',
      },
    ],
    [
      'about one object',
      { verb: 'patch', resource: NETWORK_POLICIES, at: { namespace: 'shop', name: 'deny' } },
      {
        verb: 'patch',
        group: 'networking.k8s.io',
        version: 'v1',
        resource: 'networkpolicies',
        namespace: 'shop',
        name: 'deny',
      },
    ],
    [
      'about a kind without a namespace',
      READ_NODES,
      { verb: 'get', group: '', version: 'v1', resource: 'nodes' },
    ],
  ])('%s names all that an authorizer looks at', async (_what, access, resourceAttributes) => {
    const { reviews, requests } = reviewsWith(() => verdict(true));
    expect(await reviews.mayDo(access)).toBe(true);
    expect(requests).toHaveLength(1);
    const [sent] = requests;
    expect([sent?.method, sent?.path.split('?')[0]]).toEqual([
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    ]);
    expect(bodyOf(sent)).toEqual({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    });
  });

  test('that was answered with no is answered with no', async () => {
    const { reviews } = reviewsWith(() => verdict(false));
    expect(await reviews.mayDo(EVICT)).toBe(false);
  });
});

describe('an answer', () => {
  test('is shared by all who ask while it is under way', async () => {
    const waiting = Promise.withResolvers<undefined>();
    const { reviews, requests } = reviewsWith(() => waiting.promise.then(() => verdict(true)));
    const asked = Array.from({ length: 1_000 }, () => reviews.mayDo(EVICT));
    waiting.resolve(undefined);
    expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
    expect(requests).toHaveLength(1);
  });

  test('is shared for 5 s, however long it took, and then asked for again', async () => {
    let allowed = false;
    const { reviews, requests, clock } = reviewsWith(async () => {
      await new Promise<void>((resolve) => clock.after(8_000, resolve));
      return verdict(allowed);
    });
    const first = reviews.mayDo(EVICT);
    await clock.advance(8_000);
    expect(await first).toBe(false);
    allowed = true;
    await clock.advance(4_999);
    expect(await reviews.mayDo(EVICT)).toBe(false);
    expect(requests).toHaveLength(1);

    await clock.advance(1);
    const second = reviews.mayDo(EVICT);
    await clock.advance(8_000);
    expect(await second).toBe(true);
    expect(requests).toHaveLength(2);
  });

  test('to another question is its own', async () => {
    const { reviews, requests } = reviewsWith((request) => verdict(!request.body?.includes('eviction')));
    const elsewhere = { ...EVICT, at: { ...EVICT.at, namespace: 'bank' } };
    const all = [EVICT, elsewhere, { ...EVICT, verb: 'get' } as const, READ_NODES];
    const answers = await Promise.all(all.map((access) => reviews.mayDo(access)));
    expect(answers).toEqual([false, false, false, true]);
    expect(requests).toHaveLength(4);
  });

  test('leaves nothing behind when its time is over', async () => {
    const { reviews, clock } = reviewsWith(() => verdict(true));
    await reviews.mayDo(EVICT);
    await clock.advance(5_000);
    expect(clock.pending).toBe(0);
  });
});

describe('no answer', () => {
  test.each([
    ['a refusal', () => refusal(403, 'Forbidden'), 403],
    ['an API server that is away', () => refusal(503, 'ServiceUnavailable'), 503],
    ['a review without a verdict', () => json({ metadata: {} }, 201), 0],
    ['a verdict that is none', () => json({ metadata: {}, status: { allowed: 'true' } }, 201), 0],
    ['something else than JSON', () => answer(200, '<html>'), 0],
  ])('is a KubeError: %s', async (_what, handler, status) => {
    const { reviews } = reviewsWith(handler);
    const error: unknown = await reviews.mayDo(EVICT).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({ status, message: expect.stringContaining('SelfSubjectAccessReview') });
  });

  test('is shared for 5 s too, and forgotten then', async () => {
    const { reviews, requests, clock } = reviewsWith((_, index) =>
      index === 0 ? refusal(500, 'InternalError') : verdict(true),
    );
    await expect(reviews.mayDo(EVICT)).rejects.toMatchObject({ status: 500 });
    await expect(reviews.mayDo(EVICT)).rejects.toMatchObject({ status: 500 });
    expect(requests).toHaveLength(1);
    await clock.advance(5_000);
    expect(await reviews.mayDo(EVICT)).toBe(true);
  });
});
