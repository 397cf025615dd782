// A node whose kubelet refuses or is silent: the logs cannot be had, and the eviction does not wait for them.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { fault, flowsFor, neverAnswers, nodeRefuses, slowBy, type Strike } from '../support/faults.ts';
import { simulationTest as test, type EmbeddedWorld } from '../support/flow-test.ts';
import { isReady, PINNED, type TestOperator } from '../support/world.ts';

const READS_LOGS = /^GET .*\/log\?/;

interface Ending {
  incident: DriftIncident;
  operator: TestOperator;
  /** Requests for logs. */
  asked: number;
  /** Milliseconds from the alert to the call that evicts. */
  evictedAfterMs: number;
}

/** Carries a response through while logs meet that fault. */
async function respond(embedded: EmbeddedWorld, strike: Strike, patienceMs = 0): Promise<Ending> {
  const { world, clock } = embedded;
  const victim = await world.victim(3);
  const logs = fault(READS_LOGS, clock, strike);
  const operator = await world.operator({}, logs.wrap);
  await world.policy();
  const evictedAt = evictionOf(embedded);
  const start = clock.now();
  await operator.post(world.alert(victim));
  await clock.advance(patienceMs);
  const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  return { incident, operator, asked: logs.at.length, evictedAfterMs: (evictedAt() ?? NaN) - start };
}

/** When a pod was evicted, a dry run not counted. */
function evictionOf({ cluster, clock }: EmbeddedWorld): () => number | undefined {
  let at: number | undefined;
  cluster.onRequest(({ path, status, body = '' }) => {
    const isMeant = !path.includes('dryRun') && !body.includes('dryRun');
    if (path.includes('/eviction') && status === 201 && isMeant) at = clock.now();
  });
  return () => at;
}

function problemsOf({ operator, incident }: Ending): string[] {
  const manifest = operator.evidence.manifest(incident.metadata.uid);
  // Two logs are read at the same time.
  return (manifest?.problems ?? []).map(({ message }) => message).toSorted();
}

describe('the pod is evicted, and its evidence says what is missing,', () => {
  test('within 2 s where the kubelet refuses', async ({ embedded }) => {
    const ending = await respond(embedded, nodeRefuses);
    expect(ending.evictedAfterMs).toBeLessThan(2_000);
    // Two logs, each asked for twice.
    expect(ending.asked).toBe(4);
    expect(problemsOf(ending)).toEqual([
      expect.stringMatching(/^current log of container web: cannot get Pod shop\/.*connection refused/),
      expect.stringMatching(/^previous log of container web: cannot get Pod shop\/.*connection refused/),
    ]);
    const { status } = ending.incident;
    expect(findCondition(status?.conditions, 'EvidenceComplete')).toMatchObject({ status: 'False' });
    expect(status?.steps).toMatchObject([
      { name: 'Isolate', state: 'Succeeded' },
      { name: 'Capture', state: 'Succeeded' },
      { name: 'Evict', state: 'Succeeded' },
      { name: 'Verify', state: 'Succeeded' },
    ]);
  });

  test('within 12 s where it is silent', async ({ embedded }) => {
    const ending = await respond(embedded, neverAnswers);
    expect(ending.evictedAfterMs).toBeGreaterThanOrEqual(8_000);
    expect(ending.evictedAfterMs).toBeLessThan(12_000);
    expect(ending.asked).toBe(2);
    expect(problemsOf(ending)).toEqual([
      expect.stringMatching(/^current log of container web: .*nothing came for 8000 ms/),
      expect.stringMatching(/^previous log of container web: .*nothing came for 8000 ms/),
    ]);
  });

  test('within 12 s where it answers after the limit', async ({ embedded }) => {
    const ending = await respond(embedded, slowBy(15_000, embedded.clock));
    expect(ending.evictedAfterMs).toBeLessThan(12_000);
    expect(problemsOf(ending)).toHaveLength(2);
  });
});

test('a log that flows slowly is waited for, and nothing is missing', async ({ embedded }) => {
  const ending = await respond(embedded, flowsFor(25_000, embedded.clock));
  expect(ending.evictedAfterMs).toBeGreaterThanOrEqual(25_000);
  expect(ending.evictedAfterMs).toBeLessThan(27_000);
  expect(problemsOf(ending)).toEqual([]);
  expect(ending.operator.evidence.manifest(ending.incident.metadata.uid)?.files).toContainEqual(
    expect.objectContaining({ path: 'logs/web/current.log', truncated: false }),
  );
});

test('a log that flows on after 30 s is kept as far as it came', async ({ embedded }) => {
  const ending = await respond(embedded, flowsFor(300_000, embedded.clock), 60_000);
  // The end of the log is asked for after its beginning, and is as slow.
  expect(ending.evictedAfterMs).toBeLessThan(62_000);
  expect(ending.operator.evidence.manifest(ending.incident.metadata.uid)?.files).toContainEqual(
    expect.objectContaining({ path: 'logs/web/current.log', truncated: true }),
  );
  expect(problemsOf(ending)).toContainEqual(
    expect.stringMatching(/^logs\/web\/current.log is cut after \d+ bytes \(.*30000 ms\)/),
  );
});

test('a pod of sixty-four containers on a silent node is evicted after a minute, not after sixteen', async ({
  embedded,
}) => {
  const { world, clock } = embedded;
  const victim = await crowdedPod(embedded);
  const operator = await world.operator({}, fault(READS_LOGS, clock, neverAnswers).wrap);
  await world.policy();
  const evictedAt = evictionOf(embedded);
  const start = clock.now();
  await operator.post(world.alert(victim));
  await clock.advance(59_000);
  expect(evictedAt()).toBeUndefined();
  await clock.advance(3_000);
  expect(evictedAt()).toBeLessThan(start + 62_000);
});

/** The first of two pods with 64 containers each. */
async function crowdedPod({ world }: EmbeddedWorld): Promise<KubeObject> {
  const { namespace } = world;
  const labels = { app: 'web' };
  const containers = Array.from({ length: 64 }, (_, n) => ({ name: `c${n}`, image: PINNED }));
  const spec = {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'crowded' }, spec };
  await world.client.create(DEPLOYMENTS, { namespace }, deployment);
  return world.until('two Ready pods', async () => {
    const ready = (await world.list(PODS)).filter(isReady);
    return ready.length === 2 ? ready[0] : undefined;
  });
}
