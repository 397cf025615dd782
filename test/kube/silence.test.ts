// When alerts came is noted on a real API server, under the rights of config/default and with nothing beyond them.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { SilenceRecord } from '../../src/detect/silence-record.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { sidekick } from '../unit/detect/recorded.ts';
import { RecordingLog } from '../unit/detect/support.ts';
import { call, connectionFor, tokenFor } from '../support/cluster-access.ts';
import { install, installedTest, refused } from '../support/installed-test.ts';
import { apply } from '../support/manifests.ts';

const AT = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
const MAPS = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/configmaps`;

/** `asReceiver`: a client with the credential of its ServiceAccount. */
const test = installedTest.extend('asReceiver', async ({ access, client }, { onCleanup }) => {
  await install(access, client, 'default');
  const token = await tokenFor(access, SYSTEM_NAMESPACE, 'receiver');
  const transport = createUndiciTransport(connectionFor(access, { token }));
  onCleanup(() => transport.close());
  return { token, client: createKubeClient({ transport, clock: systemClock, random: Math.random }) };
});

describe('a receiver', () => {
  test('notes alerts and test events, and nothing is refused', async ({ client, flow, world }) => {
    const data = async () => (await client.get<KubeObject & { data?: object }>(CONFIG_MAPS, AT)).data ?? {};
    const result = await flow('silence', 'default', async ({ receiver, anotherReceiver }) => {
      const victim = await world.victim(1);
      await receiver.post(world.alert(victim));
      await world.until('the alert is noted', async () =>
        'lastAlertTimestamp' in (await data()) ? true : undefined,
      );
      // Applied again, as GitOps does all the time.
      const before = await data();
      const other = await anotherReceiver((transport) => transport);
      expect(await other.post(sidekick('04-test-event').request?.body)).toMatchObject({ status: 202 });
      await world.until('the test event is noted', async () =>
        'lastTestTimestamp' in (await data()) ? true : undefined,
      );
      expect(await data()).toMatchObject(before);
      const metrics = await other.metrics();
      expect(metrics).toMatch(/^die_operator_last_alert_timestamp_seconds 1\d{9}/m);
    });
    expect(refused(result)).toEqual([]);
  });

  test('may read and change that ConfigMap and no other, and not remove it', async ({
    access,
    asReceiver,
  }) => {
    const may = async (method: string, path: string, body?: object) =>
      (await call(access, { method, path, as: { token: asReceiver.token }, ...(body && { body }) })).status;
    expect(await may('GET', `${MAPS}/${INTAKE_CONFIGMAP}`)).toBe(200);
    for (const name of ['die-operator', 'die-operator-ledger', 'kube-root-ca.crt'])
      expect(await may('GET', `${MAPS}/${name}`)).toBe(403);
    expect(await may('GET', MAPS)).toBe(403);
    expect(await may('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } })).toBe(
      403,
    );
    expect(await may('DELETE', `${MAPS}/${INTAKE_CONFIGMAP}`)).toBe(403);
    const elsewhere = `/api/v1/namespaces/default/configmaps/${INTAKE_CONFIGMAP}`;
    expect(await may('GET', elsewhere)).toBe(403);
  });

  test('that writes at the same time as others loses nothing of theirs', async ({ asReceiver, client }) => {
    const { metadata } = await client.get<KubeObject>(CONFIG_MAPS, AT);
    await client.jsonPatch(CONFIG_MAPS, AT, [
      { op: 'test', path: '/metadata/uid', value: metadata.uid },
      { op: 'add', path: '/data', value: { count: '0' } },
    ]);
    const records = [1, 2, 3].map(
      () => new SilenceRecord({ ...asReceiver, clock: systemClock, log: new RecordingLog() }),
    );
    const results = await Promise.all(
      records.map((record) => record.change((data) => ({ count: String(Number(data?.['count']) + 1) }))),
    );
    const written = results.filter((result) => result === 'Written').length;
    expect(written).toBeGreaterThan(0);
    expect((await client.get<KubeObject>(CONFIG_MAPS, AT))['data']).toEqual({ count: String(written) });
  });

  test('goes on without its ConfigMap, and what it says survives that config/default is applied again', async ({
    access,
    asReceiver,
    client,
  }) => {
    const log = new RecordingLog();
    const record = new SilenceRecord({ ...asReceiver, clock: systemClock, log });
    expect(await record.change(() => ({ lastAlertTimestamp: 'kept' }))).toBe('Written');
    await apply(access, 'default');
    expect(await record.read()).toBe(true);
    expect(record.data).toMatchObject({ lastAlertTimestamp: 'kept' });

    const { metadata } = await client.get<KubeObject>(CONFIG_MAPS, AT);
    await client.delete(CONFIG_MAPS, AT, metadata.uid);
    expect([await record.read(), await record.change(() => ({ lastAlertTimestamp: 'lost' }))]).toEqual([
      false,
      'Failed',
    ]);
    expect(record.trouble).toMatch(/^there is no ConfigMap die-operator-system\/die-operator-intake/);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
    await apply(access, 'default');
    expect(await record.change(() => ({ lastAlertTimestamp: 'anew' }))).toBe('Written');
  });
});
