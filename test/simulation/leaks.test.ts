// An operator runs for months: what a response leaves in memory must not add up. Node keeps a combined AbortSignal for as
// long as somebody listens to it, so those are what to count.
import { queryObjects } from 'node:v8';
import { expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { simulationTest as test } from '../support/flow-test.ts';

const ROUNDS = 8;
/** Counting objects walks the whole heap, each round. */
const TIMEOUT_MS = 120_000;

test(
  'signals and timers are as many after eight responses as after two',
  { timeout: TIMEOUT_MS },
  async ({ embedded: { world, clock } }) => {
    const pods = await world.deployment(ROUNDS + 2);
    const operator = await world.operator({ election: { namespace: world.namespace, name: 'responder' } });
    await world.policy();
    const left: { signals: number; timers: number }[] = [];
    for (const [round, pod] of pods.slice(0, ROUNDS).entries()) {
      await operator.post(world.alert(pod));
      await world.until('the response is over', async () => {
        const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
        return incidents.filter(({ status }) => status?.phase === 'Resolved').length > round || undefined;
      });
      await clock.advance(60_000);
      left.push({ signals: queryObjects(AbortSignal, { format: 'count' }), timers: clock.pending });
    }
    const [, second] = left;
    const last = left.at(-1);
    expect(last?.signals).toBeLessThanOrEqual((second?.signals ?? 0) + 5);
    expect(last?.timers).toBeLessThanOrEqual((second?.timers ?? 0) + 5);
  },
);
