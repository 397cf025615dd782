// Running pods are verified against what was approved: from what they run to the incident and the condition of the policy.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { APPROVED_IMAGES_CONFIGMAP } from '../../src/api/names.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { VERIFICATION_RULES } from '../../src/detect/verification.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { approveImages as approve } from '../support/approved-images.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { DIGEST, IMAGE, isReady, PINNED, REPOSITORY, type World } from '../support/world.ts';

const OTHER = `sha256:${'2'.repeat(64)}`;
const VERIFIES = {
  responses: [
    { name: 'note', minSeverity: 'Notice', sources: ['Digest', 'Configuration'], actions: ['Label'] },
  ],
  // Longer than any test waits: what is found is found as it changes.
  verification: { interval: '1h' },
};

/** Waits until the condition `Verified` of the policy has that reason, and says that. */
async function verified(world: World, reason: string, says = '') {
  return world.until(`Verified ${reason} ${says}`, async () => {
    const { status } = await world.client.get<DriftPolicy>(DRIFT_POLICIES, {
      namespace: world.namespace,
      name: 'web',
    });
    const condition = findCondition(status?.conditions, 'Verified');
    return condition?.reason === reason && condition.message.includes(says) ? condition : undefined;
  });
}

const detectionOf = ({ spec }: DriftIncident) => spec.trigger.detection;

async function scale(world: World, replicas: number): Promise<void> {
  const at = { namespace: world.namespace, name: 'web' };
  await world.client.jsonPatch(DEPLOYMENTS, at, [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
}

const GUEST = 'web-guest';

/** A Ready pod of nobody, which a controller that adopts it does not take for the one too many. */
async function createGuest(world: World): Promise<void> {
  const { namespace } = world;
  const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '100' };
  const spec = {
    containers: [
      { name: 'web', image: PINNED },
      { name: 'miner', image: PINNED, securityContext: { privileged: true } },
    ],
  };
  const metadata = { name: GUEST, annotations };
  await world.client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await world.until('the guest is Ready', async () => {
    const guest = await world.pod(GUEST);
    return guest && isReady(guest) ? guest : undefined;
  });
}

/** Has the guest adopted by the controller of that pod. */
async function adopt({ client, namespace }: World, { metadata: { labels } }: KubeObject): Promise<void> {
  await client.jsonPatch(PODS, { namespace, name: GUEST }, [
    { op: 'add', path: '/metadata/labels', value: labels },
  ]);
}

describe('the images of running pods', () => {
  test('that are pinned and run so are approved, and the policy says how many', async ({ world }) => {
    await world.deployment(3);
    await world.operator();
    await world.policy(VERIFIES);
    // What it says first is what it says of all of them.
    expect(await verified(world, 'Verified')).toMatchObject({
      status: 'True',
      message: 'the images of 3 containers of 3 pods are approved',
    });
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  });

  test('that a tag names are warned of, and nothing is done to their pods', async ({ world }) => {
    await world.deployment(2, IMAGE);
    await world.operator();
    await world.policy(VERIFIES);
    expect((await verified(world, 'MutableTag', '2 MutableTag')).status).toBe('Unknown');
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  });

  test('of which one differs after its tag was moved are told apart without any registry', async ({
    world,
  }) => {
    await world.deployment(3, IMAGE);
    await world.operator();
    await world.policy(VERIFIES);
    await verified(world, 'MutableTag');
    world.parts.images.set(IMAGE, OTHER);
    await scale(world, 4);
    const incident = await world.incident('about the outlier', () => true);
    const { source, rule, severity, confidence, message } = detectionOf(incident);
    expect({ source, rule, severity, confidence }).toEqual({
      source: 'Digest',
      rule: VERIFICATION_RULES.image,
      severity: 'Error',
      confidence: 'Medium',
    });
    expect(message).toContain(OTHER);
    expect(message).toContain(DIGEST);
    expect(incident.spec.target.containers[0]?.imageID).toContain(OTHER);
    await verified(
      world,
      'Unapproved',
      `${world.namespace}/${incident.spec.target.name}: container web runs ${OTHER}`,
    );
    // It is looked at again and again, and is still one incident with one detection.
    await world.until('labelled', async () => {
      const [one] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
      return one?.status?.steps?.some(({ name, state }) => name === 'Label' && state === 'Succeeded');
    });
    expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
  });

  test('are judged by a list in a ConfigMap, also after it has changed', async ({ world }) => {
    await world.deployment(1, IMAGE);
    await approve(world, DIGEST);
    await world.operator();
    await world.policy({ ...VERIFIES, approvedImagesFrom: 'ConfigMap' });
    await verified(world, 'Verified');
    await approve(world, OTHER);
    const incident = await world.incident('about the image', () => true);
    expect(detectionOf(incident).message).toContain('not on the list of approved images of DriftPolicy web');
    expect(detectionOf(incident).severity).toBe('Error');
  });

  test('that a pipeline lists and rolls out at once are not refused by what was read before', async ({
    world,
  }) => {
    await world.deployment(1, IMAGE);
    await approve(world, DIGEST);
    await world.operator();
    await world.policy({ ...VERIFIES, approvedImagesFrom: 'ConfigMap' });
    await verified(world, 'Verified');
    // What runs until the rollout is over stays on the list.
    await approve(world, DIGEST, OTHER);
    const image = `${REPOSITORY}:9@${OTHER}`;
    world.parts.images.set(image, OTHER);
    const at = { namespace: world.namespace, name: 'web' };
    const path = '/spec/template/spec/containers/0/image';
    await world.client.jsonPatch(DEPLOYMENTS, at, [{ op: 'replace', path, value: image }]);
    const isNew = (pod: KubeObject) => JSON.stringify(pod['status']).includes(OTHER);
    await world.until('the new pod alone', async () => {
      const pods = await world.list(PODS);
      return (pods.length === 1 && pods.every(isNew)) || undefined;
    });
    await verified(world, 'Verified', 'of 1 pod ');
    expect(await world.list(DRIFT_INCIDENTS)).toEqual([]);
  });

  test('are not known to be approved while the list is missing', async ({ world }) => {
    await world.deployment(1);
    await world.operator();
    await world.policy({ ...VERIFIES, approvedImagesFrom: 'ConfigMap' });
    const says = `there is no ConfigMap ${APPROVED_IMAGES_CONFIGMAP} in ${world.namespace}`;
    const { status } = await verified(world, 'ListUnreadable', says);
    expect(status).toBe('Unknown');
  });
});

describe('the configuration of running pods', () => {
  test('that was changed in place opens one incident, which says what was approved and what runs', async ({
    world,
  }) => {
    const victim = await world.victim(2);
    await world.operator();
    await world.policy(VERIFIES);
    await verified(world, 'Verified');
    const image = `${REPOSITORY}:9@${OTHER}`;
    world.parts.images.set(image, OTHER);
    const at = { namespace: world.namespace, name: victim.metadata.name };
    await world.client.jsonPatch(PODS, at, [
      { op: 'replace', path: '/spec/containers/0/image', value: image },
    ]);
    const incident = await world.incident('about the change', () => true);
    const { source, rule, severity, message } = detectionOf(incident);
    expect({ source, rule, severity }).toEqual({
      source: 'Configuration',
      rule: VERIFICATION_RULES.changed,
      severity: 'Error',
    });
    expect(message).toContain(PINNED);
    expect(message).toContain(image);
    // Only the registry could tell whether the two digests are one image; that somebody asked for another one is known.
    const condition = await verified(world, 'ConfigurationDrift');
    expect(condition.status).toBe('False');
  });

  test('that somebody took from its controller and then changed', async ({ world }) => {
    const victim = await world.victim(2);
    await world.operator();
    await world.policy(VERIFIES);
    await verified(world, 'Verified');
    const at = { namespace: world.namespace, name: victim.metadata.name };
    const op = 'remove' as const;
    await world.client.jsonPatch(PODS, at, [{ op, path: '/metadata/labels/pod-template-hash' }]);
    const gone = await world.incident('about the pod', () => true);
    expect(detectionOf(gone)).toMatchObject({
      source: 'Configuration',
      rule: VERIFICATION_RULES.configuration,
      message: expect.stringContaining('has no controller any more'),
    });
    const image = `${REPOSITORY}:9@${OTHER}`;
    world.parts.images.set(image, OTHER);
    await world.client.jsonPatch(PODS, at, [
      { op: 'replace', path: '/spec/containers/0/image', value: image },
    ]);
    await world.incident('with the change', ({ status }) =>
      Object.values(status?.reports ?? {}).some(({ detections }) =>
        detections.some(({ rule }) => rule === VERIFICATION_RULES.changed),
      ),
    );
  });

  test('with a container that its template has not', async ({ world }) => {
    const [pod] = await world.deployment(2);
    await world.operator();
    await world.policy(VERIFIES);
    await verified(world, 'Verified');
    await createGuest(world);
    await adopt(world, pod as KubeObject);
    const incident = await world.incident('about the guest', ({ spec: { target } }) => target.name === GUEST);
    expect(detectionOf(incident)).toMatchObject({
      source: 'Configuration',
      rule: VERIFICATION_RULES.container,
      severity: 'Critical',
    });
    expect(detectionOf(incident).message).toContain('miner');
  });
});
