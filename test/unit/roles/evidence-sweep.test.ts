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

type Sweep = (inUse: (incident: IncidentRef) => boolean) => Promise<SweepReport>;

function scene(sweep?: Sweep, serverSkew?: () => Promise<number>) {
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
    { evidence: { ...(sweep && { sweep }) }, caches, clock, log, metrics, serverSkew },
    stop.signal,
  );
  return { clock, said, metrics, stop, done };
}

const MINUTE = 60_000;
/** What was said in rounds in which the clocks were so far apart, and how often something was deleted. */
async function rounds(...skews: (number | Error)[]) {
  let sweeps = 0;
  const number = skews.length;
  const sweep = () => {
    sweeps += 1;
    return Promise.resolve(NOTHING);
  };
  const { clock, said, stop, done } = scene(sweep, () => {
    const skew = skews.shift() ?? 0;
    return typeof skew === 'number' ? Promise.resolve(skew) : Promise.reject(skew);
  });
  await clock.advance(SWEEP_EVERY_MS * (number - 1));
  stop.abort();
  await done;
  return { sweeps, said };
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

  it('is not deleted by a clock that is far from that of the API server, which is told once', async () => {
    const { sweeps, said } = await rounds(-400 * 24 * 60 * MINUTE, -10 * MINUTE, 0, 6 * MINUTE, 0);
    expect(sweeps).toBe(2);
    expect(said).toEqual([
      expect.stringMatching(/^this clock is 34560000 s ahead of that of the API server: no old evidence/),
      expect.stringContaining('old evidence is deleted again'),
      expect.stringMatching(/^this clock is 360 s behind that of the API server: no old evidence/),
      expect.stringContaining('old evidence is deleted again'),
    ]);
  });

  it('is deleted where the clocks are little apart', async () => {
    expect(await rounds(4 * MINUTE, -4 * MINUTE)).toEqual({ sweeps: 2, said: [] });
  });

  it('is not deleted while the time of the API server is not known, which is told once', async () => {
    const { sweeps, said } = await rounds(new Error('no route'), new Error('no route'), 0);
    expect(sweeps).toBe(1);
    expect(said).toEqual([
      expect.stringMatching(/^no old evidence is deleted until the API server tells its time.*: no route$/),
      expect.stringContaining('old evidence is deleted again'),
    ]);
  });
});
