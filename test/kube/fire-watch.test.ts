// Watches of a real API server whose connections break in every way: nothing is missed, nothing is told twice.
// Each test names the row of the table in docs/decisions/0001 that it answers.
import { describe, expect } from 'vitest';
import {
  answersWith,
  configMaps,
  countOf,
  delays,
  fireTest,
  LIST,
  rewrites,
  WATCH,
} from '../support/fire-test.ts';
import { eventually } from '../support/real-api-test.ts';

/** Longer than an API server lets pass between bookmarks, shorter than our limit of silence. */
const QUIET_MS = 129_000;

/** A cache that holds the ConfigMaps a and b and watches. */
const test = fireTest.extend('stage', async ({ fire, client, namespace }) => {
  const maps = configMaps(client, namespace);
  await maps.create('a');
  await maps.create('b');
  const watched = await fire.cacheOf(namespace);
  const watches = (count: number) =>
    eventually(
      `${count} watches`,
      async () => countOf(fire.requests, WATCH),
      (n) => n >= count,
    );
  return { ...watched, maps, watches };
});

describe('a watch begins', () => {
  // Row "start": no list, and a watch without a resourceVersion.
  test('with a list, and goes on from the version of that list', async ({ fire, stage }) => {
    const [list = '', watch = ''] = fire.requests;
    expect(list).toMatch(LIST);
    expect(new URLSearchParams(watch.split('?')[1]).get('resourceVersion')).toMatch(/^[1-9]\d*$/);
    await stage.maps.create('c');
    await stage.told('set c');
  });
});

describe('what the server does', () => {
  // Row "server closes the watch": everything again as ADDED, and no deletion of the gap.
  test('when it closes a watch, the watch resumes, replays nothing and sees what was deleted meanwhile', async ({
    fire,
    namespace,
    stage,
  }) => {
    fire.strikes.push(rewrites(WATCH, (path) => path.replace(/timeoutSeconds=\d+/, 'timeoutSeconds=1')));
    const { told } = await fire.cacheOf(namespace);
    const lists = countOf(fire.requests, LIST);
    const inTheGap = async () => {
      await stage.maps.remove('b');
      await stage.maps.create('c');
    };
    fire.strikes.push(delays(WATCH, inTheGap));
    await told('delete b', 'set c');
    expect(countOf(fire.requests, LIST)).toBe(lists);
    expect(fire.requests.at(-1)).toMatch(/[?&]resourceVersion=[1-9]/);
    expect(fire.log).toEqual([]);
  });

  // Row "500 on reconnect": the process ends, so that a restart of the API server ends every operator.
  test('when it answers 500 to a watch, the watch goes on as soon as it can', async ({ fire, stage }) => {
    fire.strikes.push(answersWith(500, 'InternalError', WATCH, 2));
    fire.proxy.cut('RST');
    await stage.watches(2);
    await stage.maps.remove('b');
    await stage.told('delete b');
    expect(countOf(fire.requests, WATCH)).toBe(4);
    expect(countOf(fire.requests, LIST)).toBe(1);
  });

  // Row "in-stream ERROR 410", as the answer to the request.
  test('when it answers 410 to a watch, everything is listed again', async ({ fire, stage }) => {
    fire.strikes.push(answersWith(410, 'Expired', WATCH));
    fire.proxy.cut('FIN');
    await eventually(
      'a second list',
      async () => countOf(fire.requests, LIST),
      (n) => n === 2,
    );
    await stage.maps.create('c');
    await stage.told('set c');
  });

  // Row "no paging", with a continue token that expires between two pages.
  test('when it answers 410 to a page, the list begins again and is complete', async ({
    fire,
    namespace,
    stage,
  }) => {
    for (const name of ['c', 'd', 'e']) await stage.maps.create(name);
    fire.strikes.push(answersWith(410, 'Expired', /&continue=/));
    fire.strikes.push(rewrites(LIST, (path) => path.replace('limit=500', 'limit=2'), Infinity));
    const { cache } = await fire.cacheOf(namespace);
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect(cache.get(namespace, name)).toBeDefined();
    expect(countOf(fire.requests, /&continue=/)).toBeGreaterThanOrEqual(3);
  });
});

describe('what the network does', () => {
  // Rows "TCP reset / premature close": the process ends.
  test.for(['RST', 'FIN'] as const)(
    'when connections end by %s, the watch resumes where it was',
    async (how, { fire, stage }) => {
      fire.proxy.cut(how);
      await stage.maps.remove('b');
      await stage.maps.create('c');
      await stage.told('delete b', 'set c');
      expect(countOf(fire.requests, LIST)).toBe(1);
      expect(fire.log.map(({ message }) => message)).toContain(
        'the watch of configmaps was interrupted; it goes on',
      );
    },
  );

  // Row "TCP reset", in the middle of an event.
  test('when it tears an event apart, the event comes again as a whole', async ({ fire, stage }) => {
    fire.proxy.resetAfter(100_000);
    await stage.maps.change('a', 'x'.repeat(500_000));
    await stage.told('set a');
    expect(countOf(fire.requests, WATCH)).toBe(2);
  });

  // Row "TCP reset", for as long as a rolling update of the API server takes.
  test('when nobody answers for a while, the watch goes on, and a person is told', async ({
    fire,
    stage,
  }) => {
    fire.proxy.refuse();
    const warned = async () => fire.log.some(({ level }) => level === 'warn');
    await eventually('a warning', warned, (is) => is);
    expect(fire.log.at(-1)?.message).toBe('configmaps cannot be watched; trying again');
    await stage.maps.remove('b');
    fire.proxy.restore();
    fire.clock.jump(30_000);
    await stage.told('delete b');
    expect(countOf(fire.requests, LIST)).toBe(1);
  });

  // client-node, point 2: a silent half-open connection hangs for ever.
  test('when a connection falls silent, the watch takes another after 130 s', async ({ fire, stage }) => {
    fire.proxy.silence();
    await stage.maps.remove('b');
    fire.clock.jump(QUIET_MS);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(countOf(fire.requests, WATCH)).toBe(1);
    fire.clock.jump(2_000);
    await stage.told('delete b');
    expect(countOf(fire.requests, LIST)).toBe(1);
  });

  // Row "forced onto client-node 2.0.1": the process ends after 30 s of quiet.
  test('when nothing happens for two minutes, the watch stays as it is', async ({ fire, stage }) => {
    fire.clock.jump(QUIET_MS);
    await stage.maps.create('c');
    await stage.told('set c');
    expect(countOf(fire.requests, WATCH)).toBe(1);
  });
});
