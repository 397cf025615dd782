// Running pods are compared with their images from time to time: from what a node tells to the incident, on an API server.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { podFacts } from '../../../src/api/pod.ts';
import { FILESYSTEM_RULE } from '../../../src/detect/filesystem.ts';
import { DRIFT_INCIDENTS, PODS } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { fakeNodes } from '../../support/fake-nodes.ts';
import { createEmbeddedWorld, type EmbeddedWorld } from '../../support/flow-test.ts';

const MINUTE = 60_000;
const ASKS = {
  responses: [{ name: 'note', minSeverity: 'Notice', sources: ['Filesystem'], actions: ['Label'] }],
  comparison: { interval: '10m', expectedWrites: ['/var/cache/*'] },
};
const GRANTS = { grants: { comparison: true, enforce: true, collectors: ['Filesystem'] } };

let embedded: EmbeddedWorld;
beforeEach(async () => {
  embedded = await createEmbeddedWorld(3, { nodes: ['node-1', 'node-2', 'node-3'] });
});
afterEach(async () => {
  await embedded.world.close();
  embedded.cluster.stop();
});

const incidents = () => embedded.world.list<DriftIncident>(DRIFT_INCIDENTS);

describe('drift in a running pod', () => {
  test('opens one incident, however often it is found', async () => {
    const { world, clock } = embedded;
    const pod = await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [{}]);
    await world.operator({ nodeCollector: collectorOf });
    await world.clusterPolicy(GRANTS);
    await world.policy(ASKS);
    await clock.advance(60 * MINUTE);
    expect(looks.length).toBeGreaterThanOrEqual(5);
    expect(looks.length).toBeLessThanOrEqual(7);
    expect((await incidents()).map(({ spec }) => spec)).toMatchObject([
      {
        target: { uid: pod.metadata.uid, name: pod.metadata.name },
        trigger: {
          severity: 'Error',
          detection: {
            source: 'Filesystem',
            rule: FILESYSTEM_RULE,
            executable: '/tmp/x',
            containerName: 'web',
          },
          policies: [{ name: 'web', rungs: ['note'] }],
        },
      },
    ]);
  });

  test('is not looked for again in that interval, also where the response needs the node', async () => {
    const { world, clock } = embedded;
    await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [{}]);
    await world.operator({ nodeCollector: collectorOf });
    await world.clusterPolicy(GRANTS);
    await world.policy({
      ...ASKS,
      responses: [{ name: 'keep', sources: ['Filesystem'], actions: ['Capture'] }],
      evidence: { collectors: ['Filesystem'] },
    });
    await clock.advance(40 * MINUTE);
    const slots = looks.map(({ began }) => Math.floor(began / (10 * MINUTE)));
    expect(slots.length).toBeGreaterThanOrEqual(3);
    expect(slots).toEqual([...new Set(slots)]);
    expect(await incidents()).toHaveLength(1);
  });

  test('is none where it is expected, and the pod is looked at again and again', async () => {
    const { world, clock } = embedded;
    await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [
      { path: '/var/cache/x', executable: false, content: 'Other', mode: 0o644 },
    ]);
    await world.operator({ nodeCollector: collectorOf });
    await world.clusterPolicy(GRANTS);
    await world.policy(ASKS);
    await clock.advance(30 * MINUTE);
    expect(looks.length).toBeGreaterThanOrEqual(2);
    expect(await incidents()).toEqual([]);
  });

  test('is not looked for where nobody grants it', async () => {
    const { world, clock } = embedded;
    await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [{}]);
    await world.operator({ nodeCollector: collectorOf });
    await world.policy(ASKS);
    await clock.advance(30 * MINUTE);
    expect(looks).toEqual([]);
  });

  test('is not looked for where no incident could be opened', async () => {
    const { world, clock } = embedded;
    await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [{}]);
    // Nothing else may be refused by it.
    const refusing =
      (transport: Transport): Transport =>
      async (request) => {
        const answer = await transport(request);
        const { body = '' } = request;
        if (!/"verb":"create".*driftincidents/.test(body)) return answer;
        const text = await new Response(ReadableStream.from(answer.body)).text();
        const refused = text.replace('"allowed":true', '"allowed":false');
        return {
          ...answer,
          body: (async function* () {
            yield Buffer.from(refused);
          })(),
        };
      };
    await world.operator({ nodeCollector: collectorOf }, refusing);
    await world.clusterPolicy(GRANTS);
    await world.policy(ASKS);
    await clock.advance(30 * MINUTE);
    expect(looks).toEqual([]);
  });
});

describe('a node', () => {
  test('has never two at a time, and three have never more than two', async () => {
    const { world, clock } = embedded;
    const pods = await world.deployment(1);
    expect(pods).toHaveLength(1);
    for (let n = 0; n < 9; n++) await bare(`bare-${n}`);
    const { looks, collectorOf } = fakeNodes(() => [], 80_000);
    await world.operator({ nodeCollector: collectorOf });
    await world.clusterPolicy({ ...GRANTS, responses: ASKS.responses, comparison: ASKS.comparison });
    await clock.advance(40 * MINUTE);
    expect(looks.length).toBeGreaterThan(15);
    for (const { began, node } of looks) {
      const beside = looks.filter((other) => other.began <= began && other.ended > began);
      expect(beside.length).toBeLessThanOrEqual(2);
      expect(beside.filter((other) => other.node === node)).toHaveLength(1);
    }
  });

  test('is left to a response that needs it, and the comparison is done after that', async () => {
    const { world, clock } = embedded;
    const pod = await world.victim(1);
    const { looks, collectorOf } = fakeNodes(() => [], 80_000);
    const operator = await world.operator({ nodeCollector: collectorOf });
    await world.clusterPolicy(GRANTS);
    await world.policy({
      ...ASKS,
      responses: [{ name: 'keep', sources: ['Falco'], actions: ['Capture'] }],
      evidence: { collectors: ['Filesystem'], deadline: '2m' },
    });
    while (looks.length === 0) await clock.advance(10_000);
    expect(looks[0]?.ended).toBe(Infinity);
    await operator.post(world.alert(pod));
    await clock.advance(10_000);
    expect(looks[0]).toMatchObject({ aborted: true });
    expect(podFacts(pod).nodeName).toBe(looks[0]?.node);
    await clock.advance(20 * MINUTE);
    expect(looks.filter(({ aborted, ended }) => !aborted && ended < Infinity)).not.toEqual([]);
  });
});

async function bare(name: string): Promise<void> {
  const { world } = embedded;
  const spec = { containers: [{ name: 'x', image: 'registry.example/x:1' }] };
  await world.client.create(
    PODS,
    { namespace: world.namespace },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec },
  );
}
