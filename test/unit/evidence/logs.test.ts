import { describe, expect, it } from 'vitest';
import { ALL_LOGS_MS, MAX_LOG_BYTES, podLogs } from '../../../src/evidence/collectors/logs.ts';
import { EvidenceStoreError } from '../../../src/evidence/store.ts';
import type { CallOptions } from '../../../src/kube/client.ts';
import { sleep } from '../../../src/kube/clock.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';
import { contextOf, FakeApi, object, RecordingBundle, UID } from './fakes.ts';

function podWith(spec: Record<string, unknown>) {
  return object('web-1', { uid: UID, spec });
}

/** A pod with one container of each kind. */
function cluster(spec: Record<string, unknown> = { containers: [{ name: 'app' }] }): FakeApi {
  const api = new FakeApi();
  api.objects.set('Pod/web-1', podWith(spec));
  return api;
}

async function collected(api: FakeApi, bundle = new RecordingBundle()): Promise<RecordingBundle> {
  await podLogs.collect(contextOf(api), bundle);
  return bundle;
}

const textOf = (bundle: RecordingBundle, path: string) =>
  Buffer.from(bundle.files.get(path)?.content ?? '').toString();

describe('logs', () => {
  it('of every container are kept, init and ephemeral ones too, of this run and the one before', async () => {
    const api = cluster({
      initContainers: [{ name: 'init' }],
      containers: [{ name: 'app' }, { name: 'sidecar' }],
      ephemeralContainers: [{ name: 'debug' }],
    });
    for (const container of ['init', 'app', 'sidecar', 'debug'])
      api.logs.set(`${container}/current`, { text: `of ${container}` });
    api.logs.set('app/previous', { text: 'it crashed' });
    const bundle = await collected(api);
    expect([...bundle.files.keys()].toSorted()).toEqual([
      'logs/about.json',
      'logs/app/current.log',
      'logs/app/previous.log',
      'logs/debug/current.log',
      'logs/init/current.log',
      'logs/sidecar/current.log',
    ]);
    expect(textOf(bundle, 'logs/app/previous.log')).toBe('it crashed');
    expect(bundle.files.get('logs/app/previous.log')).toMatchObject({
      collector: 'logs',
      contentType: 'text/plain',
      truncated: false,
    });
    expect(bundle.problems).toEqual([]);
  });

  it('are asked for with time stamps and a limit one byte above what is kept', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'x' });
    const bundle = await collected(api);
    expect(bundle.files.get('logs/app/current.log')?.source).toBe(
      `GET /api/v1/namespaces/shop/pods/web-1/log?container=app&timestamps=true&limitBytes=${MAX_LOG_BYTES + 1}`,
    );
  });

  it('that do not exist (400) are a note and no problem', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'x' });
    api.logs.set('app/previous', { error: 400 });
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([]);
    expect(bundle.json('logs/about.json')['logs']).toEqual([
      { container: 'app', type: 'regular', run: 'current', file: 'logs/app/current.log', truncated: false },
      {
        container: 'app',
        type: 'regular',
        run: 'previous',
        note: expect.stringContaining('answer 400'),
      },
    ]);
  });

  it.each([403, 404, 500, 503])(
    'that are refused (%i) are a problem, and the others are kept',
    async (error) => {
      const api = cluster({ containers: [{ name: 'app' }, { name: 'sidecar' }] });
      api.logs.set('app/current', { error });
      api.logs.set('sidecar/current', { text: 'x' });
      const bundle = await collected(api);
      expect(bundle.problems).toEqual([
        expect.stringMatching(`^logs: current log of container app: .*${error}`),
      ]);
      expect(textOf(bundle, 'logs/sidecar/current.log')).toBe('x');
    },
  );

  it('beyond 10 MiB are cut, marked, and their end is kept in a file of its own', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'x'.repeat(MAX_LOG_BYTES + 1) });
    api.logs.set('app/current-end', { text: 'what the intruder did' });
    const bundle = await collected(api);
    expect(bundle.files.get('logs/app/current.log')).toMatchObject({ truncated: true });
    expect(bundle.files.get('logs/app/current.log')?.content).toHaveLength(MAX_LOG_BYTES);
    expect(textOf(bundle, 'logs/app/current-end.log')).toBe('what the intruder did');
    expect(bundle.files.get('logs/app/current-end.log')?.source).toContain('tailLines=10000');
    expect(bundle.problems).toEqual([
      `logs: logs/app/current.log is cut after ${MAX_LOG_BYTES} bytes; its end is asked for as well`,
    ]);
  });

  it('whose end is too long as well are cut there, and no third time is asked', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'x', truncated: true });
    api.logs.set('app/current-end', { text: 'y', truncated: true });
    const bundle = await collected(api);
    expect(bundle.problems).toHaveLength(2);
    expect(api.requests.filter((request) => request.includes('app/current'))).toHaveLength(2);
  });

  it('are read at most four at a time', async () => {
    const api = cluster({ containers: Array.from({ length: 10 }, (_, n) => ({ name: `c${n}` })) });
    let active = 0;
    let most = 0;
    api.before = async (request) => {
      if (!request.startsWith('log ')) return;
      most = Math.max(most, ++active);
      await drain();
      active -= 1;
    };
    await collected(api);
    expect(most).toBe(4);
    expect(api.requests.filter((request) => request.startsWith('log '))).toHaveLength(20);
  });

  it('of now are asked for before those of the run before, of all containers', async () => {
    const api = cluster({ containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'init' }] });
    await collected(api);
    expect(api.requests.filter((request) => request.startsWith('log '))).toEqual([
      'log a/current',
      'log b/current',
      'log init/current',
      'log a/previous',
      'log b/previous',
      'log init/previous',
    ]);
  });

  it('that broke off are kept as far as they came, and their end is asked for', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'the beginning', truncated: true, failure: 'the node went away' });
    api.logs.set('app/current-end', { error: 500 });
    const bundle = await collected(api);
    expect(textOf(bundle, 'logs/app/current.log')).toBe('the beginning');
    expect(bundle.files.get('logs/app/current.log')).toMatchObject({ truncated: true });
    expect(bundle.problems).toEqual([
      'logs: logs/app/current.log is cut after 13 bytes (the node went away); its end is asked for as well',
      expect.stringMatching(/^logs: current log of container app, its end: .*500/),
    ]);
  });

  it('of container names that are no names get safe paths of their own', async () => {
    const names = ['../../etc', 'a/b', 'a.previous', 'A', ''];
    const api = cluster({ containers: names.map((name) => ({ name })) });
    for (const name of names) api.logs.set(`${name}/current`, { text: name });
    const bundle = await collected(api);
    const paths = [...bundle.files.keys()].filter((path) => path.endsWith('.log'));
    expect(paths).toHaveLength(names.length);
    for (const path of paths) expect(path).toMatch(/^logs\/[a-z0-9][a-z0-9._~-]*\/current\.log$/);
  });

  it('of more containers than make sense are read up to a number', async () => {
    const api = cluster({ containers: Array.from({ length: 70 }, (_, n) => ({ name: `c${n}` })) });
    const bundle = await collected(api);
    expect(bundle.problems).toEqual(['logs: only the first 64 of 70 containers were read']);
    expect(api.requests.filter((request) => request.startsWith('log '))).toHaveLength(128);
  });
});

describe('logs of a pod', () => {
  it.each([
    ['is gone', undefined, 'Pod shop/web-1 is gone'],
    ['another has taken the name of', object('web-1', { uid: 'new' }), 'another pod has its name'],
  ])('that %s are not asked for', async (_what, found, message) => {
    const api = new FakeApi();
    if (found) api.objects.set('Pod/web-1', found);
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([expect.stringContaining(message)]);
    expect(bundle.files.size).toBe(0);
    expect(api.requests).toEqual(['get Pod/web-1']);
  });

  it('that was replaced while they were read are called doubtful', async () => {
    const api = cluster();
    api.logs.set('app/current', { text: 'x' });
    api.before = async (request) => {
      if (request.startsWith('log ')) api.objects.set('Pod/web-1', object('web-1', { uid: 'new' }));
    };
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([
      expect.stringMatching(/may be cut short or from another pod.*with uid new/),
    ]);
  });

  it('that are not read when the time is over are named', async () => {
    const api = cluster({ containers: [{ name: 'app' }, { name: 'b' }, { name: 'c' }] });
    const stop = new AbortController();
    api.before = (request) => {
      if (request.startsWith('log ')) stop.abort(new Error('time is over'));
      return Promise.resolve();
    };
    const bundle = new RecordingBundle();
    await podLogs.collect(contextOf(api, { signal: stop.signal }), bundle);
    expect(api.requests.filter((request) => request.startsWith('log '))).toHaveLength(1);
    expect(bundle.problems).toContain('logs: current log of container app: time is over');
    expect(bundle.problems).toContain(
      'logs: 5 logs were not asked for, as the time for evidence was over; logs/about.json names them',
    );
    const logs = bundle.json('logs/about.json')['logs'];
    expect(logs).toHaveLength(6);
    expect(logs).toContainEqual({ container: 'c', type: 'regular', run: 'previous', unread: true });
  });

  it('stop at once when the bundle cannot store them', async () => {
    const api = cluster({ containers: Array.from({ length: 20 }, (_, n) => ({ name: `c${n}` })) });
    for (let n = 0; n < 20; n++) api.logs.set(`c${n}/current`, { text: 'x' });
    const bundle = new RecordingBundle();
    const full = new EvidenceStoreError('NoSpace', '/evidence', 'full');
    bundle.add = () => Promise.reject(full);
    await expect(collected(api, bundle)).rejects.toBe(full);
    expect(api.requests.filter((request) => request.startsWith('log ')).length).toBeLessThanOrEqual(8);
  });
});

describe('a node that does not answer', () => {
  it('is asked twice within two seconds at most, and waited for 8 s where it is silent', async () => {
    const api = cluster();
    const limits: (CallOptions | undefined)[] = [];
    api.before = async (request, options) => {
      if (request.startsWith('log ')) limits.push(options);
    };
    await collected(api);
    const limit = { timeoutMs: 30_000, idleMs: 8_000, retry: { tries: 2, withinMs: 2_000 } };
    expect(limits).toEqual([expect.objectContaining(limit), expect.objectContaining(limit)]);
  });

  it('keeps nobody waiting for more than a minute, however many containers there are', async () => {
    const clock = new VirtualClock();
    const api = cluster({ containers: Array.from({ length: 64 }, (_, n) => ({ name: `c${n}` })) });
    // As the client gives a silent log up.
    api.before = async (request, options) => {
      if (request.startsWith('log ')) await sleep(clock, 8_000, options?.signal);
    };
    api.logs.clear();
    const bundle = new RecordingBundle();
    const start = clock.now();
    let took = 0;
    const collecting = podLogs.collect(contextOf(api, { clock }), bundle).then(() => {
      took = clock.now() - start;
    });
    await clock.until(() => took > 0, 200_000, 'the collector is done');
    await collecting;
    expect(took).toBe(ALL_LOGS_MS);
    // Seven rounds of four fit into the minute; the last one ends with it.
    expect(api.requests.filter((request) => request.startsWith('log ')).length).toBeLessThanOrEqual(34);
    expect(bundle.problems).toContainEqual(
      expect.stringMatching(
        /^logs: \d+ logs were not asked for, as the 60 s for the logs of one pod were over/,
      ),
    );
    expect(bundle.json('logs/about.json')['logs']).toHaveLength(128);
    expect(clock.pending).toBe(0);
  });
});
