// What conditions are given: the detection, the pod, the container and its controller, in the words of the table.
import { describe, expect, test } from 'vitest';
import type { Detection } from '../../../../src/api/detection.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../../src/api/names.ts';
import { CONDITION_FIELDS, conditionInput, type ConditionField } from '../../../../src/decide/cel/input.ts';
import { container, CREATED, detection, pod } from '../builders.ts';

const seen = (overrides: Partial<Detection> = {}): Detection => ({
  ...detection(),
  fields: {},
  ...overrides,
});
const owner = (kind: string, controller: boolean) => ({
  apiVersion: 'apps/v1',
  kind,
  name: `${kind}-1`,
  uid: 'owner-1',
  controller,
});

test('every field of the table is filled, and no other', () => {
  const filled = conditionInput(seen(), pod(), container());
  const names = (of: Readonly<Record<string, object>>) =>
    Object.entries(of).map(([root, fields]) => [root, Object.keys(fields).toSorted()]);
  expect(names(filled)).toEqual(names(CONDITION_FIELDS));
});

test('what is absent is empty', () => {
  const { nodeName: _, ...bare } = pod({ labels: {}, containers: [] });
  expect(conditionInput(seen(), bare, undefined)).toEqual({
    detection: {
      id: '0'.repeat(32),
      source: 'Falco',
      rule: 'DIE Drift',
      severity: 'Critical',
      priority: 2,
      time: CREATED,
      tags: [],
      hostname: '',
      executable: '',
      fields: {},
    },
    pod: {
      namespace: 'shop',
      name: 'web-1',
      uid: 'uid-1',
      nodeName: '',
      serviceAccount: '',
      labels: {},
      images: [],
      hostNetwork: false,
    },
    container: { name: '', image: '', imageID: '' },
    workload: { apiVersion: '', kind: '', name: '' },
  });
});

test('what is there is as it was told', () => {
  const { summary } = detection({ hostname: 'node-b', executable: '/tmp/x' });
  const fields = { 'proc.name': 'x', constructor: 'y' };
  const app = container({ name: 'app', image: 'nginx:1.27', imageID: 'nginx@sha256:00' });
  const filled = conditionInput(
    seen({ summary, tags: ['T1059'], fields }),
    pod({ serviceAccount: 'robot', hostNetwork: true, containers: [app, container({ image: 'envoy' })] }),
    app,
  );
  expect(filled.detection).toMatchObject({
    hostname: 'node-b',
    executable: '/tmp/x',
    tags: ['T1059'],
    fields,
  });
  expect(filled.pod).toMatchObject({
    nodeName: 'node-a',
    serviceAccount: 'robot',
    hostNetwork: true,
    images: ['nginx:1.27', 'envoy'],
  });
  expect(filled.container).toEqual({ name: 'app', image: 'nginx:1.27', imageID: 'nginx@sha256:00' });
});

test.each([
  ['Emergency', 0],
  ['Alert', 1],
  ['Critical', 2],
  ['Error', 3],
  ['Warning', 4],
  ['Notice', 5],
  ['Informational', 6],
  ['Debug', 7],
] as const)('the priority of %s is %i', (severity, priority) => {
  const { summary } = detection({ severity });
  expect(conditionInput(seen({ summary }), pod(), undefined).detection).toMatchObject({ severity, priority });
});

test('labels of die-operator are not seen', () => {
  const labels = { app: 'web', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
  expect(conditionInput(seen(), pod({ labels }), undefined).pod.labels).toEqual({ app: 'web' });
});

test('the workload is the owner that controls', () => {
  const ownerReferences = [owner('Cluster', false), owner('ReplicaSet', true)];
  expect(conditionInput(seen(), pod({ ownerReferences }), undefined).workload).toEqual({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'ReplicaSet-1',
  });
  const unmanaged = pod({ ownerReferences: [owner('Cluster', false)] });
  expect(conditionInput(seen(), unmanaged, undefined).workload.kind).toBe('');
});

describe('the table', () => {
  const fields = Object.values(CONDITION_FIELDS).flatMap((each) => Object.values<ConditionField>(each));

  test('says of every field in a sentence what it is', () => {
    for (const { description } of fields) expect(description).toMatch(/^[A-Z].*\.$/);
  });

  test('limits every text, list and map', () => {
    for (const { type, length, size } of fields) {
      expect(length > 0).toBe(type === 'string' || type.includes('<'));
      expect(size > 0).toBe(type.includes('<'));
    }
  });
});
