// Reads from a cluster everything of die-operator that config/ did not put there. Writes nothing.
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import {
  CAPTURE_NAMESPACE,
  ENFORCEMENT_CONFIGMAP,
  HELPER_LABEL,
  INTAKE_CONFIGMAP,
  LEDGER_CONFIGMAP,
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  QUARANTINE_LIST,
  QUARANTINE_POLICY,
  QUARANTINED_PODS_LIST,
  SWITCH_CONFIGMAP,
  SYSTEM_NAMESPACE,
} from '../../api/names.ts';
import { podFacts } from '../../api/pod.ts';
import type { ListedPod } from '../../decide/quarantine-list.ts';
import { hasFinalizer } from '../../incidents/facts.ts';
import { faultOf } from '../../incidents/fault.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { listAll } from '../../kube/list-all.ts';
import {
  CONFIG_MAPS,
  DRIFT_INCIDENTS,
  LEASES,
  NETWORK_POLICIES,
  PODS,
  type Resource,
} from '../../kube/resources.ts';
import { readClusterList } from '../../respond/quarantine-list.ts';
import { isMarked, type Found } from './remains.ts';

/** What is looked at. */
export interface Scope {
  /** Absent: all, and what is of the cluster. */
  namespace?: string | undefined;
  /** Name of the Lease in our own namespace. */
  leaseName: string;
}

const OURS = `${MANAGED_BY_LABEL}=${OPERATOR_NAME}`;
/** ConfigMaps in our own namespace that config/ installs or people make. */
const OWN_CONFIG_MAPS = [
  SWITCH_CONFIGMAP,
  ENFORCEMENT_CONFIGMAP,
  QUARANTINED_PODS_LIST,
  INTAKE_CONFIGMAP,
  LEDGER_CONFIGMAP,
  INTAKE_CONFIGMAP,
];

/** See the file's first line. @throws KubeError: half of it would be mistaken for all. */
export async function readFound(client: KubeClient, scope: Scope): Promise<Found> {
  const at = scope.namespace === undefined ? {} : { namespace: scope.namespace };
  const called = (name: string) => ({ ...at, labelSelector: OURS, fieldSelector: `metadata.name=${name}` });
  // In this order: an incident is older than what it puts on its pod.
  const marked = await readMarkedPods(client, at);
  const { sound, faulty } = await readIncidents(client, at);
  const [targets, denyPolicies, lists, entries, helpers, own] = await Promise.all([
    readTargets(client, sound.filter(hasFinalizer), marked),
    Array.fromAsync(listAll(client, NETWORK_POLICIES, called(QUARANTINE_POLICY))),
    Array.fromAsync(listAll(client, CONFIG_MAPS, called(QUARANTINE_LIST))),
    readEntries(client, scope),
    scope.namespace === undefined ? readHelpers(client) : [],
    scope.namespace === undefined ? readOwn(client, scope.leaseName) : [],
  ]);
  const pods = [...marked, ...targets];
  return { pods, incidents: sound, faulty, denyPolicies, lists, entries, helpers, own };
}

async function readIncidents(
  client: KubeClient,
  at: { namespace?: string },
): Promise<{ sound: DriftIncident[]; faulty: Found['faulty'] }> {
  const all = await Array.fromAsync(listAll<DriftIncident>(client, DRIFT_INCIDENTS, at)).catch(
    noneIfUnserved,
  );
  const judged = all.map((incident) => ({ incident, fault: faultOf(incident) }));
  return {
    sound: judged.flatMap(({ incident, fault }) => (fault === undefined ? [incident] : [])),
    faulty: judged.flatMap(({ incident, fault }) =>
      fault !== undefined && hasFinalizer(incident) ? [{ incident, fault }] : [],
    ),
  };
}

// The definitions may have been deleted already, and all incidents with them.
function noneIfUnserved(error: unknown): never[] {
  if (error instanceof KubeError && error.status === 404) return [];
  throw error;
}

async function readMarkedPods(client: KubeClient, at: { namespace?: string }): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for await (const pod of listAll<KubeObject>(client, PODS, at))
    if (!isHelper(pod) && isMarked(podFacts(pod))) found.push(pod);
  return found;
}

/** The other pods of those incidents, if they are there. */
async function readTargets(
  client: KubeClient,
  incidents: readonly DriftIncident[],
  marked: readonly KubeObject[],
): Promise<KubeObject[]> {
  const seen = new Set(marked.map(({ metadata }) => metadata.uid));
  const found: KubeObject[] = [];
  for (const { spec } of incidents) {
    const { namespace, name, uid } = spec.target;
    if (seen.has(uid)) continue;
    seen.add(uid);
    const pod = await orAbsent(client.get<KubeObject>(PODS, { namespace, name }));
    if (pod?.metadata.uid === uid) found.push(pod);
  }
  return found;
}

// Those are labelled to be tested, and never anybody's workload.
function isHelper({ metadata }: KubeObject): boolean {
  return metadata.namespace === CAPTURE_NAMESPACE && Object.hasOwn(metadata.labels ?? {}, HELPER_LABEL);
}

async function readHelpers(client: KubeClient): Promise<KubeObject[]> {
  const selection = { namespace: CAPTURE_NAMESPACE, labelSelector: HELPER_LABEL };
  return Array.fromAsync(listAll<KubeObject>(client, PODS, selection));
}

async function readEntries(client: KubeClient, { namespace: only }: Scope): Promise<ListedPod[]> {
  const list = await readClusterList(client);
  return Object.entries(list)
    .map(([uid, entry]) => {
      const [namespace = '', name = ''] = entry.split('/');
      return { namespace, name, uid };
    })
    .filter(({ namespace }) => only === undefined || namespace === only);
}

async function readOwn(client: KubeClient, leaseName: string): Promise<Found['own']> {
  const wanted = [
    ...OWN_CONFIG_MAPS.map((name) => ({ resource: CONFIG_MAPS, kind: 'ConfigMap', name }) as const),
    { resource: LEASES, kind: 'Lease', name: leaseName } as const,
  ];
  const found = await Promise.all(
    wanted.map(async ({ resource, kind, name }) =>
      (await exists(client, resource, name)) ? [{ kind, name }] : [],
    ),
  );
  return found.flat();
}

async function exists(client: KubeClient, resource: Resource, name: string): Promise<boolean> {
  return (await orAbsent(client.get(resource, { namespace: SYSTEM_NAMESPACE, name }))) !== undefined;
}
