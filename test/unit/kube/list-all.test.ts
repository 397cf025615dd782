// A list of several pages is read to its end.
import { expect, test } from 'vitest';
import type { KubeClient, Selection } from '../../../src/kube/client.ts';
import { listAll } from '../../../src/kube/list-all.ts';
import { PODS } from '../../../src/kube/resources.ts';

type Asked = Selection & { continue?: string; limit?: number };

function paged(pages: string[][]): { client: KubeClient; asked: Asked[] } {
  const asked: Asked[] = [];
  const list = async (_: unknown, selection: Asked) => {
    asked.push(selection);
    const page = Number(selection.continue ?? 0);
    const more = page + 1 < pages.length ? String(page + 1) : '';
    const items = pages[page]?.map((name) => ({ metadata: { name } }));
    return { metadata: { resourceVersion: '1', continue: more }, items };
  };
  return { client: { list } as unknown as KubeClient, asked };
}

test.for([[[[]]], [[['a']]], [[['a', 'b'], ['c']]], [[['a'], [], ['b']]]])(
  'gives each object of %o once, in order',
  async ([pages = []]) => {
    const { client, asked } = paged(pages);
    const found = await Array.fromAsync(listAll(client, PODS, { namespace: 'shop', labelSelector: 'x' }));
    expect(found.map(({ metadata }) => metadata.name)).toEqual(pages.flat());
    expect(asked.every(({ namespace, labelSelector }) => namespace === 'shop' && labelSelector === 'x')).toBe(
      true,
    );
    expect(asked.map(({ continue: next }) => next)).toEqual(
      pages.map((_, n) => (n === 0 ? undefined : String(n))),
    );
    expect(asked.every(({ limit = 0 }) => limit > 0)).toBe(true);
  },
);
