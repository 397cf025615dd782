// The process dies at every write of a response, before it is sent and after it was carried out; another one goes on.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { mortal, type Death } from '../support/faults.ts';
import { createEmbeddedWorld } from '../support/flow-test.ts';
import { isReady } from '../support/world.ts';

// Policy status, incident, pod, three status writes, dry run, eviction, end, finalizer: more than there are.
const WRITES = 14;
const DEATHS: Death[] = Array.from({ length: WRITES }, (_, i) => i + 1).flatMap((write) => [
  { write, moment: 'before' },
  { write, moment: 'after' },
]);

describe('a response whose process dies', () => {
  test.each(DEATHS)('$moment write $write ends as if nothing had happened', async (death) => {
    const { world, cluster, clock } = await createEmbeddedWorld(death.write);
    const victim = await world.victim(3);
    const policy = await world.operator();
    await world.policy();
    await policy.stop();
    let died = false;
    const first = await world.operator({ instance: 'first' }, (inner) =>
      mortal(inner, death, () => (died = true)),
    );
    const alert = world.alert(victim);
    void first.post(alert);
    await clock.advance(5_000);
    const second = await world.operator({ instance: 'second' });
    // Alerts are in memory in this version: the sender of one that died with its receiver sends it again.
    void second.post(alert);

    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    await world.incident('without our finalizer', (i) => !i.metadata.finalizers?.length);
    expect(await world.list<DriftIncident>(DRIFT_INCIDENTS)).toHaveLength(1);
    expect(incident.spec.target.uid).toBe(victim.metadata.uid);
    expect(incident.status?.evidence?.files).toBeGreaterThan(5);

    // Counted by the API server: the answer to a call that killed its process reached nobody.
    const evictions = cluster.audit.filter(
      ({ path, status }) => path.includes('/eviction') && !path.includes('dryRun') && status < 300,
    );
    expect(evictions).toHaveLength(1);
    const pods = await world.until('three Ready pods', async () => {
      const ready = (await world.list(PODS)).filter(isReady);
      return ready.length === 3 ? ready : undefined;
    });
    expect(pods.every(({ metadata }) => !(QUARANTINE_LABEL in (metadata.labels ?? {})))).toBe(true);
    expect(died || death.write > 8).toBe(true);
    await world.close();
    cluster.stop();
  });
});
