// What is looked for in a whole cluster, and what a run over it comes to: helper pods, entries of pods that are gone, our own
// namespace, namespaces of others.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  CAPTURE_NAMESPACE,
  HELPER_LABEL,
  QUARANTINE_LABEL,
  QUARANTINE_LIST,
  QUARANTINE_POLICY,
  SYSTEM_NAMESPACE,
} from '../../../src/api/names.ts';
import { clear } from '../../../src/commands/uninstall/clear.ts';
import { readFound } from '../../../src/commands/uninstall/read.ts';
import { remainsOf, type Remain } from '../../../src/commands/uninstall/remains.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import {
  apiVersionOf,
  CONFIG_MAPS,
  DRIFT_INCIDENTS,
  LEASES,
  NAMESPACES,
  NETWORK_POLICIES,
  PODS,
  type Resource,
} from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { ensureDenyPolicy } from '../../../src/respond/deny-policy.ts';
import { listQuarantined } from '../../../src/respond/quarantine-list.ts';
import { createEmbeddedWorld } from '../../support/flow-test.ts';
import type { World } from '../../support/world.ts';

const SPEC = { containers: [{ name: 'x', image: 'registry.example/x:1' }] };
const EVERYTHING = { leaseName: 'die-operator-responder' };

let world: World;
let client: KubeClient;

beforeEach(async () => {
  const made = await createEmbeddedWorld();
  onTestFinished(async () => {
    await made.world.close();
    made.cluster.stop();
  });
  ({ world } = made);
  ({ client } = world);
  for (const name of [CAPTURE_NAMESPACE, 'bank'])
    await client.create(NAMESPACES, {}, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await world.parts.tick();
});

function make(resource: Resource, namespace: string, body: { metadata: object; [part: string]: unknown }) {
  const full = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body };
  return client.create<KubeObject>(resource, { namespace }, full);
}

const helperPod = () =>
  make(PODS, CAPTURE_NAMESPACE, {
    metadata: { name: 'canary', labels: { [HELPER_LABEL]: 'canary', [QUARANTINE_LABEL]: 'true' } },
    spec: SPEC,
  });

async function left(scope: { namespace?: string } = {}): Promise<string[]> {
  const remains = remainsOf(await readFound(client, { ...EVERYTHING, ...scope }), new Set(['kube-system']));
  return remains.map(({ kind, namespace, name, by }: Remain) => `${kind} ${namespace}/${name} ${by}`);
}

async function cleared(): Promise<string[]> {
  const found = await readFound(client, EVERYTHING);
  const stopping = new AbortController().signal;
  const context = { client, clock: world.parts.clock, log: silentLogger, stopping, by: 'ann' };
  let acts: string[] | undefined;
  void Array.fromAsync(clear(context, found, new Set(['kube-system']))).then(
    (all) => (acts = all.map(({ kind, namespace, name, done }) => `${kind} ${namespace}/${name} ${done}`)),
  );
  return world.until('the run ends', async () => acts);
}

/** The same cluster, which answers with that status when incidents are listed. */
function refusing(status: number): KubeClient {
  const whole = client;
  const get: KubeClient['get'] = (...args) => whole.get(...args);
  const list: KubeClient['list'] = async (resource, ...rest) => {
    if (resource === DRIFT_INCIDENTS) throw new KubeError('not listed', { status, reason: 'Any' });
    return whole.list(resource, ...rest);
  };
  return { get, list } as KubeClient;
}

describe('a whole cluster', () => {
  test('is looked at for what was left behind, and cleared of it', async () => {
    await helperPod();
    await ensureDenyPolicy(client, CAPTURE_NAMESPACE);
    await ensureDenyPolicy(client, 'bank');
    await listQuarantined(client, { namespace: 'bank', name: 'gone', uid: 'uid-1' }, 'Held');
    await make(LEASES, SYSTEM_NAMESPACE, { metadata: { name: EVERYTHING.leaseName }, spec: {} });
    await make(CONFIG_MAPS, SYSTEM_NAMESPACE, { metadata: { name: 'die-operator' } });
    const config = [
      `ConfigMap ${SYSTEM_NAMESPACE}/die-operator Config`,
      `ConfigMap ${SYSTEM_NAMESPACE}/die-operator-quarantined-pods Config`,
      `Lease ${SYSTEM_NAMESPACE}/die-operator-responder Config`,
    ];
    expect(await left()).toEqual([
      `HelperPod ${CAPTURE_NAMESPACE}/canary Clear`,
      `NetworkPolicy bank/${QUARANTINE_POLICY} Clear`,
      `NetworkPolicy ${CAPTURE_NAMESPACE}/${QUARANTINE_POLICY} Clear`,
      `ConfigMap bank/${QUARANTINE_LIST} Clear`,
      'ListEntry bank/gone Clear',
      ...config,
    ]);
    expect(await left({ namespace: 'bank' })).toEqual([
      `NetworkPolicy bank/${QUARANTINE_POLICY} Clear`,
      `ConfigMap bank/${QUARANTINE_LIST} Clear`,
      'ListEntry bank/gone Clear',
    ]);
    expect(await left({ namespace: 'shop' })).toEqual([]);

    const acts = await cleared();
    expect(acts.every((act) => act.endsWith(' true'))).toBe(true);
    await world.until('the helper pod has ended', async () => (await left()).length === 3 || undefined);
    expect(await left()).toEqual(config);
    expect(await cleared()).toEqual([]);
  });

  test('has objects of others by our names, which are left alone and not listed', async () => {
    await make(NETWORK_POLICIES, 'bank', {
      metadata: { name: QUARANTINE_POLICY },
      spec: { podSelector: {} },
    });
    await make(CONFIG_MAPS, 'bank', { metadata: { name: QUARANTINE_LIST }, data: { a: 'b' } });
    expect(await left()).toEqual([]);
  });

  test('without our definitions has no incidents, and its strays are listed', async () => {
    await make(PODS, 'bank', { metadata: { name: 'a', labels: { [QUARANTINE_LABEL]: 'true' } }, spec: SPEC });
    client = refusing(404);
    expect(await left()).toEqual(['Pod bank/a Person']);
  });

  test('that cannot be read whole is not taken for empty', async () => {
    client = refusing(403);
    await expect(left()).rejects.toThrow('not listed');
  });
});

test('a policy and a list stay where a pod was quarantined after they were looked at', async () => {
  await ensureDenyPolicy(client, 'bank');
  await listQuarantined(client, { namespace: 'bank', name: 'a', uid: 'uid-1' }, 'Held');
  const found = await readFound(client, EVERYTHING);
  await make(PODS, 'bank', { metadata: { name: 'a', labels: { [QUARANTINE_LABEL]: 'true' } }, spec: SPEC });
  const stopping = new AbortController().signal;
  const context = { client, clock: world.parts.clock, log: silentLogger, stopping, by: 'ann' };
  const acts = await Array.fromAsync(clear(context, found, new Set()));
  expect(acts).toMatchObject([
    { kind: 'NetworkPolicy', done: false, message: 'stays: pod a is quarantined' },
    { kind: 'ConfigMap', done: false, message: 'stays: pod a is quarantined' },
    { kind: 'ListEntry', done: true },
  ]);
});
