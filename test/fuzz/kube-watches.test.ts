// Watches of an API server that sends anything, cut anywhere: each event has its promised form, and a cache that lived
// through it shows the truth as soon as the server is well again.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KubeObject } from '../../src/api/meta.ts';
import { podFacts } from '../../src/api/pod.ts';
import { createCaches } from '../../src/incidents/caches.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { PODS } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { anIncident, aPolicy } from '../support/builders.ts';
import { answersOf, bodiesOf, serve, type BadAnswer } from './support/answers.ts';
import { fuzz } from './support/fuzz.ts';
import type { Json } from './support/noise.ts';

const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'];
const IDLE_MS = 130_000;
const MOST_READ = 10 << 20;
const RECOVERS_WITHIN_MS = 300_000;

const pod = (name: string, version: string): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'shop',
    uid: `uid-${name}`,
    resourceVersion: version,
    creationTimestamp: '2026-11-22T00:00:00Z',
    labels: { app: 'web' },
  },
  spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'web:1' }] },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'web', containerID: `containerd://${'c'.repeat(64)}` }],
  },
});
const gone: Json = {
  kind: 'Status',
  status: 'Failure',
  code: 410,
  reason: 'Expired',
  message: 'too old',
  metadata: {},
};
const events: Json[] = [
  { type: 'ADDED', object: pod('web-1', '6') },
  { type: 'MODIFIED', object: pod('web-1', '7') },
  { type: 'DELETED', object: pod('web-1', '8') },
  { type: 'BOOKMARK', object: { kind: 'Pod', metadata: { resourceVersion: '9' } } },
  { type: 'ERROR', object: gone },
];
const words = {
  type: [...TYPES, 'added', null, 5],
  object: [null, {}, [], gone],
  metadata: [null, {}, [], 'x', { name: 'x' }, { resourceVersion: 5 }],
  resourceVersion: ['', null, 5, '99999999999999999999', '-1'],
  uid: [null, '', 5],
  name: [null, '', 'other', '../x'],
  namespace: [null, '', 'other'],
  labels: [null, [], 'x', { __proto__: 'x' }],
  containers: [null, {}, [null], 'x'],
  containerStatuses: [null, [null], [{}]],
  containerID: [null, 5, '', 'x'],
  ownerReferences: [null, [null], {}],
  annotations: [null, [], 'x'],
  items: [null, [null], {}, 'x'],
};

const lines = fc
  .array(fc.tuple(bodiesOf(events, words), fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n', '')), {
    maxLength: 5,
  })
  .map((all) => Buffer.concat(all.flatMap(([line, end]) => [line, Buffer.from(end)])));

fuzz({
  name: 'watch',
  promise: 'a watch gives events of the promised form and ends, or rejects with a KubeError',
  input: answersOf(lines),
  check: async (answer, seen) => {
    const server = serve([answer]);
    const clock = new VirtualClock();
    const client = createKubeClient({ transport: server.transport, clock, random: () => 0.5 });
    const selection = { resourceVersion: '5', timeoutSeconds: 290 };
    const options = { signal: new AbortController().signal, idleMs: IDLE_MS };
    let outcome: string | undefined;
    const reading = read(client.watch(PODS, selection, options), seen).then(
      () => 'ended',
      (error: unknown) => assertRefusal(error),
    );
    void reading.then((what) => (outcome = what)).catch(() => (outcome = 'failed'));
    await clock.advance(IDLE_MS + 1_000);
    assert.ok(outcome !== undefined, 'the watch does not notice that nothing comes');
    seen(await reading);
    assert.ok(server.mostRead <= MOST_READ, `${server.mostRead} bytes were read`);
    assert.equal(clock.pending, 0, 'a timer is left');
  },
  reaches: [...TYPES, 'ended', 'BrokenAnswer', 'Timeout'],
});

async function read(
  watch: AsyncIterable<{ type: string; object: KubeObject }>,
  seen: (what: string) => void,
): Promise<void> {
  for await (const { type, object } of watch) {
    assert.ok(TYPES.includes(type), `an event of type ${type}`);
    seen(type);
    if (type !== 'ERROR') assert.equal(typeof object.metadata, 'object');
  }
}

function assertRefusal(error: unknown): string {
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof KubeError, `not a KubeError: ${String(error)}`);
  return ['BrokenAnswer', 'Timeout'].includes(error.reason) ? error.reason : 'another refusal';
}

const incident = anIncident() as unknown as Json;
const policy = aPolicy() as unknown as Json;
const lists: Json[] = [
  {
    kind: 'PodList',
    metadata: { resourceVersion: '5' },
    items: [pod('web-1', '5'), pod('web-2', '4'), incident, policy],
  },
  { kind: 'PodList', metadata: { resourceVersion: '5', continue: 'next' }, items: [pod('web-3', '3')] },
];

fuzz({
  name: 'cache',
  promise: 'the caches live through everything and then show what is true',
  input: fc.array(answersOf(fc.oneof(lines, bodiesOf([...lists, ...events, incident, policy], words))), {
    minLength: 1,
    maxLength: 8,
  }),
  check: async (answers, seen) => {
    const clock = new VirtualClock();
    const bad = serve(answers.map(whole));
    const truth: Transport = async ({ path }) => ({
      status: 200,
      headers: {},
      body: path.includes('watch=1') ? silence() : listed(path),
    });
    const transport: Transport = (request) =>
      bad.requests < answers.length ? bad.transport(request) : truth(request);
    const client = createKubeClient({ transport, clock, random: () => 0.5 });
    const caches = createCaches({ client, clock, random: () => 0.5, log: silentLogger });
    const stopped = new AbortController();
    const all = [caches.pods, caches.policies, caches.incidents];
    const running = Promise.all(all.map((cache) => cache.run(stopped.signal)));
    await clock.advance(RECOVERS_WITHIN_MS);
    // What a broken server made up may stay until the next list; after it, nothing does.
    await Promise.race([Promise.all(all.map((cache) => cache.refresh())), clock.advance(RECOVERS_WITHIN_MS)]);
    seen(caches.pods.isSynced ? 'recovered' : 'not recovered');
    assert.ok(
      all.every((cache) => cache.isSynced),
      'a cache did not recover',
    );
    assert.deepEqual(caches.pods.values(), [podFacts(pod('web-1', '50') as unknown as KubeObject)]);
    assert.equal(caches.pods.byIndex('uid', 'uid-web-1').length, 1);
    assert.deepEqual([caches.policies.size, caches.incidents.size], [1, 1]);
    stopped.abort();
    await clock.advance(1_000);
    await running;
  },
  reaches: ['recovered'],
});

// A cache that waits for a broken body is the watch's part.
const whole = (answer: BadAnswer): BadAnswer =>
  answer.end === 'floods' ? { ...answer, end: 'breaks' } : answer;

async function* listed(path: string): AsyncGenerator<Uint8Array, void, void> {
  const item = path.includes('/pods')
    ? pod('web-1', '50')
    : path.includes('driftpolicies')
      ? policy
      : incident;
  yield Buffer.from(JSON.stringify({ metadata: { resourceVersion: '50' }, items: [item] }));
}

function silence(): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
}
