// What alerts of Defender for Cloud can hold, so that hostile ones get far: other clusters, circles, what is cut or nested.
import { CLUSTER } from '../../support/defender-alerts.ts';
import type { Vocabulary } from './mutate.ts';

/** The constructed documents that inputs are made of. */
export const DEFENDER_FORMS = [
  'rest-wrapped',
  'rest-container-id',
  'rest-list',
  'event-hub-bare',
  'event-hub-batch',
  'log-analytics-row',
  'log-analytics-records',
  'log-analytics-tables',
  'logic-app',
] as const;

const CLUSTERS = [CLUSTER, CLUSTER.toUpperCase(), `${CLUSTER}/`, `${CLUSTER}-2`, '/subscriptions/x', ''];
const ENTITIES = [
  [],
  '',
  '[',
  '[{"__proto__":{}}]',
  '['.repeat(40),
  [{ $id: '2', $ref: '2', type: 'K8s-pod' }],
];
const TIMES = [
  '2026-11-21T23:50:00',
  '2026-11-22T00:04:59Z',
  '2026-11-21 23:50',
  '2026-02-30T00:00:00Z',
  '2099-01-01T00:00:00Z',
  '',
];
const REFS = ['2', '3', '4', '5', '6', '8', '10', ''];
const CONTAINERS = [`containerd://${'f'.repeat(64)}`, '0fdb3cd5b5fc', '0FDB3CD5B5FC', 'f'.repeat(65), ''];

// What takes long where the work on it is not bounded by its length.
const DIRECTORIES = ['/tmp/', '/'.repeat(100_000), `${'/'.repeat(100_000)}x`, ''];
const LISTS = [[], [null], [{}], ['x'], {}, null];

/** See the file's first line. */
export const DEFENDER_WORDS: Vocabulary = {
  alertType: ['K8S.NODE_DriftBlocked', 'k8s.node_imagebinarydrift', 'constructor', ''],
  AlertType: ['K8S.NODE_DriftBlocked', 'K8S_ExposedDashboard', ''],
  severity: ['High', 'low', 'constructor', ''],
  AlertSeverity: ['Medium', 'INFORMATIONAL', ''],
  status: ['Resolved', 'Dismissed', 'InProgress', null],
  startTimeUtc: TIMES,
  StartTime: TIMES,
  entities: ENTITIES,
  Entities: ENTITIES,
  $ref: REFS,
  $id: REFS,
  name: ['cart-0', '..', 'shop', 'a'.repeat(254)],
  type: ['K8s-pod', 'K8s-namespace', 'container', 'process', 'host', 'azure-resource', ''],
  containerId: CONTAINERS,
  ContainerId: CONTAINERS,
  resourceId: CLUSTERS,
  ResourceId: CLUSTERS,
  azureResourceId: CLUSTERS,
  remediationSteps: ['', 'one', '["two"]', [null], Array.from({ length: 100 }, () => 'r'.repeat(1_000))],
  systemAlertId: ['', 'a', null],
  directory: DIRECTORIES,
  Directory: DIRECTORIES,
  hostName: ['node-1', 'NODE-1', 'node-2', ''],
  value: LISTS,
  records: LISTS,
  tables: LISTS,
  columns: LISTS,
  rows: LISTS,
  extendedProperties: [
    { commandLine: 'mine', CommandLine: 'mine', alertType: 'mine' },
    Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`${n}`, 'x'.repeat(999)])),
  ],
};
