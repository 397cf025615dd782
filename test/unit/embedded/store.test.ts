// The store: one counter, the past that it remembers, its listeners.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { Store, type Change } from '../../../src/embedded/store.ts';
import { CONFIG_MAPS, PODS } from '../../../src/kube/resources.ts';

const object = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  metadata: {
    name,
    namespace: 'shop',
    uid: `uid-${name}`,
    resourceVersion: '',
    creationTimestamp: '',
    labels,
  },
});
const names = (objects: readonly KubeObject[] | undefined) => objects?.map(({ metadata }) => metadata.name);

describe('the past', () => {
  test('can be listed while it is remembered', () => {
    const store = new Store(10);
    store.put(PODS, object('a'));
    const before = store.revision;
    store.put(PODS, object('b'));
    store.put(PODS, object('a', { changed: 'yes' }));
    store.remove(PODS, 'shop/a');
    expect(names(store.listAt(PODS, before))).toEqual(['a']);
    expect(store.listAt(PODS, before)?.[0]?.metadata.labels).toEqual({});
    expect(names(store.list(PODS))).toEqual(['b']);
  });

  test('is forgotten beyond the limit, for each kind by itself', () => {
    const store = new Store(2);
    store.put(CONFIG_MAPS, object('quiet'));
    const early = store.revision;
    for (const name of ['a', 'b', 'c']) store.put(PODS, object(name));
    expect(store.listAt(PODS, early)).toBeUndefined();
    expect(store.changesSince(PODS, early)).toBeUndefined();
    expect(names(store.listAt(CONFIG_MAPS, early))).toEqual(['quiet']);
    expect(store.changesSince(CONFIG_MAPS, early)).toEqual([]);
    expect(store.changesSince(PODS, early + 1)?.map(({ object: { metadata } }) => metadata.name)).toEqual([
      'b',
      'c',
    ]);
  });

  test('is what it was, whatever was done since', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      action: fc.constantFrom('put' as const, 'remove' as const),
      value: fc.string({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = new Store(1_000);
        const moments = [{ revision: store.revision, objects: store.list(PODS) }];
        for (const { name, action, value } of steps) {
          if (action === 'put') store.put(PODS, object(name, { value }));
          else store.remove(PODS, `shop/${name}`);
          moments.push({ revision: store.revision, objects: store.list(PODS) });
        }
        for (const { revision, objects } of moments) expect(store.listAt(PODS, revision)).toEqual(objects);
      }),
    );
  });

  test('leads to the present, change by change', () => {
    const store = new Store(100);
    const replayed = new Map<string, KubeObject>();
    for (const name of ['a', 'b', 'c', 'a']) store.put(PODS, object(name));
    store.remove(PODS, 'shop/b');
    for (const { type, object: now } of store.changesSince(PODS, 1) ?? []) {
      if (type === 'DELETED') replayed.delete(now.metadata.name);
      else replayed.set(now.metadata.name, now);
    }
    expect([...replayed.values()].toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))).toEqual(
      store.list(PODS),
    );
  });
});

describe('a change', () => {
  test('carries what was and what is, under one revision', () => {
    const store = new Store(10);
    const heard: Change[] = [];
    store.subscribe((change) => heard.push(change));
    const first = store.put(PODS, object('a'));
    const second = store.put(PODS, object('a', { x: 'y' }));
    const last = store.remove(PODS, 'shop/a');
    expect(heard.map(({ type, object: now, before }) => [type, now, before])).toEqual([
      ['ADDED', first, undefined],
      ['MODIFIED', second, first],
      ['DELETED', last, second],
    ]);
    expect(heard.map(({ revision }) => String(revision))).toEqual(
      [first, second, last].map((stored) => stored?.metadata.resourceVersion),
    );
  });

  test('is not heard after the subscription ended', () => {
    const store = new Store(10);
    const heard: Change[] = [];
    const cancel = store.subscribe((change) => heard.push(change));
    cancel();
    cancel();
    store.put(PODS, object('a'));
    expect(heard).toEqual([]);
  });

  test('is none when there is nothing to remove', () => {
    const store = new Store(10);
    const before = store.revision;
    expect(store.remove(PODS, 'shop/none')).toBeUndefined();
    expect(store.revision).toBe(before);
  });
});
