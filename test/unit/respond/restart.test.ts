// Keep and Restart against an API server: what is kept, what is asked, and what is never touched.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, RestartStatus } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { RESTARTED_FOR_ANNOTATION } from '../../../src/api/names.ts';
import { classify } from '../../../src/controller/errors.ts';
import { statusError } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { CONTROLLER_REVISIONS, PODS } from '../../../src/kube/resources.ts';
import { canRestart, keepManifest, makeAnew } from '../../../src/respond/restart.ts';
import { anIncident, DIGEST, T0 } from '../../support/builders.ts';
import { at, createLab, newPod, seededRandom, type Lab } from '../embedded/harness.ts';

const NAME = 'web-1';
const IMAGE = 'registry.example/shop/web:1';
const PINNED = `${IMAGE}@${DIGEST}`;

interface Scene {
  lab: Lab;
  client: KubeClient;
  pod: KubeObject;
  incident: DriftIncident;
  /** Keeps the manifest, and the record says so. */
  kept: () => Promise<DriftIncident>;
}

async function scene(): Promise<Scene> {
  const lab = createLab();
  lab.cluster.images.set(IMAGE, DIGEST);
  lab.cluster.start();
  await lab.call('POST', at('pods'), newPod(NAME, { spec: { containers: [{ name: 'web', image: IMAGE }] } }));
  await lab.clock.advance(5_000);
  const pod = lab.pod(NAME);
  if (!pod) throw new Error('there is no pod');
  const { transport } = lab.cluster;
  const client = createKubeClient({ transport, clock: lab.clock, random: seededRandom(1) });
  const { workload: _workload, ownerReferences: _owners, ...target } = anIncident().spec.target;
  const containers = [{ name: 'web', image: IMAGE, imageID: `registry.example/shop/web@${DIGEST}` }];
  const incident = anIncident({ spec: { target: { ...target, uid: pod.metadata.uid, containers } } });
  const kept = async () =>
    withRestart(incident, { manifest: { ...(await keepManifest({ client }, incident, pod)), keptAt: T0 } });
  return { lab, client, pod, incident, kept };
}

function withRestart(incident: DriftIncident, restart: RestartStatus): DriftIncident {
  return { ...incident, status: { ...incident.status, restart } };
}

async function remove({ client, lab, pod }: Scene): Promise<void> {
  await client.delete(PODS, { namespace: 'shop', name: NAME }, pod.metadata.uid, { gracePeriodSeconds: 1 });
  await lab.clock.advance(10_000);
}

async function reasonOf(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'done',
    (error: unknown) => classify(error).reason,
  );
}

const imagesOf = (pod: KubeObject | undefined) =>
  (pod?.['spec'] as { containers: { image: string }[] } | undefined)?.containers.map(({ image }) => image);

describe('Keep', () => {
  test('keeps the manifest in one object, however often it is done, that goes with the incident', async () => {
    const { client, incident, pod, kept } = await scene();
    const first = (await kept()).status?.restart?.manifest;
    expect(await keepManifest({ client }, incident, pod)).toEqual({ ...first, keptAt: undefined });
    const { items } = await client.list<KubeObject>(CONTROLLER_REVISIONS, { namespace: 'shop' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual([first?.revision]);
    expect(items[0]?.metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: 'DriftIncident', uid: incident.metadata.uid }),
    ]);
  });

  test('does not take what somebody else put there', async () => {
    const { client, incident, pod, kept } = await scene();
    const { revision = '', uid = '' } = (await kept()).status?.restart?.manifest ?? {};
    await client.delete(CONTROLLER_REVISIONS, { namespace: 'shop', name: revision }, uid);
    const planted = { metadata: { name: revision, namespace: 'shop' }, data: { evil: true }, revision: 1 };
    await client.create(CONTROLLER_REVISIONS, { namespace: 'shop' }, planted);
    expect(await reasonOf(keepManifest({ client }, incident, pod))).toBe('ManifestChanged');
  });

  test.each([
    ['pods "x" is forbidden: violates PodSecurity "restricted"', 403, 'RestartRefused'],
    ['admission webhook "w" denied the request', 400, 'RestartRefused'],
    ['Pod "x" is invalid: spec: no', 422, 'RestartRefused'],
    ['exceeded quota: q, requested: pods=1, used: pods=6, limited: pods=5', 403, 'RestartRefused'],
    ['exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5', 403, 'done'],
    [
      'pods is forbidden: User "r" cannot create resource "pods" in API group "" in the namespace "shop"',
      403,
      'MissingPermission',
    ],
  ])('asks before whether the copy would be taken: %s', async (message, status, reason) => {
    const { client, incident, pod } = await scene();
    const refusing = {
      ...client,
      get: client.get.bind(client),
      create: (async (resource, path, body, options) => {
        if (options?.dryRun !== true) return client.create(resource, path, body, options);
        throw statusError('create Pod', { status, body: { kind: 'Status', message, reason: 'Forbidden' } });
      }) as KubeClient['create'],
    };
    expect(await reasonOf(keepManifest({ client: refusing }, incident, pod))).toBe(reason);
    const { items } = await client.list(CONTROLLER_REVISIONS, { namespace: 'shop' });
    expect(items).toHaveLength(reason === 'done' ? 1 : 0);
  });
});

describe('a pod can be made anew', () => {
  test('as long as what was kept is there, unchanged', async () => {
    const { client, incident, kept } = await scene();
    expect(await canRestart({ client }, incident)).toBe(false);
    const record = await kept();
    expect(await canRestart({ client }, record)).toBe(true);
    const { manifest } = record.status?.restart ?? {};
    if (!manifest) throw new Error('nothing was kept');
    const other = withRestart(record, { manifest: { ...manifest, sha256: '0'.repeat(64) } });
    expect(await canRestart({ client }, other)).toBe(false);
    await client.delete(CONTROLLER_REVISIONS, { namespace: 'shop', name: manifest.revision }, manifest.uid);
    expect(await canRestart({ client }, record)).toBe(false);
  });
});

describe('Restart', () => {
  test('makes the pod anew once, pinned, and finds it the second time', async () => {
    const one = await scene();
    const record = await one.kept();
    await remove(one);
    const made = await makeAnew(one, record);
    expect(await makeAnew(one, record)).toEqual(made);
    const pod = one.lab.pod(NAME);
    expect(pod?.metadata.uid).toBe(made.uid);
    expect(imagesOf(pod)).toEqual([PINNED]);
    expect(pod?.metadata.annotations?.[RESTARTED_FOR_ANNOTATION]).toBe(record.metadata.uid);
  });

  test.each([{}, { [RESTARTED_FOR_ANNOTATION]: 'another-incident' }])(
    'never touches another pod of that name, with annotations %j',
    async (annotations) => {
      const one = await scene();
      const record = await one.kept();
      await remove(one);
      await one.lab.call('POST', at('pods'), newPod(NAME, { metadata: { annotations } }));
      const before = one.lab.pod(NAME);
      expect(await reasonOf(makeAnew(one, record))).toBe('NameTaken');
      expect(one.lab.pod(NAME)?.metadata.uid).toBe(before?.metadata.uid);
    },
  );

  test('does not take a pod for its own that only says so', async () => {
    const one = await scene();
    const record = await one.kept();
    await remove(one);
    const metadata = { annotations: { [RESTARTED_FOR_ANNOTATION]: record.metadata.uid } };
    const containers = [{ name: 'web', image: PINNED, command: ['sh', '-c', 'something else'] }];
    await one.lab.call('POST', at('pods'), newPod(NAME, { metadata, spec: { containers } }));
    expect(await reasonOf(makeAnew(one, record))).toBe('NameTaken');
  });

  test('makes nothing of a manifest that is gone, or is another one', async () => {
    const one = await scene();
    const record = await one.kept();
    const { manifest } = record.status?.restart ?? {};
    if (!manifest) throw new Error('nothing was kept');
    await remove(one);
    for (const change of [{ sha256: '0'.repeat(64) }, { uid: 'another' }])
      expect(
        await reasonOf(makeAnew(one, withRestart(record, { manifest: { ...manifest, ...change } }))),
      ).toBe('ManifestChanged');
    const gone = withRestart(record, { manifest: { ...manifest, revision: 'gone' } });
    expect(await reasonOf(makeAnew(one, gone))).toBe('ManifestGone');
    expect(one.lab.pod(NAME)).toBeUndefined();
  });
});
