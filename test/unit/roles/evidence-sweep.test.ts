// Old evidence is looked for all through a term, and a sweep that fails is no end of it.
import { describe, expect, it } from 'vitest';
import type { IncidentRef, SweepReport } from '../../../src/evidence/store.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import type { Logger } from '../../../src/observe/log.ts';
import { SWEEP_EVERY_MS, sweepEvidence } from '../../../src/roles/evidence-sweep.ts';
import { anIncident } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const NOTHING: SweepReport = { bundles: [], attempts: [], kept: [] };

function scene(sweep?: (inUse: (incident: IncidentRef) => boolean) => Promise<SweepReport>) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const say = (_: object, message: string) => void said.push(message);
  const log: Logger = { debug: () => {}, info: say, warn: say, error: say, child: () => log };
  const metrics = createMetrics({ outcomes: OUTCOMES });
  const stop = new AbortController();
  const one = anIncident();
  const open = { ...one, metadata: { ...one.metadata, uid: 'open' } };
  const over = { ...one, metadata: { ...one.metadata, uid: 'over' }, status: { phase: 'Resolved' as const } };
  const caches = { incidents: { byIndex: () => [open, over] } };
  const done = sweepEvidence(
    { evidence: { ...(sweep && { sweep }) }, caches, clock, log, metrics },
    stop.signal,
  );
  return { clock, said, metrics, stop, done };
}

describe('old evidence', () => {
  it('is looked for at once and then each hour, told and counted', async () => {
    const reports = [
      { ...NOTHING, bundles: ['/e/a', '/e/b'] },
      { ...NOTHING, attempts: ['/e/c'] },
    ];
    const { clock, said, metrics, stop, done } = scene(() => Promise.resolve(reports.shift() ?? NOTHING));
    await clock.advance(0);
    expect(said).toEqual([
      'evidence at /e/a is older than --evidence-retention and was deleted',
      'evidence at /e/b is older than --evidence-retention and was deleted',
    ]);
    await clock.advance(SWEEP_EVERY_MS);
    expect(said).toHaveLength(3);
    expect(await metrics.render()).toContain('die_operator_evidence_deleted_total 2');
    stop.abort();
    await done;
    expect(clock.pending).toBe(0);
  });

  it('of an incident that is not over is in use', async () => {
    const answers: boolean[] = [];
    const { clock, stop } = scene((inUse) => {
      for (const uid of ['open', 'over', 'forgotten'])
        answers.push(inUse({ namespace: 'shop', name: 'x', uid }));
      return Promise.resolve(NOTHING);
    });
    await clock.advance(0);
    stop.abort();
    expect(answers).toEqual([true, false, false]);
  });

  it('that could not be deleted is told, and tried again', async () => {
    let tries = 0;
    const { clock, said, stop } = scene(() => {
      tries += 1;
      if (tries === 1) return Promise.reject(new Error('the disk is away'));
      return Promise.resolve({ ...NOTHING, kept: [{ place: '/e/a', why: 'it is locked' }] });
    });
    await clock.advance(SWEEP_EVERY_MS);
    stop.abort();
    expect(said).toEqual([
      'old evidence could not be deleted; tried again in an hour: the disk is away',
      'evidence at /e/a was not deleted, whatever its age: it is locked',
    ]);
  });

  it('is not looked for where everything is kept', async () => {
    const { clock, done } = scene();
    await done;
    expect(clock.pending).toBe(0);
  });
});
