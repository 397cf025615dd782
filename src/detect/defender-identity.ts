// Which pod of which cluster an alert of Microsoft Defender for Cloud is about, as far as its entities tell.
import type { ToldIdentity } from '../api/detection.ts';
import type { Entities } from './defender-entities.ts';
import { keyed, listOf, textOf, type Keyed } from './defender-keys.ts';
import { CONTAINER_ID, DNS_LABEL, isDnsName } from './falco-identity.ts';

// What is the ID of a cluster, and not of a machine or a registry: AKS, and clusters that are connected by Azure Arc.
const CLUSTER_ID =
  /^\/subscriptions\/.+\/providers\/microsoft\.(?:containerservice\/managedclusters|kubernetes\/connectedclusters)\/[^/]+$/;
const MAX_CLUSTERS = 32;

/**
 * Reads the identity; a value that is not of its form is not told. An alert that tells one of these in two ways tells of
 * nobody: what is left of it could be of the wrong pod. There is never a pod's UID.
 */
export function defenderIdentity(entities: Entities): ToldIdentity {
  const spaces = entities.ofType('k8s-namespace').flatMap((one) => told(textOf(one, 'name'), isLabel));
  const pods = podsOf(entities, spaces[0]);
  const containers = entities.ofType('container');
  const containerIds = withoutParts(containers.flatMap(containerIdOf));
  const containerNames = containers.flatMap((one) => told(textOf(one, 'name'), isLabel));
  // Kubelets register in lower case.
  const hosts = entities.ofType('host').map((one) => textOf(one, 'hostname')?.toLowerCase());
  const hostnames = hosts.flatMap((one) => told(one, isDnsName));
  const namespaces = [...spaces, ...pods.flatMap(({ namespace }) => namespace ?? [])];
  const all = [namespaces, pods.map((pod) => JSON.stringify(pod)), containerIds, containerNames, hostnames];
  if (all.some((values) => new Set(values).size > 1)) return {};
  const named = pods[0] ?? { namespace: spaces[0], podName: undefined };
  const [containerId, containerName, hostname] = [containerIds[0], containerNames[0], hostnames[0]];
  return {
    ...asFarAsOfUse(named, containerId),
    ...(containerId !== undefined && { containerId }),
    ...(containerName !== undefined && { containerName }),
    ...(hostname !== undefined && { hostname }),
  };
}

/**
 * Resource IDs of the clusters that the alert is about, each as {@link comparableId} has it: those of its entities, of its
 * resource identifiers, and the column ResourceId of Log Analytics. What is not the ID of a cluster is left out, unless it is
 * the one that is looked for.
 */
export function clustersOf(alert: Keyed, identifiers: unknown, entities: Entities, own: string): string[] {
  const inEntities = [
    ...entities.ofType('azure-resource'),
    ...entities.ofType('k8s-cluster').flatMap((one) => entities.follow(one.get('cloudresource')) ?? []),
  ].flatMap((one) => textOf(one, 'resourceid') ?? []);
  const inList = listOf(identifiers).flatMap((one) => textOf(keyed(one), 'azureresourceid') ?? []);
  const direct = textOf(alert, 'resourceid', 'azureresourceid') ?? [];
  const all = [...inEntities, ...inList].concat(direct).map(comparableId);
  return [...new Set(all.filter((id) => id === own || CLUSTER_ID.test(id)))].slice(0, MAX_CLUSTERS);
}

/** An Azure resource ID as it can be compared: they are equal whatever the case of their letters (Azure's naming rules). */
export function comparableId(id: string): string {
  return id.trim().toLowerCase().replace(/\/$/, '');
}

interface Named {
  namespace: string | undefined;
  podName: string | undefined;
}

/** @param only the namespace of a pod that does not tell its own. */
function podsOf(entities: Entities, only: string | undefined): Named[] {
  return entities.ofType('k8s-pod').map((pod) => ({
    namespace: pod.has('namespace') ? namespaceOf(pod.get('namespace'), entities) : only,
    podName: told(textOf(pod, 'name'), isDnsName)[0],
  }));
}

// Half a name finds no pod, but a pod that is found by its container must have it.
function asFarAsOfUse(
  { namespace, podName }: Named,
  containerId: string | undefined,
): Pick<ToldIdentity, 'namespace' | 'podName'> {
  if (containerId === undefined && (namespace === undefined || podName === undefined)) return {};
  return { ...(namespace !== undefined && { namespace }), ...(podName !== undefined && { podName }) };
}

function namespaceOf(value: unknown, entities: Entities): string | undefined {
  const name = typeof value === 'string' ? value : textOf(entities.follow(value), 'name');
  return told(name, isLabel)[0];
}

// `containerd://<64 hex>` as well as the digits alone.
function containerIdOf(container: Keyed): string[] {
  const id = textOf(container, 'containerid')?.toLowerCase().split('://').at(-1);
  return told(id, (text) => CONTAINER_ID.test(text));
}

// An ID may be told in whole and in part: the parts of another one say nothing more.
function withoutParts(ids: readonly string[]): string[] {
  const longest = ids.toSorted((a, b) => b.length - a.length)[0];
  return ids.filter((id) => id === longest || !longest?.startsWith(id));
}

function isLabel(text: string): boolean {
  return DNS_LABEL.test(text);
}

function told(text: string | undefined, isValid: (text: string) => boolean): string[] {
  return text !== undefined && isValid(text) ? [text] : [];
}
