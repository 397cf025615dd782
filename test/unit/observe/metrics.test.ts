import { describe, expect, it } from 'vitest';
import { FINAL_PHASES } from '../../../src/api/incident.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import { DRIFT_INCIDENTS, PODS } from '../../../src/kube/resources.ts';
import { MEASURED_STEPS, STEP_RESULTS, createMetrics } from '../../../src/observe/metrics.ts';

const fresh = () => createMetrics({ outcomes: OUTCOMES });

/** The samples of a metric: labels as written -> value. */
async function samples(
  metrics: { render(): Promise<string> },
  name: string,
): Promise<Record<string, number>> {
  const lines = (await metrics.render())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

describe('counters', () => {
  it('start at 0 for every outcome, phase and status', async () => {
    const metrics = fresh();
    const zeros = (label: string, values: readonly string[]) =>
      Object.fromEntries(values.map((value) => [`{${label}="${value}"}`, 0]));
    expect(await samples(metrics, 'die_operator_alerts_total')).toEqual(zeros('outcome', OUTCOMES));
    expect(await samples(metrics, 'die_operator_incidents_total')).toEqual(zeros('phase', FINAL_PHASES));
    const codes = ['400', '401', '404', '405', '413', '415', '500', '503', 'other'];
    expect(await samples(metrics, 'die_operator_requests_rejected_total')).toEqual(zeros('code', codes));
  });

  it('count what happened', async () => {
    const metrics = fresh();
    metrics.detection('Opened');
    metrics.detection('Opened');
    metrics.detection('Duplicate');
    metrics.ended('Resolved');
    metrics.rejected(401);
    expect(await samples(metrics, 'die_operator_alerts_total')).toMatchObject({
      '{outcome="Opened"}': 2,
      '{outcome="Duplicate"}': 1,
      '{outcome="NoPolicy"}': 0,
    });
    expect(await samples(metrics, 'die_operator_incidents_total')).toMatchObject({ '{phase="Resolved"}': 1 });
    expect(await samples(metrics, 'die_operator_requests_rejected_total')).toMatchObject({
      '{code="401"}': 1,
    });
  });

  it('put statuses that are not listed together, so that labels stay few', async () => {
    const metrics = fresh();
    for (let status = 420; status < 460; status++) metrics.rejected(status);
    const codes = await samples(metrics, 'die_operator_requests_rejected_total');
    expect(codes['{code="other"}']).toBe(40);
    expect(Object.keys(codes)).toHaveLength(9);
  });

  it('do not mix between operators in one process', async () => {
    const [one, two] = [fresh(), fresh()];
    one.detection('Opened');
    expect((await samples(two, 'die_operator_alerts_total'))['{outcome="Opened"}']).toBe(0);
  });
});

describe('durations', () => {
  it('of steps are there for each step and result from the start', async () => {
    const counts = await samples(fresh(), 'die_operator_step_duration_seconds_count');
    const all = MEASURED_STEPS.flatMap((step) =>
      STEP_RESULTS.map((result) => `{step="${step}",result="${result}"}`),
    );
    expect(Object.keys(counts).toSorted()).toEqual(all.toSorted());
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
  });

  it('of steps are measured in seconds', async () => {
    const metrics = fresh();
    metrics.step('Capture', 'Failed', 12.5);
    metrics.step('Capture', 'Failed', 0.5);
    const labels = '{step="Capture",result="Failed"}';
    expect((await samples(metrics, 'die_operator_step_duration_seconds_sum'))[labels]).toBe(13);
    expect((await samples(metrics, 'die_operator_step_duration_seconds_count'))[labels]).toBe(2);
    const buckets = await samples(metrics, 'die_operator_step_duration_seconds_bucket');
    expect(buckets['{le="10",step="Capture",result="Failed"}']).toBe(1);
    expect(buckets['{le="30",step="Capture",result="Failed"}']).toBe(2);
  });

  it('from alert to isolation are measured in seconds', async () => {
    const metrics = fresh();
    metrics.isolated(0.2);
    const buckets = await samples(metrics, 'die_operator_alert_to_isolated_seconds_bucket');
    expect(buckets).toMatchObject({ '{le="0.1"}': 0, '{le="0.25"}': 1, '{le="+Inf"}': 1 });
  });
});

describe('sizes', () => {
  it('are read when the metrics are', async () => {
    const metrics = fresh();
    let waiting = 3;
    metrics.showQueue('intake', () => waiting);
    metrics.showCache(PODS, () => 1000);
    metrics.showCache(DRIFT_INCIDENTS, () => 2);
    expect(await samples(metrics, 'die_operator_queue_depth')).toEqual({ '{queue="intake"}': 3 });
    waiting = 0;
    expect(await samples(metrics, 'die_operator_queue_depth')).toEqual({ '{queue="intake"}': 0 });
    const objects = { '{kind="Pod"}': 1000, '{kind="DriftIncident"}': 2 };
    expect(await samples(metrics, 'die_operator_cache_objects')).toEqual(objects);
  });
});

describe('metrics of the process', () => {
  it('are there only when asked for', async () => {
    expect(await fresh().render()).not.toContain('process_resident_memory_bytes');
    const metrics = fresh();
    metrics.showProcess();
    expect(await metrics.render()).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});
