// Evidence that is required and cannot be stored: the capture is tried for hours, and people are told once.
import { expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { EvidenceStoreError } from '../../src/evidence/store.ts';
import { EVENTS } from '../../src/kube/resources.ts';
import { simulationTest as test } from '../support/flow-test.ts';

const HOUR_MS = 3_600_000;

test('a capture that is tried again and again is told once for each reason', async ({ embedded }) => {
  const { world, clock } = embedded;
  const victim = await world.victim(3);
  const operator = await world.operator();
  let tries = 0;
  let why = 'the disk is full';
  operator.evidence.open = () => {
    tries += 1;
    return Promise.reject(new EvidenceStoreError('NoSpace', '/e', `/e/attempt-${tries}: ${why}`));
  };
  await world.policy({ evidence: { required: true } });
  await operator.post(world.alert(victim));
  const waits = async () => {
    const events = await world.list<KubeObject & { reason: string; note: string }>(EVENTS);
    return events.filter(({ reason }) => reason === 'EvidenceMissing').map(({ note }) => note);
  };
  await clock.advance(HOUR_MS / 6);
  const before = tries;
  await clock.advance(3 * HOUR_MS);
  expect(tries).toBeGreaterThan(before + 10);
  expect(await waits()).toEqual([expect.stringContaining('the disk is full')]);
  why = 'it is read-only';
  await clock.advance(3 * HOUR_MS);
  expect(await waits()).toHaveLength(2);
});
