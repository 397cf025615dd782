// Alerts of Microsoft Defender for Cloud about pods of a test: the constructed ones of test/fixtures/defender, with who and
// when replaced.
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEFENDER_ALERT_TYPES } from '../../src/settings/defender.ts';

/** The cluster that the constructed alerts are about. */
export const CLUSTER =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/shop-rg/providers/Microsoft.ContainerService/managedClusters/shop-aks';
/** What an operator of that cluster is built with. */
export const DEFENDER = { clusterResourceId: CLUSTER, alertTypes: DEFENDER_ALERT_TYPES };

/** The constructed document of that name. */
export function constructed(name: string): Record<string, unknown> {
  const url = new URL(`../fixtures/defender/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Record<string, unknown>;
}

/** What differs from the constructed alert; other keys replace its properties. */
export interface DefenderChange {
  /** Resource ID. */
  cluster?: string;
  containerId?: string;
  /** RFC 3339. */
  startTimeUtc: string;
  [property: string]: unknown;
}

/** The alert about that pod, as an Event Hub has it. */
export function defenderAlertAbout(
  { metadata: { name, namespace } }: KubeObject,
  { cluster = CLUSTER, containerId, ...change }: DefenderChange,
): Record<string, unknown> {
  const entities = [
    { $id: '2', resourceId: cluster, type: 'azure-resource' },
    { $id: '3', cloudResource: { $ref: '2' }, type: 'K8s-cluster' },
    { $id: '4', name: namespace, cluster: { $ref: '3' }, type: 'K8s-namespace' },
    { $id: '5', name, namespace: { $ref: '4' }, type: 'K8s-pod' },
    ...(containerId === undefined ? [] : [{ $id: '6', containerId, type: 'container' }]),
  ];
  const resourceIdentifiers = [{ azureResourceId: cluster, type: 'AzureResource' }];
  return { ...constructed('event-hub-bare'), entities, resourceIdentifiers, ...change };
}
