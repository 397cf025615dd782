// Many alerts, and an API server that is away: in virtual time, so that minutes cost nothing.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { cuttable } from '../support/faults.ts';
import { createEmbeddedWorld } from '../support/flow-test.ts';

const COPIES = 5_000;
const NOTE_ONLY = { responses: [{ name: 'note', minSeverity: 'Warning', actions: ['Label'] }] };

describe('5,000 copies of one alert', () => {
  test('are one incident, written when it is opened and then after 1 s, 10 s and 60 s', async () => {
    const { world, clock, cluster } = await createEmbeddedWorld();
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...NOTE_ONLY, mode: 'Audit' });
    operator.writes.length = 0;
    const start = clock.now();
    const times: number[] = [];
    cluster.onRequest(({ method, path }) => {
      const reports = method === 'PATCH' && path.includes('driftincidents') && path.includes('/status');
      if (reports) times.push(Math.round((clock.now() - start) / 100) / 10);
    });

    const answers = await postAll(COPIES, (n) =>
      operator.post(world.alert(victim, { fields: { 'proc.pid': n } })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await clock.advance(75_000);

    const incidents = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.status?.reports).toMatchObject({ 'test-1': { count: COPIES, detections: [] } });
    const creates = operator.writes.filter(({ method }) => method === 'POST');
    expect(creates).toHaveLength(1);
    const reports = operator.writes.filter(({ body }) => JSON.stringify(body).includes('/status/reports/'));
    expect(reports.length).toBeLessThanOrEqual(3);
    expect(reports.length).toBeGreaterThanOrEqual(1);
    await world.close();
    cluster.stop();
  });

  test('that come in over two minutes cost the create and reports at 1 s, 10 s and each minute', async () => {
    const { world, clock, cluster } = await createEmbeddedWorld();
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...NOTE_ONLY, mode: 'Audit' });
    const start = clock.now();
    const at: number[] = [];
    cluster.onRequest(({ method, path, body }) => {
      if (
        method === 'PATCH' &&
        path.includes('driftincidents') &&
        JSON.stringify(body).includes('/reports/')
      ) {
        at.push(Math.round((clock.now() - start) / 1000));
      }
    });
    for (let second = 0; second < 120; second++) {
      await postAll(20, (n) =>
        operator.post(world.alert(victim, { fields: { 'proc.pid': second * 100 + n } })),
      );
      await clock.advance(1_000);
    }
    // After each write the next alert starts the next delay.
    expect(at.length).toBe(3);
    expect(at[0]).toBeLessThanOrEqual(2);
    expect(at[1]).toBeLessThanOrEqual(13);
    expect(at[2]).toBeLessThanOrEqual(75);
    await world.close();
    cluster.stop();
  });

  test('that are the same to the last byte count once', async () => {
    const { world, cluster, clock } = await createEmbeddedWorld();
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ ...NOTE_ONLY, mode: 'Audit' });
    const alert = world.alert(victim);
    const answers = await postAll(100, () => operator.post(alert));
    const outcomes = answers.map(({ body }) => body['outcome']);
    expect(outcomes.filter((outcome) => outcome !== 'Duplicate')).toHaveLength(1);
    await clock.advance(75_000);
    const [incident] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(incident?.status?.reports).toEqual({});
    await world.close();
    cluster.stop();
  });
});

describe('an API server that is away for a minute', () => {
  test('loses no alert: it is answered as queued and the incident is opened afterwards', async () => {
    const { world, clock, cluster } = await createEmbeddedWorld();
    const victim = await world.victim(3);
    const line = cuttable(world.parts.transport);
    const operator = await world.operator({}, () => line.transport);
    await world.policy();
    line.up = false;
    const answer = operator.post(world.alert(victim));
    await clock.advance(1_000);
    expect(await answer).toMatchObject({ status: 202, body: { outcome: 'Queued' } });
    await clock.advance(59_000);
    expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(0);
    line.up = true;
    await world.incident('that is over', (incident) => incident.status?.phase === 'Resolved');
    await world.close();
    cluster.stop();
  });

  test('in the middle of a response is picked up where it was', async () => {
    const { world, clock, cluster } = await createEmbeddedWorld();
    const victim = await world.victim(3);
    const line = cuttable(world.parts.transport);
    const operator = await world.operator({}, () => line.transport);
    await world.policy();
    await operator.post(world.alert(victim));
    await world.until(
      'the pod is isolated',
      async () =>
        operator.writes.some(({ method, path }) => method === 'PATCH' && path.includes('/pods/')) ||
        undefined,
    );
    line.up = false;
    await clock.advance(60_000);
    line.up = true;
    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.spec.target.uid).toBe(victim.metadata.uid);
    const evictions = operator.writes.filter(
      ({ path, status }) => /eviction(\?(?!.*dryRun)|$)/.test(path) && status < 300,
    );
    expect(evictions).toHaveLength(1);
    await world.close();
    cluster.stop();
  });
});

/** Sends all, many at a time, as several Falcosidekicks would. */
async function postAll<T>(count: number, send: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => send(n)));
}
