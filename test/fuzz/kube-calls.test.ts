// Calls to an API server that answers anything: each gives a value of the promised form or rejects with a KubeError,
// in its time and within its memory.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KubeObject } from '../../src/api/meta.ts';
import { classify } from '../../src/controller/errors.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { PODS } from '../../src/kube/resources.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { answersOf, bodiesOf, serve } from './support/answers.ts';
import { fuzz } from './support/fuzz.ts';
import type { Json } from './support/noise.ts';
import { assertClean } from './support/oracles.ts';

const REASONS = ['BrokenAnswer', 'NotFound', 'Conflict', 'Timeout', 'Unknown', 'UND_ERR_SOCKET'];
const MIB = 1 << 20;
// Beyond the deadline of a call (10 s) and the time that is left to give up.
const ENDS_WITHIN_MS = 12_000;
const MOST_TEXT = 1_000;
const MOST_READ = 66 * MIB;
const AT = { namespace: 'shop', name: 'web-1' };

const metadata = {
  name: 'web-1',
  namespace: 'shop',
  uid: 'u',
  resourceVersion: '5',
  creationTimestamp: '2026-11-22T00:00:00Z',
};
const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'web' }] } };
const status = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Cannot evict pod as it would violate the disruption budget.',
  reason: 'TooManyRequests',
  code: 429,
  details: {
    name: 'web-1',
    retryAfterSeconds: 10,
    causes: [{ reason: 'DisruptionBudget', message: 'x', field: 'y' }],
  },
};
const documents: Json[] = [
  pod,
  { kind: 'PodList', metadata: { resourceVersion: '5', continue: 'x' }, items: [pod, pod] },
  status,
  ...['NotFound', 'Conflict', 'AlreadyExists'].map((reason) => ({
    ...status,
    reason,
    details: { name: 'web-1' },
  })),
];
const words = {
  reason: ['NotFound', 'Conflict', 'AlreadyExists', 'Invalid', 'Expired', 'Forbidden', 'TooManyRequests', ''],
  retryAfterSeconds: [0, -1, 0.5, 1e9, 1e308, '1'],
  items: [null, [], [null], [{}], [{ metadata: null }]],
  resourceVersion: ['', null, 5],
  metadata: [null, {}, [], 'x'],
  code: [200, 600, 409],
};

const CALLS = {
  get: async (client: KubeClient) => assertObject(await client.get(PODS, AT)),
  list: async (client: KubeClient) => {
    const { metadata: about, items } = await client.list(PODS, { namespace: 'shop' });
    assert.equal(typeof about.resourceVersion, 'string');
    items.forEach(assertObject);
  },
  create: async (client: KubeClient) => assertObject(await client.create(PODS, { namespace: 'shop' }, pod)),
  evict: async (client: KubeClient) =>
    assertObject(await client.create(PODS, { ...AT, subresource: 'eviction' }, {})),
  patch: async (client: KubeClient) => assertObject(await client.jsonPatch(PODS, AT, [])),
  delete: async (client: KubeClient) => assert.equal(await client.delete(PODS, AT, 'u'), undefined),
  text: async (client: KubeClient) => {
    const { bytes } = await client.readText(PODS, { ...AT, subresource: 'log' }, {}, MOST_TEXT);
    assert.ok(bytes.length <= MOST_TEXT);
  },
};

fuzz({
  name: 'client',
  promise: 'every call gives what is promised or rejects with a KubeError, in time and within its memory',
  input: fc.record({
    call: fc.constantFrom(...(Object.keys(CALLS) as (keyof typeof CALLS)[])),
    answers: fc.array(answersOf(bodiesOf(documents, words)), { minLength: 1, maxLength: 3 }),
  }),
  check: async ({ call, answers }, seen) => {
    const server = serve(answers);
    const clock = new VirtualClock();
    const client = createKubeClient({ transport: server.transport, clock, random: () => 0.5 });
    const ended = CALLS[call](client).then(
      () => 'a value',
      (error: unknown) => assertRefusal(error),
    );
    let outcome: string | undefined;
    void ended.then((what) => (outcome = what)).catch(() => (outcome = 'failed'));
    await clock.advance(ENDS_WITHIN_MS);
    assert.ok(outcome !== undefined, `did not end within ${ENDS_WITHIN_MS} ms of its time`);
    seen(await ended);
    if (outcome === 'a value' && call !== 'text')
      assert.match(String(server.status), /^2\d\d$/, 'an error is a value');
    assert.equal(clock.pending, 0, 'a timer is left');
    const most = call === 'text' ? MOST_TEXT + 2 * MIB : MOST_READ;
    assert.ok(server.mostRead <= most, `${server.mostRead} bytes of an answer were read`);
  },
  reaches: ['a value', ...REASONS],
});

function assertObject(value: KubeObject): void {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), 'the answer is no object');
  assert.ok(typeof value.metadata === 'object' && value.metadata !== null, 'the answer has no metadata');
}

function assertRefusal(error: unknown): string {
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof KubeError, `not a KubeError: ${String(error)}`);
  assertClean(error.message, 'message', 700);
  assert.ok(
    error.causes.every((cause) => cause.message.length <= 256),
    'a cause is too long',
  );
  const { reason, message, afterMs } = classify(error);
  assert.match(reason, /^[A-Za-z]{1,64}$/);
  assert.ok(message.length > 0 && (afterMs === undefined || afterMs < 2 ** 31));
  const known = error.reason === 'TooManyRequests' ? reason : error.reason;
  return REASONS.includes(known) ? known : 'another reason';
}
