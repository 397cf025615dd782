// Testing a node by two canaries: what is said of it, whatever the network, the cluster and other people do meanwhile. The
// canaries are scripted; test/unit/helpers has the real ones, test/e2e both together on a real node.
import { describe, expect, test as base } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  CAPTURE_NAMESPACE,
  HELPER_LABEL,
  QUARANTINE_LABEL,
  QUARANTINE_POLICY,
} from '../../../src/api/names.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import type { CanaryReport } from '../../../src/helpers/canary-report.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { NAMESPACES, NETWORK_POLICIES, PODS } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { runCanary, type CanaryResult } from '../../../src/respond/canary.ts';
import { denyPolicy } from '../../../src/respond/deny-policy.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const NAMESPACE = { namespace: CAPTURE_NAMESPACE };
const PEER = 'canary-abc-peer';
const SUBJECT = 'canary-abc-subject';
const CONNECTED: CanaryReport = { state: 'Connected' };
const cut = (lastSuccessAgoMs = 3_000, established: 'Cut' | 'Carries' = 'Cut'): CanaryReport => ({
  state: 'Cut',
  lastSuccessAgoMs,
  established,
});

type Says = Partial<Record<typeof PEER | typeof SUBJECT, CanaryReport[]>>;

/** A cluster in which canaries run and say what the test has them say. */
class Scene {
  readonly clock = new VirtualClock();
  readonly stopped = new AbortController();
  readonly cluster = createEmbeddedCluster({ clock: this.clock, random: seededRandom(1) });
  readonly client: KubeClient = createKubeClient({
    transport: this.cluster.transport,
    clock: this.clock,
    random: seededRandom(2),
    userAgent: 'test',
  });
  /** Called with each request, when its answer is known. */
  onRequest: (method: string, path: string) => void = () => {};

  async start(): Promise<void> {
    this.cluster.start();
    this.cluster.onRequest(({ method, path }) => this.onRequest(method, path));
    const metadata = { name: CAPTURE_NAMESPACE };
    await this.does(this.client.create(NAMESPACES, {}, { apiVersion: 'v1', kind: 'Namespace', metadata }));
    await this.clock.advance(1_000);
    this.say({ [PEER]: [CONNECTED], [SUBJECT]: [CONNECTED] });
  }

  /** What is in the logs from now on. */
  say(says: Says): void {
    for (const [name, reports = []] of Object.entries(says)) {
      const lines = [{ state: 'Listening' }, ...reports].map((report) => `${JSON.stringify(report)}\n`);
      this.cluster.logs.set({ ...NAMESPACE, name }, { current: lines.join('') });
    }
  }

  /** Says it once the subject has the label. */
  sayWhenLabelled(says: Says, afterMs = 3_100): void {
    this.onRequest = (method, path) => {
      if (method === 'PATCH' && path.includes(SUBJECT)) this.clock.after(afterMs, () => this.say(says));
    };
  }

  async does<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const ended = work.finally(() => (done = true));
    ended.catch(() => {});
    await this.clock.until(() => done, 300_000, 'it ends');
    return ended;
  }

  async test(): Promise<CanaryResult> {
    const context = {
      client: this.client,
      clock: this.clock,
      stopping: this.stopped.signal,
      log: silentLogger,
    };
    const result = await this.does(runCanary(context, { node: 'node-1', image: IMAGE, id: 'abc' }));
    await this.clock.advance(5_000);
    return result;
  }

  async pods(): Promise<string[]> {
    const { items } = await this.does(this.client.list<KubeObject>(PODS, NAMESPACE));
    return items.map(({ metadata }) => metadata.name);
  }
}

const test = base.extend('scene', async ({}, { onCleanup }) => {
  const scene = new Scene();
  await scene.start();
  onCleanup(() => scene.cluster.stop());
  return scene;
});

const BOTH_CUT: Says = { [PEER]: [CONNECTED, cut()], [SUBJECT]: [CONNECTED, cut()] };

describe('a node', () => {
  test('enforces when both sides are cut, and in how long is bounded from above', async ({ scene }) => {
    scene.sayWhenLabelled({
      [PEER]: [CONNECTED, cut(3_000)],
      [SUBJECT]: [CONNECTED, cut(3_010)],
    });
    const result = await scene.test();
    expect(result).toMatchObject({ verdict: 'Enforced', establishedCut: true });
    // The last connection worked 100 ms after the label; the log is read at most every half second.
    const { tookMs } = result as CanaryResult & { verdict: 'Enforced' };
    expect(tookMs).toBeGreaterThanOrEqual(100);
    expect(tookMs).toBeLessThan(700);
    expect(await scene.pods()).toEqual([]);
  });

  test('enforces, and lets connections carry on that were there before', async ({ scene }) => {
    scene.sayWhenLabelled({ ...BOTH_CUT, [SUBJECT]: [CONNECTED, cut(3_000, 'Carries')] });
    expect(await scene.test()).toMatchObject({
      verdict: 'Enforced',
      establishedCut: false,
      message: expect.stringContaining('a connection that was open before carries on'),
    });
  });

  test('may take half a minute', async ({ scene }) => {
    scene.sayWhenLabelled(BOTH_CUT, 35_000);
    const result = await scene.test();
    expect(result).toMatchObject({ verdict: 'Enforced' });
    const { tookMs } = result as CanaryResult & { verdict: 'Enforced' };
    expect(tookMs).toBeGreaterThanOrEqual(32_000);
    expect(tookMs).toBeLessThan(32_700);
  });

  test.for<[string, Says, string]>([
    ['neither way', {}, 'from the pod with the quarantine label and to the pod'],
    ['only the way out', { [SUBJECT]: [CONNECTED, cut()] }, 'new connections to the pod'],
    [
      'only the way in',
      { [PEER]: [CONNECTED, cut()] },
      'new connections from the pod with the quarantine label still',
    ],
    [
      'both ways for a moment',
      { ...BOTH_CUT, [PEER]: [CONNECTED, cut(), CONNECTED] },
      'new connections to the pod',
    ],
  ])('that cuts %s does not enforce', async ([, says, message], { scene }) => {
    scene.sayWhenLabelled(says);
    const result = await scene.test();
    expect(result).toMatchObject({ verdict: 'Unenforced', message: expect.stringContaining(message) });
    expect(await scene.pods()).toEqual([]);
  });
});

describe('a test', () => {
  test('isolates as a response does: the deny policy first, then all labels in one patch of that pod', async ({
    scene,
  }) => {
    const labels: unknown[] = [];
    scene.cluster.admission.push(({ operation, resource, object }) => {
      const found = object?.metadata.labels;
      if (operation === 'UPDATE' && resource.kind === 'Pod' && found?.[QUARANTINE_LABEL]) labels.push(found);
      return undefined;
    });
    scene.sayWhenLabelled(BOTH_CUT);
    await scene.test();
    expect(labels[0]).toEqual({ [QUARANTINE_LABEL]: 'true', [HELPER_LABEL]: 'canary' });
    const writes = scene.cluster.audit.filter(({ method }) => method !== 'GET');
    const steps = writes.map(({ method, path }) => `${method} ${path.split('?')[0]?.split('/').at(-1)}`);
    expect(steps.slice(1)).toEqual([
      'POST networkpolicies',
      'POST pods',
      'POST pods',
      `PATCH ${SUBJECT}`,
      `DELETE ${SUBJECT}`,
      `DELETE ${PEER}`,
    ]);
  });

  test.for<[string, (scene: Scene) => void, string]>([
    [
      'the canaries are not admitted',
      ({ cluster }) =>
        void cluster.admission.push(({ resource }) =>
          resource.kind === 'Pod' ? { policy: 'guard', message: 'no pods here' } : undefined,
        ),
      'no pods here',
    ],
    [
      'an image cannot be pulled',
      ({ cluster }) => void (cluster.timings.startMs = 500_000),
      `pod die-operator-capture/${PEER} did not start in 60 s`,
    ],
    [
      'they never reach each other',
      (scene) => scene.say({ [PEER]: [], [SUBJECT]: [] }),
      'does a policy of the cluster keep pods in die-operator-capture from connecting?',
    ],
    [
      'only one reaches the other',
      (scene) => scene.say({ [PEER]: [] }),
      'does a policy of the cluster keep pods',
    ],
    [
      'one of them ends',
      (scene) =>
        scene.sayWhenLabelled({ [PEER]: [CONNECTED], [SUBJECT]: [CONNECTED, { state: 'Listening' }] }),
      'the canaries on node node-1 stopped saying how they are connected',
    ],
    [
      'one is removed although both were cut',
      (scene) => {
        scene.sayWhenLabelled(BOTH_CUT);
        const label = scene.onRequest;
        scene.onRequest = (method, path) => {
          label(method, path);
          if (method === 'PATCH') scene.cluster.api.delete(PODS, { ...NAMESPACE, name: PEER });
        };
      },
      `pod die-operator-capture/${PEER} ended during the test`,
    ],
    [
      'another policy selects the pod with the label',
      (scene) => void addPolicy(scene, { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }),
      'NetworkPolicy die-operator-capture/of-an-admin selects pods with the quarantine label',
    ],
    [
      'the name of the deny policy is taken',
      ({ cluster }) =>
        void cluster.api.create(NETWORK_POLICIES, CAPTURE_NAMESPACE, {
          ...(denyPolicy(CAPTURE_NAMESPACE) as KubeObject),
          metadata: { ...NAMESPACE, name: QUARANTINE_POLICY } as KubeObject['metadata'],
        }),
      'was not made by die-operator',
    ],
  ])('cannot tell when %s, says why, and leaves nothing behind', async ([, prepare, message], { scene }) => {
    prepare(scene);
    const result = await scene.test();
    expect(result).toMatchObject({ verdict: 'Unknown', message: expect.stringContaining(message) });
    expect(await scene.pods()).toEqual([]);
  });

  test('is not misled by the deny policy of somebody who takes it away', async ({ scene }) => {
    scene.sayWhenLabelled({});
    const label = scene.onRequest;
    scene.onRequest = (method, path) => {
      label(method, path);
      if (method !== 'PATCH') return;
      scene.cluster.api.delete(NETWORK_POLICIES, { ...NAMESPACE, name: QUARANTINE_POLICY });
    };
    expect(await scene.test()).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('removed or changed the deny policy'),
    });
  });

  test('removes its pods also when the process stops', async ({ scene }) => {
    scene.onRequest = (method) => {
      if (method === 'PATCH') scene.clock.after(2_000, () => scene.stopped.abort());
    };
    expect(await scene.test()).toMatchObject({
      verdict: 'Unknown',
      message: 'the responder was stopped meanwhile',
    });
    expect(await scene.pods()).toEqual([]);
  });
});

function addPolicy({ cluster }: Scene, spec: object): unknown {
  return cluster.api.create(NETWORK_POLICIES, CAPTURE_NAMESPACE, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { ...NAMESPACE, name: 'of-an-admin' },
    spec,
  });
}
