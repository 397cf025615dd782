import { describe, expect, it, vi } from 'vitest';
import { capture, STORE_MS, WIND_UP_MS } from '../../../src/evidence/capture.ts';
import type { Collector } from '../../../src/evidence/collector.ts';
import { apiSnapshot } from '../../../src/evidence/collectors/api-snapshot.ts';
import { podLogs } from '../../../src/evidence/collectors/logs.ts';
import { EvidenceStoreError } from '../../../src/evidence/store.ts';
import { deadline } from '../../../src/kube/clock.ts';
import { createMemoryStore, type MemoryStoreOptions } from '../../support/memory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { contextOf, FakeApi, fileOf, INCIDENT, object, UID } from './fakes.ts';

const UNTIL_MS = 120_000;

function setup(options: Partial<MemoryStoreOptions> = {}) {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock, ...options });
  const stop = new AbortController();
  const limit = deadline(clock, UNTIL_MS, stop.signal);
  const context = contextOf(new FakeApi(), { clock, signal: limit.signal });
  return { clock, store, stop, context };
}

const collector = (name: string, collect: Collector['collect']): Collector => ({ name, collect });
const adding = (name: string) =>
  collector(name, async (_, bundle) => {
    await bundle.add(fileOf(`${name}.txt`, name));
  });
const hanging = (name: string) => collector(name, () => new Promise(() => {}));

describe('capture', () => {
  it('runs the collectors one after the other in their order and finishes the bundle', async () => {
    const { store, context } = setup();
    const order: string[] = [];
    const noting = (name: string) =>
      collector(name, async (_, bundle) => {
        order.push(`${name} begins`);
        await bundle.add(fileOf(`${name}.txt`));
        order.push(`${name} ends`);
      });
    const summary = await capture([noting('a'), noting('b')], context, store);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(summary).toMatchObject({ files: 2, problems: [] });
    expect(store.manifest(INCIDENT.uid)?.incident).toEqual(INCIDENT);
  });

  it('with the collectors of this version keeps snapshot and logs', async () => {
    const { store, context } = setup();
    const api = new FakeApi();
    api.objects.set('Pod/web-1', object('web-1', { uid: UID, spec: { containers: [{ name: 'app' }] } }));
    api.logs.set('app/current', { text: 'hello' });
    await capture([apiSnapshot(), podLogs], { ...context, client: api.client }, store);
    expect(store.text(INCIDENT.uid, 'logs/app/current.log')).toBe('hello');
    expect(store.text(INCIDENT.uid, 'rotate.json')).toContain('rotate these');
  });

  it('that was done is answered without reading anything', async () => {
    const { store, context } = setup();
    const first = await capture([adding('a')], context, store);
    const collect = vi.fn<Collector['collect']>();
    expect(await capture([collector('never', collect)], context, store)).toEqual(first);
    expect(collect).not.toHaveBeenCalled();
    expect(store.attempts(INCIDENT.uid)).toBe(1);
  });

  it.each([
    ['rejects', collector('bad', () => Promise.reject(new Error('broken')))],
    [
      'throws',
      collector('bad', () => {
        throw new Error('broken');
      }),
    ],
  ])('goes on after a collector that %s, and records it', async (_what, bad) => {
    const { store, context } = setup();
    const summary = await capture([bad, adding('good')], context, store);
    expect(summary).toMatchObject({ files: 1, problems: ['bad: failed: broken'] });
  });
});

describe('the deadline of a capture', () => {
  it('lets a collector hand over what it has, and starts no further one', async () => {
    const { clock, store, context } = setup();
    const slow = collector('slow', async ({ signal }, bundle) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await bundle.add(fileOf('partial.txt', 'half'));
    });
    const done = capture([slow, adding('later')], context, store);
    await clock.advance(UNTIL_MS);
    expect(await done).toMatchObject({
      files: 1,
      problems: [
        'slow: may be incomplete: the time for evidence was over',
        'later: not started: the time for evidence was over',
      ],
    });
    expect(store.text(INCIDENT.uid, 'partial.txt')).toBe('half');
    expect(clock.pending).toBe(0);
  });

  it('gives a collector up that does not end, and keeps what the ones before it had', async () => {
    const { clock, store, context } = setup();
    let finished = false;
    const done = capture([adding('first'), hanging('stuck')], context, store).finally(
      () => (finished = true),
    );
    await clock.advance(UNTIL_MS + WIND_UP_MS - 1);
    expect(finished).toBe(false);
    await clock.advance(1);
    expect(await done).toMatchObject({ files: 1, problems: [expect.stringMatching(/^stuck: given up/)] });
  });

  it('keeps what comes too late out of the finished bundle', async () => {
    const { clock, store, context } = setup();
    const end = Promise.withResolvers<string>();
    let late: unknown;
    const stuck = collector('stuck', async (_, bundle) => {
      await end.promise;
      await bundle.add(fileOf('late.txt')).catch((error: unknown) => (late = error));
    });
    const done = capture([stuck], context, store);
    await clock.advance(UNTIL_MS + WIND_UP_MS);
    expect((await done).files).toBe(0);
    end.resolve('now');
    await clock.advance(0);
    expect(late).toEqual(new Error('late.txt came after the bundle was finished'));
  });
});

describe('a process that must stop', () => {
  it('finishes nothing, does not wait, and the next run starts over', async () => {
    const { clock, store, stop, context } = setup();
    const reason = new Error('lost the lease');
    const done = capture([adding('first'), hanging('stuck')], context, store);
    await clock.advance(10);
    stop.abort(reason);
    await expect(done).rejects.toBe(reason);
    expect(store.manifest(INCIDENT.uid)).toBeUndefined();
    const next = setup().context;
    await capture([adding('again')], next, store);
    expect(store.manifest(INCIDENT.uid)).toMatchObject({ attempt: 2, files: [{ path: 'again.txt' }] });
  });

  it('does not finish even if the last collector ended well', async () => {
    const { store, stop, context } = setup();
    const last = collector('last', async (_, bundle) => {
      await bundle.add(fileOf('a.txt'));
      stop.abort(new Error('stopping'));
    });
    await expect(capture([last], context, store)).rejects.toThrow('stopping');
    expect(store.manifest(INCIDENT.uid)).toBeUndefined();
  });
});

describe('a store that fails', () => {
  const full = new EvidenceStoreError('NoSpace', '/evidence', 'the disk is full');

  it.each(['open', 'write', 'seal'] as const)(
    'at %s fails the capture, and a later one succeeds',
    async (name) => {
      let broken = true;
      const { store, context } = setup({
        before: (operation) => {
          if (broken && operation.name === name) throw full;
        },
      });
      await expect(capture([adding('a'), adding('b')], context, store)).rejects.toBe(full);
      expect(store.manifest(INCIDENT.uid)).toBeUndefined();
      broken = false;
      expect(await capture([adding('a'), adding('b')], context, store)).toMatchObject({
        files: 2,
        problems: [],
      });
    },
  );

  it('lets no further collector run', async () => {
    const { store, context } = setup({
      before: ({ name }) => {
        if (name === 'write') throw full;
      },
    });
    const collect = vi.fn<Collector['collect']>();
    await expect(capture([adding('a'), collector('later', collect)], context, store)).rejects.toBe(full);
    expect(collect).not.toHaveBeenCalled();
  });

  it('is not covered up by a collector that goes on', async () => {
    const { store, context } = setup({
      before: ({ path }) => {
        if (path === 'a.txt') throw full;
      },
    });
    const careless = collector('careless', async (_, bundle) => {
      await bundle.add(fileOf('a.txt')).catch(() => {});
    });
    await expect(capture([careless, adding('b')], context, store)).rejects.toBe(full);
    expect(store.manifest(INCIDENT.uid)).toBeUndefined();
  });
});

async function* stalled(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from('begun'));
  await new Promise(() => {});
}

describe('a collector with a stream that hangs', () => {
  it('is given up with what had come, and holds up nobody', async () => {
    const { clock, store, context } = setup();
    const node = collector('node', async (_, bundle) => {
      await bundle.add(fileOf('node/x.tar', stalled(), { collector: 'node' }));
    });
    const done = capture([node], context, store);
    await clock.advance(UNTIL_MS + WIND_UP_MS);
    const { files, missing, problems } = await done;
    expect({ files, missing }).toEqual({ files: 1, missing: [] });
    expect(problems).toEqual([
      expect.stringMatching(/^node: given up/),
      'node: node/x.tar is cut after 5 bytes: the collector had ended',
    ]);
    expect(store.text(INCIDENT.uid, 'node/x.tar')).toBe('begun');
  });

  it('that it did not wait for holds up no later one', async () => {
    const { store, context } = setup();
    const careless = collector('careless', (_, bundle) => {
      void bundle.add(fileOf('node/x.tar', stalled()));
      return Promise.resolve();
    });
    const summary = await capture([careless, adding('later')], context, store);
    expect(summary.files).toBe(2);
    expect(store.text(INCIDENT.uid, 'later.txt')).toBe('later');
  });
});

describe('collectors that gave nothing at all', () => {
  it('are named as missing: failed, given up, not begun', async () => {
    const { clock, store, context } = setup();
    const failing = collector('failing', () => Promise.reject(new Error('broken')));
    const half = collector('half', async (_, bundle) => {
      await bundle.add(fileOf('half.txt', 'x', { collector: 'half' }));
      throw new Error('broken');
    });
    const done = capture([failing, half, hanging('stuck'), adding('late')], context, store);
    await clock.advance(UNTIL_MS + WIND_UP_MS);
    expect((await done).missing).toEqual(['failing', 'late', 'stuck']);
  });
});

describe('a store that does not answer', () => {
  it.each(['open', 'write', 'seal'] as const)('ends the capture with an error, at its %s', async (hangs) => {
    const before: MemoryStoreOptions['before'] = ({ name }) =>
      name === hangs ? new Promise(() => {}) : undefined;
    const { clock, store, context } = setup({ before });
    const done = capture([adding('a')], context, store).catch((error: unknown) => error);
    await clock.advance(UNTIL_MS + WIND_UP_MS + STORE_MS);
    expect(await Promise.race([done, Promise.resolve('hangs')])).toMatchObject({
      reason: 'Unreachable',
      message: expect.stringMatching(/did not answer within 300 s/) as string,
    });
  });
});
