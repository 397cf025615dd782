// What is read of a helper pod, what helpers are allowed, and which of them are swept.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, HELPER_LABEL } from '../../../src/api/names.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { DEFAULT_ROOTS, helperSettings } from '../../../src/helpers/helper-settings.ts';
import { helperPod } from '../../../src/helpers/pod.ts';
import { awaitHelper, helperFacts, startHelper, sweepHelpers } from '../../../src/helpers/run.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { NAMESPACES, PODS } from '../../../src/kube/resources.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const SPEC = {
  name: 'canary-1-peer',
  profile: 'canary',
  image: IMAGE,
  node: 'node-1',
  args: ['canary-peer', '--pair', '1'],
  lifetimeSeconds: 240,
} as const;

const podWith = (status: unknown) => ({ metadata: { name: 'a', uid: 'u' }, status }) as unknown as KubeObject;
const withState = (state: unknown, more: object = {}) =>
  podWith({ phase: 'Pending', containerStatuses: [{ state }], ...more });

describe('a helper pod', () => {
  test('runs once its container does', () => {
    const status = { phase: 'Running', podIP: '10.0.0.7' };
    const pod = withState({ running: { startedAt: '2026-11-22T00:00:00Z' } }, status);
    expect(helperFacts(pod)).toMatchObject({
      running: true,
      ip: '10.0.0.7',
      waiting: undefined,
      ended: undefined,
    });
    expect(helperFacts(podWith(status))).toMatchObject({ running: false, waiting: 'phase Running' });
  });

  test.each<[string, KubeObject, object]>([
    [
      'waits for its image',
      withState({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image' } }),
      { waiting: 'ImagePullBackOff: Back-off pulling image', ended: undefined },
    ],
    [
      'was refused by the kubelet',
      podWith({ phase: 'Failed', reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu" }),
      { ended: { exitCode: undefined, message: "OutOfcpu: Node didn't have enough resource: cpu" } },
    ],
    [
      'ended by its deadline',
      withState(
        { terminated: { exitCode: 137, reason: 'Error' } },
        { phase: 'Failed', reason: 'DeadlineExceeded' },
      ),
      { running: false, ended: { exitCode: 137, message: 'DeadlineExceeded' } },
    ],
    [
      'ended with a message',
      withState({ terminated: { exitCode: 0, reason: 'Completed', message: 'x'.repeat(9_999) } }),
      { ended: { exitCode: 0, message: `Completed: ${'x'.repeat(4096 - 11)}` } },
    ],
    ['is new', podWith(undefined), { running: false, waiting: 'phase unknown', ended: undefined }],
    ['has a status that nobody knows', podWith('x'), { running: false, ended: undefined }],
    ['has states that nobody knows', withState({ running: 7 }), { running: false, ended: undefined }],
  ])('%s', (_, pod, expected) => {
    expect(helperFacts(pod)).toMatchObject(expected);
  });

  test('ends before it would be swept, has no token and is pinned to its node', () => {
    expect(helperPod(SPEC)).toMatchObject({
      metadata: { namespace: CAPTURE_NAMESPACE, labels: { [HELPER_LABEL]: 'canary' } },
      spec: {
        nodeName: 'node-1',
        restartPolicy: 'Never',
        activeDeadlineSeconds: 240,
        automountServiceAccountToken: false,
        containers: [{ image: IMAGE, args: SPEC.args }],
      },
    });
  });
});

describe('the ConfigMap of helpers', () => {
  const map = (data?: unknown) => ({ metadata: { name: 'x' }, data }) as unknown as KubeObject;

  test.each<[unknown, string[]]>([
    [{ image: IMAGE, profiles: 'canary' }, ['canary']],
    [{ image: IMAGE, profiles: ' canary,\nnetns,root' }, ['canary', 'netns']],
    [{ image: IMAGE, profiles: 'capture' }, ['capture']],
    [{ image: IMAGE }, []],
  ])('%j allows %j', (data, profiles) => {
    expect(helperSettings(map(data))).toEqual({
      image: IMAGE,
      profiles: new Set(profiles),
      roots: DEFAULT_ROOTS,
    });
  });

  test.each([
    undefined,
    {},
    { image: '' },
    { image: 'registry.example/die-operator:1' },
    { image: `${IMAGE}0` },
    { image: `x ${IMAGE}` },
  ])('%j says how the image must be named', (data) => {
    expect(helperSettings(map(data))).toContain('image must be named by digest');
  });
});

describe('the folders of nodes', () => {
  const map = (data: object) =>
    ({ metadata: { name: 'x' }, data: { image: IMAGE, ...data } }) as unknown as KubeObject;

  test('are those that the ConfigMap names', () => {
    const data = { containerdRoot: '/data/containerd', kubeletRoot: '/data/k0s/kubelet' };
    expect(helperSettings(map(data))).toMatchObject({
      roots: { containerd: '/data/containerd', kubelet: '/data/k0s/kubelet' },
    });
  });

  // The admission policy refuses the same: test/kube/helper-pods.test.ts.
  test.each([
    '/',
    '/var',
    '',
    'var/lib',
    '/var/lib/',
    '/var/../etc',
    '/var/lib/./x',
    '/var//lib',
    '/var/lib x',
    '/var/lib\n',
  ])('are never %j', (kubeletRoot) =>
    expect(helperSettings(map({ kubeletRoot }))).toContain('must be paths'),
  );

  test('are mounted by a capture, read-only, and by no other profile', () => {
    const spec = { ...SPEC, roots: DEFAULT_ROOTS };
    expect(helperPod({ ...spec, profile: 'capture' })).toMatchObject({
      spec: {
        hostPID: true,
        containers: [
          {
            command: ['/app/capture/node', '/app/bin/die-operator.js', 'helper'],
            securityContext: { runAsNonRoot: true, runAsUser: 65531, allowPrivilegeEscalation: true },
            volumeMounts: [
              { mountPath: '/host/containerd', readOnly: true },
              { mountPath: '/host/kubelet', readOnly: true },
            ],
          },
        ],
      },
    });
    for (const profile of ['canary', 'netns'] as const)
      expect(JSON.stringify(helperPod({ ...spec, profile }))).not.toContain('/var/lib');
  });

  test('are not mounted by a checkpoint, which has one folder in them', () => {
    const { spec } = helperPod({ ...SPEC, profile: 'checkpoint', roots: DEFAULT_ROOTS }) as {
      spec: { containers: [object]; volumes: object[] };
    };
    expect(spec).not.toHaveProperty('hostPID');
    expect(spec.volumes).toEqual([
      { name: 'checkpoints', hostPath: { path: '/var/lib/kubelet/checkpoints', type: 'Directory' } },
    ]);
    expect(spec.containers).toMatchObject([
      {
        command: ['node', '/app/bin/die-operator.js', 'helper'],
        securityContext: { runAsUser: 0, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'checkpoints', mountPath: '/host/checkpoints' }],
      },
    ]);
  });
});

describe('helpers in a cluster', () => {
  const scene = async () => {
    const clock = new VirtualClock();
    const cluster = createEmbeddedCluster({ clock, random: seededRandom(1) });
    const { transport } = cluster;
    const client = createKubeClient({ transport, clock, random: seededRandom(2), userAgent: 'test' });
    const metadata = { name: CAPTURE_NAMESPACE };
    cluster.api.create(NAMESPACES, undefined, { apiVersion: 'v1', kind: 'Namespace', metadata });
    cluster.start();
    await clock.advance(1_000);
    const does = async <T>(work: Promise<T>): Promise<T> => {
      let done = false;
      const ended = work.finally(() => (done = true));
      await clock.until(() => done, 60_000, 'it ends');
      return ended;
    };
    const stopping = new AbortController();
    return { clock, cluster, context: { client, clock, stopping: stopping.signal }, does, stopping };
  };

  test('are waited for until they are as wanted, and no longer than told', async () => {
    const { context, does, clock, stopping } = await scene();
    const made = await does(startHelper(context, SPEC));
    expect(await does(awaitHelper(context, made, ({ running }) => running, 5_000))).toMatchObject({
      running: true,
    });
    const began = clock.elapsed();
    expect(await does(awaitHelper(context, made, () => false, 5_000))).toBeUndefined();
    expect(clock.elapsed() - began).toBeLessThan(5_500);
    const another = { ...made, uid: 'of-one-before' };
    expect(await does(awaitHelper(context, another, () => true, 5_000))).toBeUndefined();
    stopping.abort();
    expect(await does(awaitHelper(context, made, () => true, 5_000))).toBeUndefined();
  });

  test('are swept when they are older than any lives', async () => {
    const { context, does, clock, cluster } = await scene();
    await does(startHelper(context, SPEC));
    await clock.advance(595_000);
    await does(startHelper(context, { ...SPEC, name: 'canary-2-peer' }));
    expect(await does(sweepHelpers(context))).toMatchObject({ removed: 0 });
    await clock.advance(10_000);
    expect(await does(sweepHelpers(context))).toMatchObject({ removed: 1 });
    await clock.advance(5_000);
    expect(cluster.api.list(PODS, CAPTURE_NAMESPACE).map(({ metadata }) => metadata.name)).toEqual([
      'canary-2-peer',
    ]);
  });
});
