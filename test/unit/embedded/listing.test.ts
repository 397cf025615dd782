// Lists: order, pages of one moment, tokens, selectors.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { parseLabelSelector, selects } from '../../../src/embedded/selectors.ts';
import { at, createLab, MERGE_PATCH, type Lab } from './harness.ts';

interface List {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: KubeObject[];
}

const MAPS = at('configmaps');
const ALL = '/api/v1/configmaps';

async function list(lab: Lab, path: string): Promise<List> {
  const { status, text } = await lab.call('GET', path);
  expect(status).toBe(200);
  return JSON.parse(text) as List;
}

const names = ({ items }: List) => items.map(({ metadata }) => metadata.name);
const createMaps = async (lab: Lab, ...all: string[]) => {
  for (const name of all) await lab.call('POST', MAPS, { metadata: { name } });
};

describe('a list', () => {
  test('is sorted by namespace and name', async () => {
    const lab = createLab();
    await createMaps(lab, 'b', 'a');
    await lab.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'z' } });
    expect(names(await list(lab, ALL))).toEqual(['z', 'a', 'b']);
  });

  test('has the revision of the cluster, from which a watch goes on', async () => {
    const lab = createLab();
    const made = await lab.call('POST', at('services'), { metadata: { name: 'elsewhere' } });
    const { metadata } = await list(lab, MAPS);
    expect(metadata.resourceVersion).toBe(made.object.metadata.resourceVersion);
  });

  test('of built-in kinds does not repeat apiVersion and kind, of custom ones it does', async () => {
    const lab = createLab();
    await createMaps(lab, 'a');
    const policy = { responses: [{ name: 'all', actions: ['Label'] }] };
    const policies = at('driftpolicies', undefined, '/apis/die-operator.dev/v1alpha1');
    await lab.call('POST', policies, {
      apiVersion: 'die-operator.dev/v1alpha1',
      kind: 'DriftPolicy',
      metadata: { name: 'web' },
      spec: policy,
    });
    expect((await list(lab, MAPS)).items[0]).not.toHaveProperty('kind');
    expect((await list(lab, policies)).items[0]).toMatchObject({ kind: 'DriftPolicy' });
  });
});

describe('pages', () => {
  test('follow one another to the end', async () => {
    const lab = createLab();
    await createMaps(lab, 'a', 'b', 'c', 'd', 'e');
    const first = await list(lab, `${MAPS}?limit=2`);
    const second = await list(lab, `${MAPS}?limit=2&continue=${first.metadata.continue ?? ''}`);
    const third = await list(lab, `${MAPS}?limit=2&continue=${second.metadata.continue ?? ''}`);
    expect([first, second, third].map(names)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect([first, second, third].map(({ metadata }) => metadata.remainingItemCount)).toEqual([
      3,
      1,
      undefined,
    ]);
    expect(third.metadata.continue).toBeUndefined();
  });

  test('show the moment of the first one, whatever happens meanwhile', async () => {
    const lab = createLab();
    await createMaps(lab, 'a', 'b', 'c', 'd');
    const first = await list(lab, `${MAPS}?limit=1`);
    await lab.call('DELETE', `${MAPS}/b`);
    await lab.call('PATCH', `${MAPS}/c`, { metadata: { labels: { new: 'yes' } } }, MERGE_PATCH);
    await createMaps(lab, 'bb');
    const rest = await list(lab, `${MAPS}?limit=9&continue=${first.metadata.continue ?? ''}`);
    expect(names(rest)).toEqual(['b', 'c', 'd']);
    expect(rest.items[1]?.metadata.labels).toBeUndefined();
    expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('of a forgotten moment are refused with 410 and a token for the present', async () => {
    const lab = createLab({ historyLimit: 2 });
    await createMaps(lab, 'a', 'b', 'c');
    const first = await list(lab, `${MAPS}?limit=1`);
    await createMaps(lab, 'd', 'e', 'f');
    const { status, refusal } = await lab.call(
      'GET',
      `${MAPS}?limit=9&continue=${first.metadata.continue ?? ''}`,
    );
    expect([status, refusal.reason, refusal.code]).toEqual([410, 'Expired', 410]);
    expect(refusal.message).toMatch(/^The provided continue parameter is too old/);
    const rest = await list(lab, `${MAPS}?limit=9&continue=${refusal.metadata.continue ?? ''}`);
    expect(names(rest)).toEqual(['b', 'c', 'd', 'e', 'f']);
  });

  test('keep their selection', async () => {
    const lab = createLab();
    for (const name of ['a', 'b', 'c', 'd']) {
      const labels = { even: String('bd'.includes(name)) };
      await lab.call('POST', MAPS, { metadata: { name, labels } });
    }
    const first = await list(lab, `${MAPS}?limit=1&labelSelector=even%3Dtrue`);
    const next = `${MAPS}?limit=1&labelSelector=even%3Dtrue&continue=${first.metadata.continue ?? ''}`;
    expect([names(first), names(await list(lab, next))]).toEqual([['b'], ['d']]);
  });

  test('of any size give the whole list, each object once', async () => {
    const lab = createLab();
    const all = Array.from({ length: 7 }, (_, index) => `map-${index}`);
    await createMaps(lab, ...all);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), async (limit) => {
        const seen: string[] = [];
        let token = '';
        do {
          const page = await list(lab, `${MAPS}?limit=${limit}${token && `&continue=${token}`}`);
          seen.push(...names(page));
          token = page.metadata.continue ?? '';
        } while (token);
        expect(seen).toEqual(all);
      }),
      { numRuns: 9 },
    );
  });
});

describe('label selectors', () => {
  const labels = { app: 'web', tier: 'front' };

  test.each([
    ['', true],
    ['app', true],
    ['!app', false],
    ['none', false],
    ['!none', true],
    ['app=web', true],
    ['app==web', true],
    ['app=api', false],
    ['app!=api', true],
    ['app!=web', false],
    ['none!=x', true],
    ['app=', false],
    ['none=', false],
    ['app in (web)', true],
    ['app in (api, web)', true],
    ['app in (api)', false],
    ['none in (x)', false],
    ['app notin (api)', true],
    ['app notin (api,web)', false],
    ['none notin (x)', true],
    ['app=web,tier=front', true],
    ['app=web,tier=back', false],
    ['app in (web,api),!none,tier', true],
    ['example.com/app', false],
  ])('%s: %s', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });

  test.each(['a b', 'a in b', 'a in (b', '=b', 'a=(b)', 'a,', ',a', 'a notin'])('refuses %s', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(/unable to parse requirement/);
  });
});

describe('selectors inside objects', () => {
  const labels = { app: 'web' };

  test('nothing is selected without a selector, everything with an empty one', () => {
    expect([selects(undefined, labels), selects({}, labels), selects({}, undefined)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test.each([
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', more: 'x' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In' as const, values: ['api', 'web'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn' as const, values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'NotIn' as const, values: ['web'] }] }, true],
    [{ matchExpressions: [{ key: 'none', operator: 'In' as const, values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' as const }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' as const }] }, false],
    [
      {
        matchLabels: { app: 'web' },
        matchExpressions: [{ key: 'none', operator: 'Exists' as const }],
      },
      false,
    ],
  ])('%j: %s', (selector, expected) => {
    expect(selects(selector, labels)).toBe(expected);
  });
});
