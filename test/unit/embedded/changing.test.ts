// What recorded conversations cannot show: identity, time, versions, generated names, JSON Patch at its edges.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { jsonPatched, mergePatched } from '../../../src/embedded/patches.ts';
import { ApiError } from '../../../src/embedded/status.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { at, createLab, JSON_PATCH, MERGE_PATCH, newPod, type Lab } from './harness.ts';

const POD = at('pods', 'web-1');

async function withPod(change: Parameters<typeof newPod>[1] = {}): Promise<{ lab: Lab; pod: KubeObject }> {
  const lab = createLab();
  const { status, object } = await lab.call('POST', at('pods'), newPod('web-1', change));
  expect(status).toBe(201);
  return { lab, pod: object };
}

describe('a new object', () => {
  test('gets an identity, the time in whole seconds and its first version', async () => {
    const lab = createLab();
    await lab.clock.advance(1_234);
    const { object } = await lab.call('POST', at('pods'), newPod('web-1'));
    expect(object.metadata.uid).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(object.metadata.creationTimestamp).toBe('2026-11-22T00:00:01Z');
    expect(object.metadata.generation).toBe(1);
    expect(object).toMatchObject({ apiVersion: 'v1', kind: 'Pod', status: { phase: 'Pending' } });
  });

  test('does not choose what only the server chooses', async () => {
    const { pod } = await withPod({
      metadata: {
        uid: 'mine',
        creationTimestamp: '2020-01-01T00:00:00Z',
        generation: 9,
      },
    });
    expect(pod.metadata.uid).not.toBe('mine');
    expect(pod.metadata).toMatchObject({ creationTimestamp: '2026-11-22T00:00:00Z', generation: 1 });
  });

  test('is refused with a resourceVersion: it is a copy of one that exists', async () => {
    const lab = createLab();
    const copy = newPod('web-1', { metadata: { resourceVersion: '5' } });
    const { status, refusal } = await lab.call('POST', at('pods'), copy);
    expect([status, refusal.message]).toEqual([
      500,
      'resourceVersion should not be set on objects to be created',
    ]);
    expect(lab.pod('web-1')).toBeUndefined();
  });

  test('gets a name with five random characters', async () => {
    const lab = createLab();
    const metadata = { generateName: 'web-' };
    const first = await lab.call('POST', at('pods'), newPod('', { metadata: { ...metadata, name: '' } }));
    const second = await lab.call('POST', at('pods'), newPod('', { metadata: { ...metadata, name: '' } }));
    expect(first.object.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(second.object.metadata.name).not.toBe(first.object.metadata.name);
  });

  test('gets a generated name of at most 63 characters', async () => {
    const lab = createLab();
    const metadata = { generateName: 'x'.repeat(100), name: '' };
    const { object } = await lab.call('POST', at('pods'), newPod('', { metadata }));
    expect(object.metadata.name).toHaveLength(63);
  });

  test('tries another generated name while the first is taken', async () => {
    // The first five draws of each request make the first name, always the same one.
    let draws = 0;
    const lab = createLab({ random: () => (draws++ < 5 ? 0 : 0.5) });
    const create = () => {
      draws = 0;
      return lab.call('POST', at('pods'), newPod('', { metadata: { generateName: 'web-', name: '' } }));
    };
    expect((await create()).object.metadata.name).toBe('web-bbbbb');
    const second = await create();
    expect([second.status, second.object.metadata.name]).toEqual([201, 'web-rrrrr']);
  });

  test('gives up after eight names that are taken', async () => {
    const lab = createLab({ random: () => 0.5 });
    const metadata = { generateName: 'web-', name: '' };
    await lab.call('POST', at('pods'), newPod('', { metadata }));
    const { status, refusal } = await lab.call('POST', at('pods'), newPod('', { metadata }));
    expect([status, refusal.reason]).toEqual([409, 'AlreadyExists']);
  });
});

describe('versions', () => {
  test('come from one counter for all kinds', async () => {
    const { lab, pod } = await withPod();
    const map = await lab.call('POST', at('configmaps'), { metadata: { name: 'a' } });
    expect(Number(map.object.metadata.resourceVersion)).toBe(Number(pod.metadata.resourceVersion) + 1);
  });

  test('are not used up by a write that changes nothing', async () => {
    const { lab, pod } = await withPod();
    const again = await lab.call('PATCH', POD, { metadata: { labels: { app: 'web' } } }, MERGE_PATCH);
    expect(again.object.metadata.resourceVersion).toBe(pod.metadata.resourceVersion);
    const watch = await lab.watch(`${at('pods')}?watch=true&resourceVersion=${pod.metadata.resourceVersion}`);
    expect(watch.lines).toEqual([]);
  });

  test('are not used up by a dry run, a refusal or a failed test', async () => {
    const { lab, pod } = await withPod();
    await lab.call('PATCH', `${POD}?dryRun=All`, { metadata: { labels: { a: 'b' } } }, MERGE_PATCH);
    await lab.call('PATCH', POD, { metadata: { labels: { a: '-' } } }, MERGE_PATCH);
    await lab.call('PATCH', POD, [{ op: 'test', path: '/metadata/uid', value: 'x' }], JSON_PATCH);
    await lab.call('DELETE', `${POD}?dryRun=All`);
    expect(lab.pod('web-1')).toEqual(pod);
  });

  test('let exactly one of eight racing patches win', async () => {
    const { lab, pod } = await withPod();
    const patch = (index: number) => [
      { op: 'test', path: '/metadata/resourceVersion', value: pod.metadata.resourceVersion },
      { op: 'add', path: '/metadata/labels/winner', value: String(index) },
    ];
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, index) => lab.call('PATCH', POD, patch(index), JSON_PATCH)),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 422),
    ]);
  });

  test('of the spec: generation counts changes of the spec only', async () => {
    const lab = createLab();
    const budgets = at('poddisruptionbudgets', undefined, '/apis/policy/v1');
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } };
    await lab.call('POST', budgets, { metadata: { name: 'web' }, spec });
    const generation = async (path: string, change: object) =>
      (await lab.call('PATCH', `${budgets}/web${path}`, change, MERGE_PATCH)).object.metadata.generation;
    expect(await generation('', { metadata: { labels: { a: 'b' } } })).toBe(1);
    expect(await generation('/status', { status: { currentHealthy: 3 } })).toBe(1);
    expect(await generation('', { spec: { minAvailable: 2 } })).toBe(2);
    expect(await generation('', { spec: { minAvailable: 2 } })).toBe(2);
  });
});

describe('the isolation patch', () => {
  test('replaces all labels, adds the annotation and drops the owner at once', async () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs-uid', controller: true };
    const { lab, pod } = await withPod({ metadata: { ownerReferences: [owner] } });
    const { status, object } = await lab.call(
      'PATCH',
      POD,
      [
        { op: 'test', path: '/metadata/uid', value: pod.metadata.uid },
        { op: 'test', path: '/metadata/labels', value: { app: 'web' } },
        { op: 'test', path: '/metadata/annotations', value: null },
        { op: 'add', path: '/metadata/annotations', value: { 'die-operator.dev/incident': 'web-1-x-1' } },
        { op: 'test', path: '/metadata/ownerReferences', value: [owner] },
        { op: 'remove', path: '/metadata/ownerReferences' },
        { op: 'add', path: '/metadata/labels', value: { 'die-operator.dev/quarantine': 'true' } },
      ],
      JSON_PATCH,
    );
    expect(status).toBe(200);
    expect(object.metadata.labels).toEqual({ 'die-operator.dev/quarantine': 'true' });
    expect(object.metadata.annotations).toEqual({ 'die-operator.dev/incident': 'web-1-x-1' });
    expect(object.metadata).not.toHaveProperty('ownerReferences');
  });

  test('is all or nothing', async () => {
    const { lab, pod } = await withPod();
    const { status } = await lab.call(
      'PATCH',
      POD,
      [
        { op: 'add', path: '/metadata/labels', value: { 'die-operator.dev/quarantine': 'true' } },
        { op: 'test', path: '/metadata/ownerReferences', value: [{}] },
      ],
      JSON_PATCH,
    );
    expect(status).toBe(422);
    expect(lab.pod('web-1')).toEqual(pod);
  });
});

describe('JSON Patch', () => {
  test('does not care about the order of keys in a test', () => {
    const operations = [{ op: 'test', path: '/a', value: { y: 2, x: 1 } }];
    expect(jsonPatched({ a: { x: 1, y: 2 } }, operations)).toEqual({ a: { x: 1, y: 2 } });
  });

  test('leaves the document it was given as it was', () => {
    const document = { a: { b: 1 } };
    jsonPatched(document, [{ op: 'add', path: '/a/b', value: 2 }]);
    expect(document).toEqual({ a: { b: 1 } });
  });

  test.each([
    ['a list is tested by order', [{ op: 'test', path: '/list', value: [2, 1] }]],
    ['a number is not its text', [{ op: 'test', path: '/n', value: '1' }]],
    ['an operation that is no object', ['add']],
    ['a path that is no text', [{ op: 'test', path: 5, value: null }]],
    ['an index that is none', [{ op: 'add', path: '/list/x', value: 1 }]],
    ['a replaced member beyond the list', [{ op: 'replace', path: '/list/7', value: 1 }]],
    ['a replaced member below nothing', [{ op: 'replace', path: '/none/x', value: 1 }]],
  ])('refuses: %s', (_what, operations) => {
    const document = { list: [1, 2], n: 1 };
    expect(() => jsonPatched(document, operations)).toThrow(ApiError);
  });

  test.each([
    ['end of a list', { op: 'add', path: '/list/-', value: 3 }, { list: [1, 2, 3], n: 1 }],
    ['inside a list', { op: 'add', path: '/list/0', value: 0 }, { list: [0, 1, 2], n: 1 }],
    ['member of a list', { op: 'remove', path: '/list/0' }, { list: [2], n: 1 }],
    [
      'the whole document is tested',
      { op: 'test', path: '', value: { n: 1, list: [1, 2] } },
      { list: [1, 2], n: 1 },
    ],
  ])('applies: %s', (_what, operation, expected) => {
    expect(jsonPatched({ list: [1, 2], n: 1 }, [operation])).toEqual(expected);
  });

  test('cannot reach the prototype', () => {
    const operations = [{ op: 'add', path: '/a/__proto__', value: { evil: true } }];
    expect(() => jsonPatched({ a: {} }, operations)).toThrow(ApiError);
    expect(({} as { evil?: boolean }).evil).toBeUndefined();
  });
});

describe('JSON Merge Patch', () => {
  test.each([
    // RFC 7386, appendix A.
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j and %j: %j', (document, patch, expected) => {
    expect(mergePatched(document, patch)).toEqual(expected);
  });

  test('twice is as good as once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (document, patch) => {
        const once = mergePatched(document, patch);
        expect(mergePatched(once, patch)).toEqual(once);
      }),
    );
  });
});

describe('what is stored', () => {
  test('cannot be changed by those who read it', async () => {
    const { lab } = await withPod();
    const [pod] = lab.cluster.api.list(PODS, 'shop');
    expect(() => {
      (pod as KubeObject).metadata.labels = {};
    }).toThrow(TypeError);
    expect(() => {
      ((pod as KubeObject).metadata.labels ?? {})['x'] = 'y';
    }).toThrow(TypeError);
  });

  test('is left alone by a request that was given up before its turn', async () => {
    const { lab } = await withPod();
    const gone = new AbortController();
    const request = {
      method: 'DELETE' as const,
      path: POD,
      headers: {},
      streaming: false,
      signal: gone.signal,
    };
    const answer = lab.cluster.transport(request);
    gone.abort(new Error('given up'));
    await expect(answer).rejects.toThrow('given up');
    expect(lab.pod('web-1')).toBeDefined();
  });
});
