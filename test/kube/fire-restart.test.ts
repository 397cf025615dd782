// An API server that crashes, or comes back with a certificate of another authority. It is one of its own, since other
// suites use theirs meanwhile. Each test names the row of the table in docs/decisions/0001 that it answers.
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished } from 'vitest';
import { systemClock } from '../../src/kube/clock.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { isGone } from '../../src/kube/errors.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { startControlPlane, type ControlPlane } from '../support/api-server.ts';
import { call, connectionFor } from '../support/cluster-access.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { configMaps, countOf, LIST, openFire } from '../support/fire-test.ts';
import { createPodMount, createReader } from '../support/pod-mount.ts';
import { eventually, realApiTest } from '../support/real-api-test.ts';
import { Authority } from '../unit/kube/support/certificates.ts';

const NAMESPACE = 'default';
/** Five times as fast, so that the waits of the client after failures are no waits of the tests. */
const HURRY = { everyMs: 100, byMs: 400 };
const COLLECTION = `/api/v1/namespaces/${NAMESPACE}/configmaps`;

let shared: ControlPlane | undefined;

beforeAll(async () => {
  const api = inject('realApi');
  // Without controllers nobody else writes, and the start is quicker.
  if ('assets' in api)
    shared = await startControlPlane({ etcd: api.assets.etcd, apiServer: api.assets.apiServer });
});
afterAll(() => shared?.stop());

/** `assets` skips the test where there are none. */
const test = realApiTest
  .extend('plane', ({ assets }): ControlPlane => {
    if (shared === undefined) throw new Error(`no control plane from ${assets.apiServer}`);
    return shared;
  })
  .extend('maps', ({ plane }, { onCleanup }) => {
    const transport = createUndiciTransport(connectionFor(plane.access, plane.access.admin));
    onCleanup(() => transport.close());
    const client = createKubeClient({ transport, clock: systemClock, random: Math.random });
    return configMaps(client, NAMESPACE);
  });

/** Fire for one test; it ends with the test. */
async function openFor(
  plane: ControlPlane,
  connect: (proxy: FaultProxy) => Connection | Promise<Connection>,
) {
  const { fire, close } = await openFire(plane.access, (_, proxy) => connect(proxy));
  const hurrying = setInterval(() => fire.clock.jump(HURRY.byMs), HURRY.everyMs);
  onTestFinished(() => {
    clearInterval(hurrying);
    return close();
  });
  return fire;
}

/** Has etcd forget all versions but the newest, as an API server asks of it every five minutes. */
async function compact({ access, etcd }: ControlPlane): Promise<void> {
  const { body } = await call(access, { path: COLLECTION });
  const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata;
  const request = { method: 'POST', body: JSON.stringify({ revision: resourceVersion, physical: true }) };
  const answer = await fetch(`${etcd}/v3/kv/compaction`, request);
  expect(answer.status).toBe(200);
}

describe('an API server', () => {
  // Row "500 on reconnect": a restart of the API server ends every operator.
  test('that is killed and comes back is watched again, and what was deleted meanwhile is found', async ({
    plane,
    maps,
  }) => {
    const { access } = plane;
    const fire = await openFor(plane, ({ server }) => connectionFor({ ...access, server }, access.admin));
    await maps.create('a');
    await maps.create('b');
    const { changes, told } = await fire.cacheOf(NAMESPACE);
    fire.proxy.silence();
    await maps.remove('b');
    await maps.create('c');
    expect(changes).toEqual([]);
    await plane.restartApiServer();
    await told('delete b', 'set c');
    await maps.change('a', 'new');
    await told('set a');
    expect(fire.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  // Rows "in-stream ERROR 410" (ignored) and "no paging" (a continue token that expired).
  test('whose old versions were compacted says so in the stream, and everything is listed again', async ({
    plane,
    maps,
  }) => {
    const { access } = plane;
    const fire = await openFor(plane, ({ server }) => connectionFor({ ...access, server }, access.admin));
    await maps.create('e');
    await maps.create('f');
    const { told } = await fire.cacheOf(NAMESPACE);
    const { metadata } = await fire.client.list(CONFIG_MAPS, { namespace: NAMESPACE, limit: 1 });
    const listed = countOf(fire.requests, LIST);
    fire.proxy.silence();
    await maps.remove('e');
    await maps.create('g');
    await compact(plane);
    await plane.restartApiServer();
    await told('delete e', 'set g');
    expect(countOf(fire.requests, LIST)).toBeGreaterThan(listed);
    const old = `resourceVersion=${metadata.resourceVersion}`;
    const answer = await call(access, { path: `${COLLECTION}?watch=1&timeoutSeconds=1&${old}` });
    const refusal = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };
    expect(answer).toMatchObject({ status: 200, body: refusal });
    const next = { namespace: NAMESPACE, limit: 1, continue: metadata.continue ?? '' };
    await expect(fire.client.list(CONFIG_MAPS, next)).rejects.toSatisfy(isGone);
  });

  // client-node, point 1: a pool must be made anew when the file of the CA changes.
  test('with a certificate of a new authority is refused until the pod has that authority, and then watched', async ({
    plane,
    maps,
  }) => {
    const { access } = plane;
    const [root, next] = [await mkdtemp(join(tmpdir(), 'pod-')), await Authority.create('next-ca')];
    onTestFinished(async () => void (await Promise.all([rm(root, { recursive: true }), next.remove()])));
    const { token } = await createReader(access, NAMESPACE, 'pod');
    const authority = await readFile(access.authority, 'utf8');
    const mount = await createPodMount(root, { token, authority, namespace: NAMESPACE });
    const fire = await openFor(plane, ({ port }) => mount.connect(port));
    const { changes, told } = await fire.cacheOf(NAMESPACE);

    const serving = await next.issue('kube-apiserver', 'IP:127.0.0.1');
    await writeFile(join(access.folder, 'kube-apiserver.crt'), serving.cert);
    await writeFile(join(access.folder, 'kube-apiserver.key'), serving.key);
    await appendFile(access.authority, await next.ca());
    await plane.restartApiServer();
    await maps.create('d');
    const errors = async () => fire.log.filter(({ level }) => level === 'warn').map(({ error }) => error);
    const why = 'cannot watch ConfigMap in default: unable to verify the first certificate';
    await eventually('a person is told', errors, (all) => all.some((error) => error?.startsWith(why)));
    expect(changes).toEqual([]);

    await mount.writeAuthority(await next.ca());
    await told('set d');
  });
});
