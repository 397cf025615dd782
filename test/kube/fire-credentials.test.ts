// A pod's token that is no longer accepted: the operator goes on as soon as the kubelet has written another one.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { call } from '../support/cluster-access.ts';
import { configMaps, countOf, fireTest as test, LIST, openFire } from '../support/fire-test.ts';
import { createPodMount, createReader } from '../support/pod-mount.ts';
import { eventually } from '../support/real-api-test.ts';

/** client-node reads the file again when what it read is older than a minute, as client-go does. */
const TOKEN_READ_MS = 61_000;

describe('a token', () => {
  // client-node, point 3: an informer stops for good at every error but 410 and timeouts.
  test('that was revoked is replaced by the one that is in the file then, and the watch goes on', async ({
    access,
    client,
    namespace,
  }) => {
    const [before, after] = [
      await createReader(access, namespace, 'before'),
      await createReader(access, namespace, 'after'),
    ];
    const root = await mkdtemp(join(tmpdir(), 'pod-'));
    const authority = await readFile(access.authority, 'utf8');
    const mount = await createPodMount(root, { token: `${before.token}\n`, authority, namespace });
    const { fire, close } = await openFire(access, (_, { port }) => mount.connect(port));
    onTestFinished(async () => {
      vi.useRealTimers();
      await close();
      await rm(root, { recursive: true });
    });
    const { told } = await fire.cacheOf(namespace);
    await client.delete(SERVICE_ACCOUNTS, { namespace, name: 'before' }, before.uid);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const statusOf = async () => (await call(access, { path, as: { token: before.token } })).status;
    await eventually('the server refuses the token', statusOf, (status) => status === 401);
    fire.proxy.cut('RST');
    const messages = async () => fire.log.map(({ message }) => message);
    const unseen = 'the API server does not accept our credentials, so configmaps are not seen';
    await eventually('a person is told', messages, (all) => all.includes(unseen));
    await mount.writeToken(`${after.token}\n`);
    await configMaps(client, namespace).create('a');
    vi.setSystemTime(Date.now() + TOKEN_READ_MS);
    fire.clock.jump(30_000);
    await told('set a');
    expect(countOf(fire.requests, LIST)).toBe(1);
  });
});
