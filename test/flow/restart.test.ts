// Pods that are made anew from their own manifest, and workloads whose pin is told.
import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { RESTARTED_FOR_ANNOTATION } from '../../src/api/names.ts';
import { canonicalJson } from '../../src/evidence/manifest.ts';
import { CONTROLLER_REVISIONS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import type { HttpRequest, Transport } from '../../src/kube/transport.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { IMAGE, isReady, PINNED, type World } from '../support/world.ts';

const RESTART = {
  mode: 'Enforce',
  approval: { requiredFor: [] },
  eviction: { replacement: { require: 'Pinned', quietFor: '0s' } },
  responses: [{ name: 'restart', minSeverity: 'Warning', actions: ['Isolate', 'Restart'] }],
};

const NAME = 'lonely';

async function bare(world: World, spec: object = {}): Promise<KubeObject> {
  const { namespace } = world;
  const labels = { app: 'lonely', tier: 'back' };
  await world.client.create(
    PODS,
    { namespace },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NAME, namespace, labels, annotations: { 'example.com/note': 'mine' } },
      spec: {
        containers: [{ name: 'web', image: IMAGE, env: [{ name: 'SECRET', value: 'in the spec' }] }],
        ...spec,
      },
    },
  );
  return world.until('the pod is Ready', async () => {
    const pod = await world.pod(NAME);
    return pod && isReady(pod) ? pod : undefined;
  });
}

const hasReason = (reason: string) => (incident: DriftIncident) =>
  findCondition(incident.status?.conditions, 'Ready')?.reason === reason;

const imagesOf = (pod: KubeObject | undefined) =>
  (pod?.['spec'] as { containers: { image: string }[] } | undefined)?.containers.map(({ image }) => image);

const isCreation = ({ method, path }: HttpRequest) => method === 'POST' && /\/pods\?(?!.*dryRun)/.test(path);

async function expectKept(world: World, ended: DriftIncident): Promise<void> {
  const [revision] = await world.list<KubeObject & { data: unknown }>(CONTROLLER_REVISIONS);
  expect(revision?.metadata.name).toBe(ended.status?.restart?.manifest?.revision);
  expect(createHash('sha256').update(canonicalJson(revision?.data)).digest('hex')).toBe(
    ended.status?.restart?.manifest?.sha256,
  );
}

describe('a bare pod', () => {
  test('is made anew from its own manifest, pinned by digest', async ({ world }) => {
    const victim = await bare(world);
    const operator = await world.operator();
    await world.clusterPolicy(RESTART);
    await operator.post(world.alert(victim));
    const ended = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    const pod = await world.pod(NAME);
    expect(pod?.metadata.uid).not.toBe(victim.metadata.uid);
    expect(imagesOf(pod)).toEqual([PINNED]);
    expect(pod?.metadata.labels).toEqual(victim.metadata.labels);
    expect(pod?.metadata.annotations).toEqual({
      ...victim.metadata.annotations,
      [RESTARTED_FOR_ANNOTATION]: ended.metadata.uid,
    });
    expect(ended.status?.restart?.pod).toMatchObject({ name: NAME, uid: pod?.metadata.uid });
    expect(ended.status?.replacement).toMatchObject({ uid: pod?.metadata.uid });
    expect(ended.status?.steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'Isolate Succeeded',
      'Keep Succeeded',
      'Evict Succeeded',
      'Restart Succeeded',
      'Verify Succeeded',
    ]);
    expect(JSON.stringify(ended)).not.toContain('in the spec');
    await expectKept(world, ended);
  });

  test('stays where its image cannot be pinned', async ({ world }) => {
    const volumes = [{ name: 'data', image: { reference: 'registry.example/shop/data:1' } }];
    const victim = await bare(world, { volumes });
    const operator = await world.operator();
    await world.clusterPolicy(RESTART);
    await operator.post(world.alert(victim));
    await world.incident('that waits', hasReason('RestartUnpinnable'));
    expect((await world.pod(NAME))?.metadata.uid).toBe(victim.metadata.uid);
  });

  test('stays where what it ran is on no list that names its repository', async ({ world }) => {
    const victim = await bare(world);
    const operator = await world.operator();
    const [repository = ''] = PINNED.split(':', 1);
    const approved = (digest: string) => ({ approvedImages: [`${repository}@${digest}`] });
    await world.clusterPolicy({ ...RESTART, ...approved(`sha256:${'0'.repeat(64)}`) });
    await operator.post(world.alert(victim));
    await world.incident('that waits', hasReason('RestartUnapproved'));
    expect((await world.pod(NAME))?.metadata.uid).toBe(victim.metadata.uid);
  });

  test('stays where somebody changed its image since', async ({ world }) => {
    const victim = await bare(world);
    const operator = await world.operator();
    await world.clusterPolicy({
      ...RESTART,
      responses: [
        { name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] },
        { name: 'restart', minSeverity: 'Critical', actions: ['Restart'] },
      ],
    });
    await operator.post(world.alert(victim, { priority: 'Warning' }));
    await world.incident('that is contained', (i) => i.status?.isolation !== undefined);
    await world.client.jsonPatch(PODS, { namespace: world.namespace, name: NAME }, [
      { op: 'replace', path: '/spec/containers/0/image', value: 'registry.example/evil:1' },
    ]);
    await operator.post(world.alert(victim, { priority: 'Critical', rule: 'DIE Something Else' }));
    await world.incident('that waits', hasReason('SpecChanged'));
    expect((await world.pod(NAME))?.metadata.uid).toBe(victim.metadata.uid);
  });

  test('whose name was taken meanwhile leaves the other pod alone', async ({ world }) => {
    const victim = await bare(world);
    const { namespace } = world;
    const other = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NAME, namespace },
      spec: { containers: [{ name: 'other', image: PINNED }] },
    };
    const taking =
      (transport: Transport): Transport =>
      async (request) => {
        if (isCreation(request)) await world.client.create(PODS, { namespace }, other);
        return transport(request);
      };
    const operator = await world.operator({}, taking);
    await world.clusterPolicy(RESTART);
    await operator.post(world.alert(victim));
    const failed = await world.incident('that failed', (i) => i.status?.phase === 'Failed');
    expect(findCondition(failed.status?.conditions, 'Ready')?.reason).toBe('NameTaken');
    const pod = await world.pod(NAME);
    expect(pod?.metadata.annotations ?? {}).not.toHaveProperty([RESTARTED_FOR_ANNOTATION]);
    expect(imagesOf(pod)).toEqual([PINNED]);
  });

  test('is made anew once, though the answer to that is lost', async ({ world }) => {
    const victim = await bare(world);
    let lost = 0;
    const losing =
      (transport: Transport): Transport =>
      async (request) => {
        const answer = await transport(request);
        if (!isCreation(request) || lost > 0) return answer;
        lost += 1;
        throw new Error('the connection broke');
      };
    const operator = await world.operator({}, losing);
    await world.clusterPolicy(RESTART);
    await operator.post(world.alert(victim));
    const ended = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(lost).toBe(1);
    expect((await world.pod(NAME))?.metadata.uid).toBe(ended.status?.restart?.pod?.uid);
  });

  test('whose manifest was tampered with is not made from that', async ({ world }) => {
    const victim = await bare(world);
    const { namespace, client } = world;
    const operator = await world.operator();
    await world.clusterPolicy({ ...RESTART, approval: { requiredFor: ['BarePod'] } });
    await operator.post(world.alert(victim));
    const asking = await world.incident('that asks', (i) => i.status?.phase === 'AwaitingApproval');
    const revision = asking.status?.restart?.manifest?.revision ?? '';
    const kept = await client.get<KubeObject & { data: object }>(CONTROLLER_REVISIONS, {
      namespace,
      name: revision,
    });
    await client.delete(CONTROLLER_REVISIONS, { namespace, name: revision }, kept.metadata.uid);
    await client.create(
      CONTROLLER_REVISIONS,
      { namespace },
      {
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: { name: revision, namespace },
        data: { ...kept.data, spec: { containers: [{ name: 'web', image: 'registry.example/evil:1' }] } },
        revision: 1,
      },
    );
    // What was asked of the API server a moment ago is not asked again.
    const later = Date.parse(asking.status?.restart?.manifest?.keptAt ?? '') + 11_000;
    await world.until('some time passed', async () => (world.parts.clock.now() > later ? true : undefined));
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: asking.metadata.name }, [
      {
        op: 'add',
        path: '/spec/decision',
        value: { action: 'Approve', by: 'test', reason: 'test', planHash: asking.status?.plan?.hash },
      },
    ]);
    await world.incident('that waits', hasReason('ManifestChanged'));
    expect((await world.pod(NAME))?.metadata.uid).toBe(victim.metadata.uid);
  });
});

describe('a pod of a workload', () => {
  test('is evicted, and the pin of its workload is told', async ({ world }) => {
    const victim = await world.victim(2, IMAGE);
    const operator = await world.operator();
    await world.clusterPolicy({ ...RESTART, eviction: { replacement: { quietFor: '0s' } } });
    await operator.post(world.alert(victim));
    const ended = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    const { pin, manifest } = ended.status?.restart ?? {};
    expect(manifest).toBeUndefined();
    expect(pin).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' });
    expect(JSON.parse(pin?.patch ?? '')).toEqual({
      spec: { template: { spec: { containers: [{ name: 'web', image: PINNED }] } } },
    });
    expect(await world.list(CONTROLLER_REVISIONS)).toEqual([]);
  });
});
