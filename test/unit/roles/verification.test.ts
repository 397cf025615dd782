// What the condition `Verified` says while pods wait to be looked at, or lists to be read.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { DriftPolicy } from '../../../src/api/policy.ts';
import { APPROVED_IMAGES_CONFIGMAP } from '../../../src/api/names.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { createEmbeddedWorld, type EmbeddedWorld } from '../../support/flow-test.ts';
import { PINNED } from '../../support/world.ts';

const VERIFIES = {
  responses: [{ name: 'note', minSeverity: 'Notice', sources: ['Digest'], actions: ['Label'] }],
  verification: { interval: '1h' },
};

let embedded: EmbeddedWorld;
beforeEach(async () => {
  embedded = await createEmbeddedWorld(3);
});
afterEach(async () => {
  await embedded.world.close();
  embedded.cluster.stop();
});

async function verified() {
  const { client, namespace } = embedded.world;
  const { status } = await client.get<DriftPolicy>(DRIFT_POLICIES, { namespace, name: 'web' });
  return findCondition(status?.conditions, 'Verified');
}

test('is asked again soon while a list could not be read whole, whatever the interval', async () => {
  const { world, clock } = embedded;
  const listed = `registry.example/shop/web@sha256:${'2'.repeat(64)}`;
  const at = { namespace: world.namespace, name: APPROVED_IMAGES_CONFIGMAP };
  const data = { 'web.txt': `${listed}\nno image\n` };
  await world.client.create(CONFIG_MAPS, at, { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data });
  await world.deployment(1);
  await world.operator();
  await world.policy({ ...VERIFIES, approvedImagesFrom: 'ConfigMap' });
  await clock.advance(10_000);
  expect(await verified()).toMatchObject({ reason: 'ListUnreadable' });
  await world.client.jsonPatch(CONFIG_MAPS, at, [
    { op: 'replace', path: '/data', value: { 'web.txt': listed } },
  ]);
  await clock.advance(100_000);
  expect(await verified()).toMatchObject({ status: 'False', reason: 'Unapproved' });
  expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
});

/** Starts an operator that cannot read the pod of that name, and lets it look at the others. */
async function withUnreadable(name: string): Promise<{ mend: () => void }> {
  const { world, clock } = embedded;
  let broken = true;
  const wrap =
    (inner: Transport): Transport =>
    (request) => {
      const isMeant = request.method === 'GET' && request.path.endsWith(`/pods/${name}`);
      return broken && isMeant ? Promise.reject(new Error('no connection')) : inner(request);
    };
  await world.operator({}, wrap);
  await world.policy(VERIFIES);
  await clock.advance(10_000);
  return { mend: () => void (broken = false) };
}

test('is not true before all pods of the policy were looked at', async () => {
  const { world, clock } = embedded;
  const pod = await world.victim(3);
  const { mend } = await withUnreadable(pod.metadata.name);
  expect(await verified()).toMatchObject({
    status: 'Unknown',
    reason: 'Verifying',
    message: '1 of 3 pods not looked at yet',
  });
  mend();
  await clock.advance(60_000);
  expect(await verified()).toMatchObject({
    status: 'True',
    message: 'the images of 3 containers of 3 pods are approved',
  });
});

test('is true once the pod that waited is gone', async () => {
  const { world, clock } = embedded;
  await world.deployment(2);
  const metadata = { name: 'solo', namespace: world.namespace, labels: { app: 'web' } };
  const spec = { containers: [{ name: 'web', image: PINNED }] };
  const solo = await world.client.create(PODS, metadata, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await clock.advance(5_000);
  await withUnreadable('solo');
  expect(await verified()).toMatchObject({ reason: 'Verifying' });
  await world.client.delete(PODS, metadata, solo.metadata.uid);
  await clock.advance(60_000);
  expect(await verified()).toMatchObject({ status: 'True' });
});
