// What a cluster starts with, and a way to put plain objects into it.
import { NAMESPACES, NODES, SERVICE_ACCOUNTS } from '../kube/resources.ts';
import type { DirectApi } from './direct.ts';
import { isJsonObject, objectAt, textAt, type JsonObject } from './json.ts';
import { SERVED_KINDS, type ServedKind } from './kinds.ts';

const SYSTEM_NAMESPACES = ['default', 'kube-system'];
const NODE_NAMES = ['node-1', 'node-2'];

/** The namespaces and nodes that every cluster has. */
export function seedCluster(api: DirectApi, nodes: readonly string[] = NODE_NAMES): void {
  for (const name of SYSTEM_NAMESPACES) ensureNamespace(api, name);
  nodes.forEach((name, index) => ensureNode(api, name, index));
}

/** Creates the namespace unless it is there, with the account that pods need, for which others wait a moment. */
export function ensureNamespace(api: DirectApi, name: string, labels: Record<string, string> = {}): void {
  if (!api.get(NAMESPACES, { name })) api.create(NAMESPACES, undefined, { metadata: { name, labels } });
  ensureAccount(api, name);
}

/** Creates the ServiceAccount `default` of a namespace unless it is there. */
export function ensureAccount(api: DirectApi, namespace: string): void {
  const name = 'default';
  if (api.get(SERVICE_ACCOUNTS, { namespace, name })) return;
  api.create(SERVICE_ACCOUNTS, namespace, { metadata: { name, namespace } });
}

/** Creates a Ready node unless it is there. `index` gives it its addresses. */
export function ensureNode(api: DirectApi, name: string, index: number): void {
  if (!api.get(NODES, { name })) api.create(NODES, undefined, nodeObject(name, index));
}

function nodeObject(name: string, index: number): object {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: { podCIDR: `10.244.${index}.0/24` },
    status: {
      addresses: [
        { type: 'InternalIP', address: `10.89.0.${index + 2}` },
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
      nodeInfo: {
        kubeletVersion: 'v1.36.3',
        containerRuntimeVersion: 'containerd://2.4.2',
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  };
}

/**
 * Creates the objects in order, each with its namespace where that is missing; of one that exists everything but
 * identity and status is replaced. Objects name apiVersion and kind, and their namespace or `default`.
 */
export function applyObjects(api: DirectApi, objects: readonly object[]): void {
  for (const object of objects) applyObject(api, object as JsonObject);
}

function applyObject(api: DirectApi, object: JsonObject): void {
  const { resource } = kindNamed(object);
  const metadata = objectAt(object['metadata']);
  const name = textAt(metadata['name']);
  const namespace = resource.namespaced ? textAt(metadata['namespace']) || 'default' : undefined;
  if (namespace !== undefined) ensureNamespace(api, namespace);
  if (!api.get(resource, { namespace, name })) {
    api.create(resource, namespace, object);
    return;
  }
  const { labels, annotations } = metadata;
  const own = Object.fromEntries(
    Object.entries({ labels, annotations }).filter(([, value]) => isJsonObject(value)),
  );
  api.update(resource, { namespace, name }, 'object', (current) => ({
    ...current,
    ...object,
    metadata: { ...current.metadata, ...own },
  }));
}

function kindNamed(object: JsonObject): ServedKind {
  const found = SERVED_KINDS.find(
    ({ resource: { group, version, kind } }) =>
      object['kind'] === kind && object['apiVersion'] === (group === '' ? version : `${group}/${version}`),
  );
  if (found) return found;
  throw new Error(`no kind ${textAt(object['kind'])} of ${textAt(object['apiVersion'])} is served`);
}
