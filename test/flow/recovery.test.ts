// The proof of recovery: what took the place of a pod has to stay Ready, clean and quiet, and is one incident's only.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { approveImages } from '../support/approved-images.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { DIGEST, IMAGE, isReady, type World } from '../support/world.ts';

const OTHER = `sha256:${'e'.repeat(64)}`;

/** An eviction policy with these demands on the replacement. */
const demands = (replacement: object) => ({ eviction: { replacement } });

const endOf = (world: World) => world.incident('that is over', isFinal);
const isQuiet = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Ready')?.reason === 'Quiet';

/** The only other pod that is Ready and that the incident names. */
async function replacementOf(world: World, { status }: DriftIncident): Promise<KubeObject> {
  const pod = (await world.list(PODS)).find(({ metadata }) => metadata.uid === status?.replacement?.uid);
  if (!pod) throw new Error('the replacement is not there');
  return pod;
}

async function scale(world: World, replicas: number): Promise<void> {
  const at = { namespace: world.namespace, name: 'web' };
  await world.client.jsonPatch(DEPLOYMENTS, at, [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
}

function verifiedOf({ status }: DriftIncident): object | undefined {
  return findCondition(status?.conditions, 'ReplacementVerified');
}

describe('a replacement', () => {
  test('counts once it was quiet for as long as the policy says', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(demands({ quietFor: '2s' }));
    await operator.post(world.alert(victim));
    const quiet = await world.incident('that is quiet', isQuiet);
    expect(quiet.status?.phase).toBe('Verifying');
    expect(verifiedOf(quiet)).toMatchObject({ status: 'Unknown', reason: 'Quiet' });
    const { readyAt = '', quietUntil = '' } = quiet.status?.replacement ?? {};
    expect(Date.parse(quietUntil) - Date.parse(readyAt)).toBe(2_000);
    const end = await endOf(world);
    expect(world.parts.clock.now()).toBeGreaterThanOrEqual(Date.parse(quietUntil));
    expect(end.status).toMatchObject({
      phase: 'Resolved',
      replacement: { uid: quiet.status?.replacement?.uid },
    });
    expect(verifiedOf(end)).toMatchObject({ status: 'True', reason: 'Pinned' });
  });

  test('is watched on by the next responder', async ({ world }) => {
    const victim = await world.victim(3);
    const first = await world.operator();
    await world.policy(demands({ quietFor: '3s' }));
    await first.post(world.alert(victim));
    const quiet = await world.incident('that is quiet', isQuiet);
    await first.stop();
    await world.operator();
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Resolved');
    expect(end.status?.replacement).toEqual(quiet.status?.replacement);
  });

  test('that is started again when its time is over fails the incident', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(demands({ readyWithin: '4s', quietFor: '1h' }));
    await operator.post(world.alert(victim));
    const quiet = await world.incident('that is quiet', isQuiet);
    const over = Date.parse(quiet.status?.eviction?.goneAt ?? '') + 4_000;
    await world.until('its time is over', async () => (world.parts.clock.now() > over ? true : undefined));
    const { metadata } = await replacementOf(world, quiet);
    await world.client.jsonPatch(
      PODS,
      { namespace: world.namespace, name: metadata.name, subresource: 'status' },
      [{ op: 'replace', path: '/status/containerStatuses/0/restartCount', value: 2 }],
    );
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Failed');
    expect(verifiedOf(end)).toMatchObject({ status: 'False', reason: 'CrashLooping' });
  });

  test('that drifts while it is watched fails the incident, and the next eviction asks', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(demands({ quietFor: '1h' }));
    await operator.post(world.alert(victim));
    const quiet = await world.incident('that is quiet', isQuiet);
    const again = await replacementOf(world, quiet);
    await operator.post(world.alert(again));
    const end = await endOf(world);
    expect(end.spec.target.uid).toBe(victim.metadata.uid);
    expect(verifiedOf(end)).toMatchObject({ status: 'False', reason: 'DriftedAgain' });
    expect(end.status?.replacement?.uid).toBe(again.metadata.uid);
    const next = await world.until('the next incident waits', async () =>
      (await world.list<DriftIncident>(DRIFT_INCIDENTS)).find(
        ({ status }) =>
          status?.plan?.needs?.includes('BadReplacement') === true && status.phase === 'AwaitingApproval',
      ),
    );
    expect(next.spec.target.uid).toBe(again.metadata.uid);
    expect((await world.list(PODS)).map(({ metadata }) => metadata.uid)).toContain(again.metadata.uid);
  });

  test('of a workload that was rolled on is of another revision, and says so', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy(demands({ quietFor: '6s' }));
    await operator.post(world.alert(victim));
    const quiet = await world.incident('that is quiet', isQuiet);
    const image = `registry.example/shop/web:1.3@${OTHER}`;
    const path = '/spec/template/spec/containers/0/image';
    const at = { namespace: world.namespace, name: 'web' };
    await world.client.jsonPatch(DEPLOYMENTS, at, [{ op: 'replace', path, value: image }]);
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Resolved');
    expect(end.status?.replacement?.uid).not.toBe(quiet.status?.replacement?.uid);
    expect(end.status?.replacement).toMatchObject({ otherRevision: true, images: [{ proof: 'Pinned' }] });
  });
});

describe('nothing has to take the place', () => {
  test('of a pod whose workload was scaled to nothing', async ({ world }) => {
    const victim = await world.victim(2);
    const operator = await world.operator();
    await world.policy(demands({ quietFor: '1h' }));
    await operator.post(world.alert(victim));
    await world.incident('that is quiet', isQuiet);
    await scale(world, 0);
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Resolved');
    expect(verifiedOf(end)).toMatchObject({
      status: 'Unknown',
      reason: 'NoReplacementNeeded',
      message: 'nothing has to take its place: Deployment web was scaled down to nothing',
    });
  });

  test('of one whose workload has its number without it', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...demands({ readyWithin: '8s' }), limits: { perWorkload: { quarantined: 0 } } });
    const evicting = world.incident('that is evicted', (i) => i.status?.eviction !== undefined);
    await scale(world, 2);
    await world.until('a pod less', async () =>
      (await world.list(PODS)).filter(isReady).length === 2 ? true : undefined,
    );
    const left = (await world.list(PODS)).filter(isReady);
    const target = left.find(({ metadata }) => metadata.uid === victim.metadata.uid) ?? left[0] ?? victim;
    await operator.post(world.alert(target));
    await evicting;
    await scale(world, 1);
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Resolved');
    expect(['NoReplacementNeeded', 'Pinned']).toContain((verifiedOf(end) as { reason: string }).reason);
  });
});

describe('a list of approved images', () => {
  test('refuses what it does not name', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    await world.policy({ approvedImages: [`registry.example/shop/web@${OTHER}`] });
    await operator.post(world.alert(victim));
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Failed');
    expect(verifiedOf(end)).toMatchObject({
      reason: 'UnapprovedImage',
      message: expect.stringContaining('not on the list of approved images of DriftPolicy web'),
    });
  });

  test('approves what it names', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    await world.policy({ approvedImages: [`registry.example/shop/web@${DIGEST}`] });
    await operator.post(world.alert(victim));
    const end = await endOf(world);
    expect(end.status?.replacement?.images).toEqual([expect.objectContaining({ proof: 'Approved' })]);
    expect(verifiedOf(end)).toMatchObject({ status: 'True', reason: 'Approved' });
  });

  test('that a pipeline changed a moment ago counts as it is now', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    await approveImages(world, OTHER);
    const operator = await world.operator();
    await world.policy({ approvedImagesFrom: 'ConfigMap' });
    await approveImages(world, DIGEST);
    await operator.post(world.alert(victim));
    const end = await endOf(world);
    expect(verifiedOf(end)).toMatchObject({ status: 'True', reason: 'Approved' });
  });

  test('of a namespace approves nothing where the cluster asked for the response', async ({ world }) => {
    const victim = await world.victim(3, IMAGE);
    const operator = await world.operator();
    const responses = [{ name: 'all', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }];
    await world.clusterPolicy({ mode: 'Enforce', responses, ...demands({ quietFor: '0s' }) });
    await world.policy({ approvedImages: [`registry.example/shop/web@${OTHER}`] });
    world.parts.images.set(IMAGE, OTHER);
    await operator.post(world.alert(victim));
    const end = await endOf(world);
    expect(end.status?.phase).toBe('Failed');
    expect(verifiedOf(end)).toMatchObject({ reason: 'UnapprovedImage' });
  });
});
