// The subject of an explanation out of a cluster: a few reads, and nothing is written.
import { isFinal, type DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { namespaceFacts } from '../../api/namespace.ts';
import { podFacts, type PodFacts } from '../../api/pod.ts';
import type { AnyPolicy, PolicyKind } from '../../api/policy.ts';
import { PAUSE_SWITCH, pausedBy } from '../../decide/pause.ts';
import { countOthers } from '../../explain/others.ts';
import { availabilityOf, readLimits } from '../../incidents/availability.ts';
import type { Pause, StoredPolicy, Subject } from '../../explain/subject.ts';
import { faultOf } from '../../incidents/fault.ts';
import { targetOf } from '../../incidents/target.ts';
import type { KubeClient, Selection } from '../../kube/client.ts';
import { systemClock, systemRandom } from '../../kube/clock.ts';
import { loadConnection } from '../../kube/connection.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { createKubeClient } from '../../kube/http-client.ts';
import { listAll } from '../../kube/list-all.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  PODS,
  type Resource,
} from '../../kube/resources.ts';
import { createUndiciTransport } from '../../kube/undici-transport.ts';
import { version } from '../../version.ts';

/** What to read, and how to get there. */
export interface ClusterRequest {
  name: string;
  namespace: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  at: number;
  protectedNamespaces: ReadonlySet<string>;
}

const DEFAULT_NAMESPACE = 'default';

/** Connects and reads. @throws Error naming the missing right, or why there is no answer. */
export async function fromCluster(request: ClusterRequest): Promise<Subject> {
  const transport = createUndiciTransport(await loadConnection(request));
  const userAgent = `die-operator-explain/${version()}`;
  const client = createKubeClient({ transport, clock: systemClock, random: systemRandom, userAgent });
  try {
    return await readSubject(client, request);
  } finally {
    await transport.close();
  }
}

/** Reads everything that decisions about the pod look at. @throws Error as {@link fromCluster}. */
export async function readSubject(client: KubeClient, request: ClusterRequest): Promise<Subject> {
  const { name, namespace = DEFAULT_NAMESPACE, at, protectedNamespaces } = request;
  const object = await allowed(client.get<KubeObject>(PODS, { namespace, name }), 'get', PODS, namespace);
  const pod = podFacts(object);
  const [space, own, cluster, pods, incidents, paused, around] = await Promise.all([
    allowed(client.get<KubeObject>(NAMESPACES, { name: namespace }), 'get', NAMESPACES),
    readAll<AnyPolicy>(client, DRIFT_POLICIES, { namespace }),
    readAll<AnyPolicy>(client, CLUSTER_DRIFT_POLICIES),
    readAll<KubeObject>(client, PODS, { namespace }),
    readAll<DriftIncident>(client, DRIFT_INCIDENTS, { namespace }),
    readPause(client),
    readLimits(client, namespace, true),
  ]);
  const sound = incidents.filter((incident) => faultOf(incident) === undefined);
  const incident = sound.find((one) => one.spec.target.uid === pod.uid && !isFinal(one));
  const target = incident?.spec.target ?? targetOf(pod);
  const facts = pods.map(toFacts);
  const counted = countOthers(target, facts, sound);
  const availability = availabilityOf(around, { facts: pod, object, labels: target.labels }, counted, {
    pods: () => facts,
  });
  return {
    origin: 'Cluster',
    pod,
    target,
    space: namespaceFacts(space),
    policies: [...asKind('DriftPolicy', own), ...asKind('ClusterDriftPolicy', cluster)],
    incident,
    others: { workload: counted.workload, namespace: counted.namespace, availability },
    paused,
    at,
    protectedNamespaces,
  };
}

function asKind(kind: PolicyKind, policies: readonly AnyPolicy[]): StoredPolicy[] {
  return policies.map((policy) => ({ kind, policy }));
}

function toFacts(object: KubeObject): PodFacts {
  return podFacts(object);
}

function readAll<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  selection: Selection = {},
): Promise<T[]> {
  const all = Array.fromAsync(listAll<T>(client, resource, selection));
  return allowed(all, 'list', resource, selection.namespace);
}

async function allowed<T>(
  read: Promise<T>,
  verb: string,
  resource: Resource,
  namespace?: string,
): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const what = `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}`;
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    const cure = cureOf(error, `${verb} ${what}${where}`, resource);
    throw cure === undefined ? error : new Error(`${error.message}; ${cure}`, { cause: error });
  }
}

function cureOf(error: KubeError, right: string, { kind, group }: Resource): string | undefined {
  if (isForbidden(error))
    return `explain needs the right to ${right}: docs/explain.md lists all that it reads`;
  if (error.status === 404 && !isNotFound(error) && group !== '')
    return `this cluster has no ${kind}: install the definitions of die-operator, or explain from files with --filename`;
  return undefined;
}

// The responder reads the switch with its own right: where the person has none, it is not known how it stands.
async function readPause(client: KubeClient): Promise<Pause> {
  try {
    const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
    const { data } = await client.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, at);
    const message = pausedBy(data);
    return message === undefined ? { state: 'Off' } : { state: 'On', message };
  } catch (error) {
    if (isNotFound(error)) return { state: 'Off' };
    if (!isForbidden(error)) throw error;
    return { state: 'Unknown', message: `you may not read ${PAUSE_SWITCH}` };
  }
}
