// What receivers' parts need around them: an API that answers as the test says, and caches that hold what it puts there.
import type { DriftIncident, Report } from '../../../src/api/incident.ts';
import { unreadNamespace } from '../../../src/api/namespace.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import type { DriftPolicy } from '../../../src/api/policy.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { containerKey, type Caches } from '../../../src/incidents/caches.ts';
import { Rulebooks } from '../../../src/incidents/rulebooks.ts';
import type { JsonPatchOp, KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { Resource } from '../../../src/kube/resources.ts';

/** An answer with an error status, as the client throws it. */
export function refused(status: number, reason: string, more: { hasDetails?: boolean } = {}): KubeError {
  return new KubeError(`${status} ${reason}`, { status, reason, ...more });
}

/** A JSON patch of status reports that was sent. */
export interface SentPatch {
  ops: readonly JsonPatchOp[];
  /** The report in it. */
  report: Report;
}

/**
 * An API server that holds one incident and takes reports, if the tests of a patch on its phase hold; `failures` are
 * thrown first, one a request.
 */
export interface ReportApi {
  client: KubeClient;
  sent: SentPatch[];
  /** Reports that were stored. */
  stored: Report[];
  failures: Error[];
  incident: DriftIncident;
}

/** Makes one. */
export function reportApi(incident: DriftIncident): ReportApi {
  const api: ReportApi = {
    sent: [],
    stored: [],
    failures: [],
    incident,
    client: {
      get: () => Promise.resolve(api.incident),
      jsonPatch: async (_resource: Resource, _at: object, ops: readonly JsonPatchOp[]) => {
        api.sent.push({ ops, report: (ops.at(-1) as { value: Report }).value });
        // Like the network: nothing is answered at once.
        await Promise.resolve();
        const failure = api.failures.shift();
        if (failure) throw failure;
        const phase = ops.find(({ op, path }) => op === 'test' && path === '/status/phase');
        if (phase?.op === 'test' && phase.value !== (api.incident.status?.phase ?? null))
          throw refused(422, 'Invalid');
        api.stored.push((ops.at(-1) as { value: Report }).value);
        return api.incident;
      },
    } as unknown as KubeClient,
  };
  return api;
}

/** Caches that are synced and hold this. */
export function cachesOf(content: {
  pods?: readonly PodFacts[];
  policies?: readonly DriftPolicy[];
  incidents?: readonly DriftIncident[];
}): Caches {
  const { pods = [], policies = [], incidents = [] } = content;
  const entries = policies.map((policy) => ({
    kind: 'DriftPolicy' as const,
    policy,
    compilation: compilePolicy(policy),
  }));
  const synced = Promise.resolve();
  const subscribe = () => () => {};
  const sources = {
    policies: {
      synced,
      subscribe,
      byIndex: (_index: string, term: string) =>
        entries.filter(({ policy }) => policy.metadata.namespace === term),
    },
    clusterPolicies: { synced, subscribe, values: () => [] },
    namespaces: { synced, subscribe, get: (_none: unknown, name: string) => unreadNamespace(name) },
  };
  return {
    ...sources,
    rulebooks: new Rulebooks(sources),
    pods: {
      synced,
      get: (namespace: string, name: string) =>
        pods.find((pod) => pod.namespace === namespace && pod.name === name),
      byIndex: (index: string, term: string) =>
        pods.filter((pod) =>
          index === 'uid'
            ? pod.uid === term
            : pod.containers.some(({ containerID = '' }) => containerKey(containerID) === term),
        ),
    },
    incidents: {
      synced,
      get: (_namespace: string, name: string) => incidents.find(({ metadata }) => metadata.name === name),
      byIndex: (index: string, term: string) =>
        incidents.filter(
          ({ spec }) => (index === 'detection' ? spec.trigger.detection.id : spec.target.uid) === term,
        ),
    },
  } as unknown as Caches;
}
