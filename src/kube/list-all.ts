// Reads all pages of a list.
import type { KubeObject } from '../api/meta.ts';
import type { KubeClient, Selection } from './client.ts';
import type { Resource } from './resources.ts';

const PAGE = 500;

/** The objects page by page, as the API server sends them. @throws KubeError, also 410 if a page came too late. */
export async function* listAll<T extends KubeObject>(
  client: Pick<KubeClient, 'list'>,
  resource: Resource,
  selection: Selection = {},
): AsyncGenerator<T, void, void> {
  let next: string | undefined;
  do {
    const { items, metadata } = await client.list<T>(resource, {
      ...selection,
      limit: PAGE,
      ...(next !== undefined && { continue: next }),
    });
    yield* items;
    next = metadata.continue || undefined;
  } while (next !== undefined);
}
