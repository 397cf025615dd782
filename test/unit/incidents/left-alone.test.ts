// Incidents that are left alone: one that this version cannot read must not stop the work on others, and who may create
// incidents in one namespace must gain nothing in another by it.
import { describe, expect, test, vi } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { createCaches } from '../../../src/incidents/caches.ts';
import { faultOf } from '../../../src/incidents/fault.ts';
import { createOpener } from '../../../src/incidents/open.ts';
import { reconcile, type ReconcileContext } from '../../../src/incidents/reconcile.ts';
import { Reporter } from '../../../src/incidents/report.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { Resource } from '../../../src/kube/resources.ts';
import { silentLogger, type Logger } from '../../../src/observe/log.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { aDetection, anIncident, aPod, aPolicy } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { cachesOf, refused } from './support.ts';

const ELSEWHERE = anIncident({
  metadata: { namespace: 'attacker', name: 'web-1-abcdef0123-1', uid: 'forged' },
});

const broken = (change: object): DriftIncident => ({ ...anIncident(), ...change });
const { target, trigger } = anIncident().spec;

describe('what is wrong with an incident', () => {
  test('is nothing as a rule', () => {
    expect(faultOf(anIncident())).toBeUndefined();
    expect(faultOf(anIncident({ status: { phase: 'Resolved' } }))).toBeUndefined();
  });

  test('is not a field that this version does not know', () => {
    expect(faultOf(broken({ spec: { target, trigger, later: 1 }, later: 2 }))).toBeUndefined();
  });

  test.each<[string, DriftIncident, RegExp]>([
    ['no trigger', broken({ spec: { target } }), /cannot read it \(spec\.trigger: /],
    ['no spec', broken({ spec: undefined }), /cannot read it \(spec: /],
    ['steps that are none', broken({ status: { steps: [{ name: 'Erase' }] } }), /\(status\.steps\.0\.name: /],
    [
      'a text that cannot be measured',
      broken({ spec: { target: { ...target, name: { length: { toString: 0 } } }, trigger } }),
      /cannot read it/,
    ],
    ['another namespace', ELSEWHERE, /it is about a pod of namespace shop and lies in another: delete it/],
  ])('is %s', (_, incident, expected) => {
    expect(faultOf(incident)).toMatch(expected);
  });
});

describe.each([
  ['about a pod of another namespace', ELSEWHERE],
  ['that cannot be read', broken({ spec: { target } })],
])('an incident %s', (_, fault) => {
  test('is not in the cache, so that it counts for nothing', async () => {
    const clock = new VirtualClock();
    const log = { ...silentLogger, error: vi.fn<Logger['error']>() };
    const caches = createCaches({
      client: serving([fault, anIncident({ metadata: { name: 'sound' } })]),
      clock,
      random: () => 0.5,
      log,
    });
    const stopped = new AbortController();
    const running = caches.incidents.run(stopped.signal);
    await caches.incidents.synced;
    expect(caches.incidents.values().map(({ metadata }) => metadata.name)).toEqual(['sound']);
    expect(log.error).toHaveBeenCalledTimes(1);
    stopped.abort();
    await clock.advance(1_000);
    await running;
  });

  test('is not worked on', async () => {
    const get = vi.fn<() => Promise<DriftIncident>>().mockResolvedValue(fault);
    const context = { client: { get } } as unknown as ReconcileContext;
    expect(await reconcile(context, 'attacker/web-1-abcdef0123-1')).toEqual({ kind: 'done' });
    expect(get).toHaveBeenCalledTimes(1);
  });

  test('does not stand in the way of an incident of the pod', async () => {
    const names: string[] = [];
    const client = {
      get: () => Promise.resolve(fault),
      create: (_resource: Resource, _at: object, body: DriftIncident) => {
        names.push(body.metadata.name.slice(-2));
        return names.length === 1 ? Promise.reject(refused(409, 'AlreadyExists')) : Promise.resolve(body);
      },
    } as unknown as KubeClient;
    const clock = new VirtualClock();
    const parts = {
      client,
      clock,
      log: silentLogger,
      metrics: createMetrics({ outcomes: OUTCOMES }),
      caches: cachesOf({ pods: [aPod()], policies: [aPolicy()] }),
    };
    const reporter = new Reporter({ ...parts, receiver: 'r' });
    const open = createOpener({ ...parts, reporter, protectedNamespaces: new Set(), maxAlertAgeMs: 900_000 });
    expect(await open(aDetection(), { firstTriedAt: 0 })).toMatchObject({ outcome: 'Opened' });
    expect(names).toEqual(['-1', '-2']);
  });
});

/** An API server that lists these and whose watches tell nothing. */
function serving(items: readonly DriftIncident[]): KubeClient {
  return {
    list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items }),
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
  } as unknown as KubeClient;
}
