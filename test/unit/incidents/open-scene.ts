// A receiver's opener with a cluster around it that the test makes up.
import type { Detection } from '../../../src/api/detection.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { DriftPolicy } from '../../../src/api/policy.ts';
import { createOpener, type NewIncident, type OpenerOptions } from '../../../src/incidents/open.ts';
import { Reporter } from '../../../src/incidents/report.ts';
import { incidentName } from '../../../src/incidents/target.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { aDetection, anIncident, aPod, aPolicy, NOW } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { cachesOf, refused, reportApi } from './support.ts';

export const POD = aPod();
export const NAME = incidentName(POD, 1);
export const SECOND = incidentName(POD, 2);
export const TAKEN = refused(409, 'AlreadyExists');

/** An incident of {@link POD} under its real name. */
export function existing(change: Parameters<typeof anIncident>[0] = {}, n = 1): DriftIncident {
  return anIncident({ ...change, metadata: { name: incidentName(POD, n), ...change.metadata } });
}

/** A policy as an API server without our rules would store it. */
export function unacceptable(): DriftPolicy {
  const policy = aPolicy();
  return {
    ...policy,
    spec: { ...policy.spec, eviction: { ...policy.spec.eviction, waitForBudget: 'for ever' } },
  };
}

export interface Scene {
  pods?: Parameters<typeof cachesOf>[0]['pods'];
  policies?: Parameters<typeof cachesOf>[0]['policies'];
  incidents?: readonly DriftIncident[];
  /** What creates are answered with, one each; then they succeed. */
  creates?: Error[];
  /** What the API server holds by name, beyond what the caches show. */
  stored?: readonly DriftIncident[];
  options?: Partial<OpenerOptions>;
}

export function scene({
  pods = [POD],
  policies = [aPolicy()],
  incidents = [],
  creates = [],
  stored = [],
  options,
}: Scene) {
  const created: NewIncident[] = [];
  const clock = new VirtualClock(NOW);
  const reports = reportApi(incidents[0] ?? stored[0] ?? existing());
  const client = {
    ...reports.client,
    get: async (_resource: unknown, { name }: { name: string }) => {
      const found = [...stored, ...incidents].find(({ metadata }) => metadata.name === name);
      if (!found) throw refused(404, 'NotFound');
      return found;
    },
    list: async () => ({ metadata: { resourceVersion: '1' }, items: [] }),
    create: async (_resource: unknown, _at: unknown, body: NewIncident) => {
      const failure = creates.shift();
      if (failure) throw failure;
      created.push(body);
      return {
        ...anIncident(),
        ...body,
        metadata: { ...anIncident().metadata, ...body.metadata, uid: 'new-uid' },
      };
    },
  } as unknown as KubeClient;
  const reporter = new Reporter({ client, clock, log: silentLogger, receiver: 'r1' });
  const handle = createOpener({
    client,
    clock,
    reporter,
    caches: cachesOf({ pods, policies, incidents }),
    log: silentLogger,
    metrics: createMetrics({ outcomes: OUTCOMES }),
    protectedNamespaces: new Set(['kube-system']),
    maxAlertAgeMs: 900_000,
    ...options,
  });
  const open = async (detection: Detection = aDetection({ id: '1'.repeat(32) }), waitedMs = 0) => {
    // Time counts from when the caches are read.
    if (waitedMs > 0) await clock.advance(waitedMs);
    return handle(detection, { firstTriedAt: clock.elapsed() - waitedMs });
  };
  return { open, created, clock, reporter, reports };
}
