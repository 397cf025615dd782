// What the demo plays with: the examples that users copy, and a recorded alert.
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { PodFacts } from '../../api/pod.ts';
import type { DriftPolicy } from '../../api/policy.ts';
import type { ResourceCache } from '../../kube/cache.ts';
import type { KubeClient } from '../../kube/client.ts';
import {
  DEPLOYMENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  POD_DISRUPTION_BUDGETS,
  SERVICES,
  type Resource,
} from '../../kube/resources.ts';

/** Namespace of the examples. */
export const NAMESPACE = 'shop';
/** Deployment and Service of the examples. */
export const WORKLOAD = 'web';

/** What the demo sees of its cluster. */
export interface Seen {
  pods: ResourceCache<PodFacts>;
  incidents: ResourceCache<DriftIncident>;
  policies: ResourceCache<KubeObject>;
  slices: ResourceCache<KubeObject>;
}

const KINDS: Readonly<Record<string, Resource>> = {
  Namespace: NAMESPACES,
  Deployment: DEPLOYMENTS,
  Service: SERVICES,
  PodDisruptionBudget: POD_DISRUPTION_BUDGETS,
  DriftPolicy: DRIFT_POLICIES,
};

/** Applies the workload and the enforcing policy, as `kubectl apply -f examples/...` would. */
export async function applyExamples(client: KubeClient): Promise<void> {
  for (const file of ['workload.yaml', 'policy-enforce.yaml']) {
    for (const object of objectsIn(readExample(file))) {
      const resource = KINDS[object.kind ?? ''];
      if (!resource) throw new Error(`examples/${file} holds a ${object.kind}, which the demo does not know`);
      const { namespace } = object.metadata;
      await client.create(resource, namespace === undefined ? {} : { namespace }, hurried(object));
    }
  }
}

// The replacement has to be quiet here, too, but nobody waits a minute for a demo.
function hurried(object: KubeObject): KubeObject {
  if (object.kind !== 'DriftPolicy') return object;
  const { eviction, ...spec } = (object as DriftPolicy).spec;
  const replacement = { ...eviction.replacement, quietFor: '5s' };
  const hurriedSpec = { ...spec, eviction: { ...eviction, replacement } };
  return Object.assign({}, object, { spec: hurriedSpec });
}

/**
 * The alert as Falcosidekick sent it, with only the identity replaced: container, pod and node. The text is changed, not
 * the parsed JSON, since its nanosecond numbers are more than JavaScript can hold.
 */
export function recordedAlert(pod: PodFacts): string {
  const container = pod.containers[0]?.containerID?.split('//')[1]?.slice(0, 12) ?? '';
  return readExample('alert-falcosidekick.json')
    .replaceAll('0fdb3cd5b5fc', container)
    .replaceAll('web-1', pod.name)
    .replaceAll('"node-1"', JSON.stringify(pod.nodeName ?? ''));
}

function readExample(name: string): string {
  return readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');
}

function objectsIn(text: string): KubeObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}
