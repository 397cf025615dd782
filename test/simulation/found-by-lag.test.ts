// Histories in which a watch lags: what was decided from what it showed must stay mended.
import { describe, expect } from 'vitest';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { holdable } from '../support/faults.ts';
import { simulationTest as test, type EmbeddedWorld } from '../support/flow-test.ts';
import { isReady } from '../support/world.ts';

async function release({ world }: EmbeddedWorld, { metadata }: DriftIncident): Promise<void> {
  const { namespace = '', name } = metadata;
  await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'ann', reason: 'a false alarm' } },
  ]);
}

describe('a release that the receiver does not see yet', () => {
  test.for([
    ['rule', 'Another rule'],
    ['repeat', undefined],
  ] as const)(
    'does not swallow the %s that comes next: it opens another incident',
    async ([, rule], { embedded }) => {
      const { world, clock } = embedded;
      const victim = await world.victim(3);
      const watch = holdable('driftincidents');
      const receiver = await world.operator({ roles: ['receiver'] }, watch.wrap);
      await world.operator({ roles: ['responder'] });
      await world.policy({ responses: [{ name: 'note', minSeverity: 'Warning', actions: ['Label'] }] });
      await receiver.post(world.alert(victim));
      const first = await world.incident('that was labelled', (i) => i.status?.phase === 'Observed');
      watch.hold();
      await release(embedded, first);
      await world.incident('that was released', (i) => i.status?.phase === 'Released');
      await clock.advance(100);
      void receiver.post(world.alert(victim, rule === undefined ? {} : { rule }));
      await clock.advance(5_000);
      watch.release();
      const second = await world.incident('with a previous one', (i) => i.spec.previous !== undefined);
      expect(second.spec.previous).toBe(first.metadata.name);
      const stored = await world.incident('that was released', (i) => i.metadata.uid === first.metadata.uid);
      expect(Object.values(stored.status?.reports ?? {})).toEqual([]);
    },
  );
});

function setReady({ cluster, world }: EmbeddedWorld, pod: KubeObject, ready: boolean): void {
  const { namespace = world.namespace, name } = pod.metadata;
  cluster.api.update(PODS, { namespace, name }, 'status', (stored) => {
    const status = stored['status'] as { conditions: { type: string }[] };
    const conditions = status.conditions.map((one) =>
      one.type === 'Ready' ? { ...one, status: ready ? 'True' : 'False' } : one,
    );
    return { ...stored, status: { ...status, conditions } };
  });
}

describe('a replacement that is Ready, which the watch does not show yet', () => {
  test('has not failed when its time is over', async ({ embedded }) => {
    const { world, clock } = embedded;
    const victim = await world.victim(3);
    const watch = holdable('pods');
    const operator = await world.operator({}, watch.wrap);
    await world.policy({ eviction: { replacement: { readyWithin: '40s', quietFor: '10s' } } });
    void operator.post(world.alert(victim));
    const incident = await world.incident('with a replacement', (i) => i.status?.replacement !== undefined);
    const pods = await world.list(PODS);
    const replacement = pods.find(({ metadata }) => metadata.uid === incident.status?.replacement?.uid);
    if (!replacement) throw new Error('the replacement is there');
    setReady(embedded, replacement, false);
    await clock.advance(1_000);
    watch.hold();
    setReady(embedded, replacement, true);
    await clock.advance(60_000);
    watch.release();
    const over = await world.incident('that is over', isFinal);
    expect(over.status).toMatchObject({ phase: 'Resolved', replacement: { uid: replacement.metadata.uid } });
    expect((await world.list(PODS)).every(isReady)).toBe(true);
  });
});
