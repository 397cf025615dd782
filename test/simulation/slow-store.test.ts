// A store that takes its time right before an eviction: what people switched off meanwhile stays off.
import { expect } from 'vitest';
import { SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { sleep } from '../../src/kube/clock.ts';
import { CONFIG_MAPS, PODS } from '../../src/kube/resources.ts';
import { simulationTest as test } from '../support/flow-test.ts';

const SLOW_MS = 5_000;

test('a pause while the store is asked for the evidence stops the eviction', async ({ embedded }) => {
  const { world, clock } = embedded;
  const { client } = world;
  const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
  const pause = (paused: string) =>
    client.jsonPatch(CONFIG_MAPS, at, [{ op: 'add', path: '/data', value: { paused } }]);
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: { paused: 'true' } };
  await client.create(CONFIG_MAPS, { namespace: SYSTEM_NAMESPACE }, body);
  const victim = await world.victim(3);
  const operator = await world.operator();
  const holds = operator.evidence.holds.bind(operator.evidence);
  let asked = 0;
  operator.evidence.holds = async (evidence) => {
    asked += 1;
    await pause('true');
    await sleep(clock, SLOW_MS, new AbortController().signal);
    return holds(evidence);
  };
  await world.policy({});
  await operator.post(world.alert(victim));
  await clock.advance(60_000);
  await pause('false');
  await clock.advance(60_000);
  expect(asked).toBe(1);
  const pods = await world.list(PODS);
  const found = pods.find(({ metadata }) => metadata.uid === victim.metadata.uid);
  expect(found).toBeDefined();
  expect(found?.metadata.deletionTimestamp).toBeUndefined();
});
