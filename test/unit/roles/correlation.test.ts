// The same drift, seen by several detectors: one incident, whoever speaks first, and what each adds to it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { DRIFT_INCIDENTS } from '../../../src/kube/resources.ts';
import { defenderAlertAbout, DEFENDER } from '../../support/defender-alerts.ts';
import { fakeNodes } from '../../support/fake-nodes.ts';
import { createEmbeddedWorld, type EmbeddedWorld } from '../../support/flow-test.ts';
import type { TestOperator } from '../../support/world.ts';

const MINUTE = 60_000;
const PROGRAM = '/tmp/dropped';
const GRANTS = { grants: { comparison: true, enforce: true, collectors: ['Filesystem'] } };
const LADDER = {
  responses: [
    { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
    {
      name: 'replace',
      minSeverity: 'Error',
      sources: ['Falco'],
      confirmed: true,
      actions: ['Label', 'Isolate', 'Evict'],
    },
  ],
  comparison: { interval: '10m' },
  approval: { requiredFor: [] },
};

let embedded: EmbeddedWorld;
beforeEach(async () => {
  embedded = await createEmbeddedWorld(3);
});
afterEach(async () => {
  await embedded.world.close();
  embedded.cluster.stop();
});

interface Stage {
  operator: TestOperator;
  /** Pods, all older than any alert. */
  pods: readonly KubeObject[];
  looks: ReturnType<typeof fakeNodes>['looks'];
}

async function stage(): Promise<Stage> {
  const { world, clock } = embedded;
  const pods = await world.deployment(3);
  const { looks, collectorOf } = fakeNodes(() => [{ path: PROGRAM }]);
  const operator = await world.operator({ nodeCollector: collectorOf, defender: DEFENDER });
  await world.clusterPolicy(GRANTS);
  await world.policy(LADDER);
  await clock.advance(3_000);
  return { operator, pods, looks };
}

const incidents = () => embedded.world.list<DriftIncident>(DRIFT_INCIDENTS);
const sourcesOf = ({ spec: { trigger }, status }: DriftIncident) => [
  trigger.detection.source,
  ...Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections.map(({ source }) => source)),
];
const tellsFalco = ({ operator }: Stage, pod: KubeObject) => operator.post(embedded.world.alert(pod));
const tellsDefender = ({ operator }: Stage, pod: KubeObject) => {
  const startTimeUtc = new Date(embedded.clock.now()).toISOString();
  return operator.post(defenderAlertAbout(pod, { startTimeUtc }), {}, '/v1/defender');
};

/** Waits until a comparison has looked at a pod, and makes all others speak of that pod. */
async function comparedPod({ pods, looks }: Stage): Promise<KubeObject> {
  while (looks.length === 0) await embedded.clock.advance(10_000);
  await embedded.clock.advance(10_000);
  const pod = pods.find(({ metadata }) => metadata.uid === looks[0]?.pod);
  if (!pod) throw new Error('a comparison looked at another pod');
  return pod;
}

describe('the same drift', () => {
  test('told by Falco, Defender and the comparison is one incident', async () => {
    const all = await stage();
    const pod = await comparedPod(all);
    expect((await incidents()).map(sourcesOf)).toEqual([['Filesystem']]);
    expect(await tellsDefender(all, pod)).toMatchObject({ body: { outcome: 'Reported' } });
    expect(await tellsFalco(all, pod)).toMatchObject({ body: { outcome: 'Reported' } });
    await embedded.clock.advance(MINUTE);
    const about = (await incidents()).filter(({ spec }) => spec.target.uid === pod.metadata.uid);
    expect(about.map((one) => new Set(sourcesOf(one)))).toEqual([
      new Set(['Filesystem', 'Falco', 'Defender']),
    ]);
  });

  test('told by Defender alone waits for a person, and for none once Falco is sure of the pod', async () => {
    const all = await stage();
    const [pod] = all.pods as [KubeObject];
    expect(await tellsDefender(all, pod)).toMatchObject({ body: { outcome: 'Opened' } });
    await embedded.clock.advance(1_000);
    expect((await incidents())[0]?.status).toMatchObject({ phase: 'AwaitingApproval' });
    await tellsFalco(all, pod);
    await embedded.clock.advance(5_000);
    const [incident] = await incidents();
    expect(incident?.status?.steps).toContainEqual(
      expect.objectContaining({ name: 'Label', state: 'Succeeded' }),
    );
  });

  test('that a comparison found confirms what Falco told, without another look', async () => {
    const all = await stage();
    const pod = await comparedPod(all);
    await embedded.clock.advance(MINUTE);
    const looked = all.looks.filter(({ pod: uid }) => uid === pod.metadata.uid).length;
    await tellsFalco(all, pod);
    await embedded.clock.advance(5 * MINUTE);
    const incident = (await incidents()).find(({ spec }) => spec.target.uid === pod.metadata.uid);
    expect(incident?.status?.confirmation).toMatchObject({ state: 'Confirmed', path: PROGRAM });
    expect(incident?.status?.phase).toBe('Resolved');
    expect(all.looks.filter(({ pod: uid }) => uid === pod.metadata.uid)).toHaveLength(looked);
  });
});
