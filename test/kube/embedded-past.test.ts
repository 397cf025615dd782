// What an API server has forgotten: after a compaction and a restart the real one, after a few changes the embedded one. Both
// say so in the same way, and what they say can be gone on from.
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { createEmbeddedCluster } from '../../src/embedded/api-server.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { startControlPlane, type ControlPlane } from '../support/api-server.ts';
import { call, connectionFor } from '../support/cluster-access.ts';
import { realApiTest as test } from '../support/real-api-test.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { converse, type Answer, type Step } from '../unit/embedded/recorded/conversation.ts';

const NAMESPACE = 'past';
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;

type Request = Step['request'];
const post = (path: string, body: object): Request => ({
  method: 'POST',
  path,
  contentType: 'application/json',
  body,
});
const get = (query: string): Request => ({ method: 'GET', path: `${MAPS}?${query}` });
const map = (name: string) =>
  post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } });

const BEFORE: Request[] = [
  post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }),
  ...['m1', 'm2', 'm3'].map(map),
  get('limit=1'),
  ...['m4', 'm5'].map(map),
];
/** The token of the first page is from before; the refusal of it brings another. */
const AFTER: Request[] = [
  get('limit=9&continue={{continue}}'),
  get('limit=9&continue={{continue}}'),
  get('watch=true&timeoutSeconds=1&resourceVersion={{start}}'),
];

let plane: ControlPlane | undefined;
beforeAll(async () => {
  const api = inject('realApi');
  if ('assets' in api)
    plane = await startControlPlane({ etcd: api.assets.etcd, apiServer: api.assets.apiServer });
});
afterAll(() => plane?.stop());

/** Holds the conversation; before the first token is sent, the past is forgotten. */
async function answers(
  transport: Transport,
  forget: () => Promise<void>,
  pass?: (path: string) => Promise<void>,
): Promise<Answer[]> {
  let remembers = true;
  const forgetful: Transport = async (request) => {
    if (remembers && request.path.includes('continue=')) {
      remembers = false;
      await forget();
    }
    return transport(request);
  };
  const steps = [...BEFORE, ...AFTER].map((request) => ({ request }));
  const given = await converse(forgetful, steps, pass && { pass });
  return given.slice(BEFORE.length).map(withoutRevisions);
}

function withoutRevisions(answer: Answer): Answer {
  return JSON.parse(
    JSON.stringify(answer).replace(/too old resource version: \d+ \(\d+\)/, 'too old'),
  ) as Answer;
}

async function realAnswers(control: ControlPlane): Promise<Answer[]> {
  const { access, etcd } = control;
  const transport = createUndiciTransport(connectionFor(access, access.admin));
  const forget = async () => {
    const { body } = await call(access, { path: `${MAPS}?limit=1` });
    const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata;
    const compaction = {
      method: 'POST',
      body: JSON.stringify({ revision: resourceVersion, physical: true }),
    };
    expect((await fetch(`${etcd}/v3/kv/compaction`, compaction)).status).toBe(200);
    await control.restartApiServer();
  };
  try {
    return await answers(transport, forget);
  } finally {
    await transport.close();
  }
}

async function embeddedAnswers(): Promise<Answer[]> {
  const clock = new VirtualClock();
  const { transport } = createEmbeddedCluster({ clock, random: seededRandom(1), historyLimit: 1 });
  return answers(
    transport,
    () => Promise.resolve(),
    async (path) => {
      if (path.includes('watch=')) await clock.advance(1_000);
    },
  );
}

test('a page and a watch from a forgotten past end with 410, and the page can go on', async ({
  assets,
  skip,
}) => {
  if (assets.pinnedVersion === undefined) skip('other versions answer in other words');
  if (plane === undefined) throw new Error('no control plane');
  const [real, embedded] = [await realAnswers(plane), await embeddedAnswers()];
  expect(real.map(({ status }) => status)).toEqual([410, 200, 200]);
  expect(JSON.stringify(real.at(-1))).toContain('"type":"ERROR"');
  expect(embedded).toEqual(real);
});
