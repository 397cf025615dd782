// Alerts of Defender for Cloud in each of their forms, what becomes of them, and what hostile ones cannot do.
import { describe, expect, test } from 'vitest';
import { encodeRecord, MAX_LINE_BYTES } from '../../../src/detect/journal/record.ts';
import { alertsIn, MAX_ALERTS } from '../../../src/detect/defender-body.ts';
import { anAlert, CLUSTER, constructed, detectedIn, entities, read } from './defender-support.ts';
import { RECEIVED_AT } from './support.ts';

const FULL_ID = '2349fe66d55b'.padEnd(64, '0');

function only(name: string): unknown {
  const found = alertsIn(constructed(name));
  if (found.kind === 'Invalid') throw new Error(found.message);
  return found.kind === 'One' ? found.alert : found.alerts[0];
}

describe('an alert', () => {
  const FORMS = [
    'rest-wrapped',
    'rest-list',
    'event-hub-bare',
    'event-hub-batch',
    'log-analytics-row',
    'log-analytics-records',
    'log-analytics-tables',
    'logic-app',
  ];

  test.each(FORMS)('says the same in the form %s', (name) => {
    const { summary, identity, tags, fields } = detectedIn(only(name));
    expect(summary).toEqual({
      id: detectedIn(only('event-hub-bare')).summary.id,
      source: 'Defender',
      rule: 'K8S.NODE_DriftDetection',
      severity: 'Critical',
      time: '2026-11-21T23:50:00.1234567Z',
      receivedAt: RECEIVED_AT,
      containerName: 'app',
      executable: '/tmp/nc',
      confidence: 'Low',
      message: 'A drift binary detected executing in the container',
      remediation: ['Look at the process and the user that started it.', 'Replace the pod from its image.'],
    });
    expect(identity).toEqual({ namespace: 'shop', podName: 'cart-0', containerName: 'app' });
    expect(tags).toEqual(['defender', 'drift']);
    expect(fields).toMatchObject({
      'defender.alertType': 'K8S.NODE_DriftDetection',
      'defender.compromisedEntity': 'shop-aks',
      'defender.commandLine': '/tmp/nc -l -p 4444',
      'defender.imageId': 'registry.example/shop/cart:1.2',
      'defender.Suspicious process': '/tmp/nc',
    });
  });

  test('that tells a container ID is not of low confidence, and says more than one that does not', () => {
    const { summary, identity } = detectedIn(only('rest-container-id'));
    expect(summary.containerID).toBe(FULL_ID);
    expect(identity.containerId).toBe(FULL_ID);
    expect(summary).not.toHaveProperty('confidence');
    expect(summary.id).not.toBe(detectedIn(only('rest-wrapped')).summary.id);
  });

  test.each([
    ['High', 'Critical'],
    ['medium', 'Error'],
    ['LOW', 'Warning'],
    ['Informational', 'Notice'],
  ])('of severity %s is %s', (severity, expected) => {
    expect(detectedIn(anAlert({ severity })).summary.severity).toBe(expected);
  });

  test.each([
    ['2026-11-21T23:50:00', '2026-11-21T23:50:00Z'],
    ['2026-11-21 23:50:00', '2026-11-21T23:50:00Z'],
    ['2026-11-21T23:50:00.5+02:00', '2026-11-21T23:50:00.5+02:00'],
    ['2026-11-22T00:05:00Z', '2026-11-22T00:05:00Z'],
  ])('begun at %s was begun at %s', (startTimeUtc, time) => {
    expect(detectedIn(anAlert({ startTimeUtc })).summary.time).toBe(time);
  });

  test('is the same whatever is updated about it, and another one with another ID', () => {
    const { id } = detectedIn(anAlert()).summary;
    expect(detectedIn(anAlert({ endTimeUtc: '2026-11-22T00:00:00Z', status: 'InProgress' })).summary.id).toBe(
      id,
    );
    expect(detectedIn(anAlert({ systemAlertId: 'another' })).summary.id).not.toBe(id);
    const without = anAlert({ systemAlertId: undefined });
    expect(detectedIn(without).summary.id).toBe(detectedIn(without).summary.id);
  });

  test('has its type in the case of the setting, whatever it is', () => {
    expect(detectedIn(anAlert({ alertType: 'k8s.node_driftblocked' })).summary.rule).toBe(
      'K8S.NODE_DriftBlocked',
    );
  });
});

describe('is ignored', () => {
  test.each<[string, object, RegExp]>([
    ['another type', { alertType: 'K8S_ExposedDashboard' }, /--defender-alert-types/],
    ['one that was resolved', { status: 'Resolved' }, /resolved or dismissed/],
    ['one that was dismissed', { status: 'dismissed' }, /resolved or dismissed/],
    ['an incident', { isIncident: true }, /security incident/],
    ['an incident as a text says it', { isIncident: 'True' }, /security incident/],
    ['one without a cluster', { entities: [], resourceIdentifiers: [] }, /does not tell of which cluster/],
  ])('%s', (_, change, message) => {
    expect(read(anAlert(change))).toEqual({ kind: 'Ignored', message: expect.stringMatching(message) });
  });

  const other = CLUSTER.replace('shop-aks', 'other-aks');
  test.each<[string, object]>([
    ['by its entities', { entities: entities({ resourceId: other, type: 'azure-resource' }) }],
    ['by its resource', { resourceIdentifiers: [{ azureResourceId: other }] }],
    ['by the column of Log Analytics', { ResourceId: other }],
  ])('one about another cluster %s', (_, change) => {
    expect(read(anAlert(change))).toEqual({
      kind: 'Ignored',
      message: expect.stringMatching(/about another cluster/),
    });
  });

  test('none for the case of the cluster ID, or for a machine that is named beside it', () => {
    const machine = {
      azureResourceId: '/subscriptions/s/providers/Microsoft.Compute/virtualMachineScaleSets/aks-pool',
    };
    const change = {
      resourceIdentifiers: [{ azureResourceId: `${CLUSTER.toUpperCase()}/` }, machine],
    };
    expect(read(anAlert(change)).kind).toBe('Detection');
    expect(read(anAlert(), { clusterResourceId: CLUSTER.toLowerCase() }).kind).toBe('Detection');
  });
});

describe('is refused, and says where', () => {
  test.each<[string, unknown, string]>([
    ['what is no object', [], 'body'],
    ['one without a type', anAlert({ alertType: '' }), 'alertType'],
    ['one of no severity', anAlert({ severity: 'constructor' }), 'severity'],
    ['one without a time', anAlert({ startTimeUtc: undefined }), 'startTimeUtc'],
    ['one of no time', anAlert({ startTimeUtc: '2026-02-30T00:00:00' }), 'startTimeUtc'],
    ['one that is yet to begin', anAlert({ startTimeUtc: '2026-11-22T00:05:00.001Z' }), 'startTimeUtc'],
    ['entities that are no list', anAlert({ entities: { $id: '1', type: 'K8s-pod' } }), 'entities'],
    ['entities that were cut', anAlert({ entities: '[{"$id":"2","Na' }), 'entities'],
    ['resources that were cut', anAlert({ resourceIdentifiers: '[{"azureRes' }), 'resourceIdentifiers'],
    ['entities with a prototype', anAlert({ entities: '[{"__proto__":{"type":"K8s-pod"}}]' }), 'entities'],
    ['entities nested too deep', anAlert({ entities: '['.repeat(40) + ']'.repeat(40) }), 'entities'],
    ['too many entities', anAlert({ entities: Array.from({ length: 10_000 }, () => ({})) }), 'entities'],
    [
      'too many objects in an entity',
      anAlert({ entities: entities({ all: Array.from({ length: 10_000 }, () => ({})) }) }),
      'entities',
    ],
  ])('%s', (_, alert, path) => {
    expect(read(alert)).toEqual({ kind: 'Invalid', path, message: expect.any(String) });
  });

  test(`more than ${MAX_ALERTS} alerts in one request, or in one table`, () => {
    const many = Array.from({ length: MAX_ALERTS + 1 }, () => ['x']);
    expect(alertsIn(many).kind).toBe('Invalid');
    expect(alertsIn({ tables: [{ columns: [{ name: 'A' }], rows: many }] }).kind).toBe('Invalid');
    expect(alertsIn(many.slice(1)).kind).toBe('Several');
  });
});

describe('entities', () => {
  const identityOf = (...more: object[]) => detectedIn(anAlert({ entities: entities(...more) })).identity;
  const pod = { name: 'cart-0', namespace: { $ref: '3' }, type: 'k8s-pod' };

  test.each<[string, object[], object]>([
    ['a pod', [pod], { namespace: 'shop', podName: 'cart-0' }],
    [
      'a pod whose namespace is a text',
      [{ ...pod, namespace: 'shop' }],
      { namespace: 'shop', podName: 'cart-0' },
    ],
    [
      'a pod without a namespace, where there is only one',
      [{ name: 'cart-0', type: 'K8s-Pod' }],
      {
        namespace: 'shop',
        podName: 'cart-0',
      },
    ],
    ['the same pod twice', [pod, { ...pod }], { namespace: 'shop', podName: 'cart-0' }],
    ['two pods: neither', [pod, { ...pod, name: 'cart-1' }], {}],
    ['a pod with no name of a pod', [{ ...pod, name: '../x' }], {}],
    ['a pod in no namespace', [{ ...pod, namespace: { $ref: '99' } }], {}],
    [
      'a reference to itself',
      [
        { ...pod, namespace: { $ref: 'a' } },
        { $id: 'a', $ref: 'a' },
      ],
      {},
    ],
    [
      'references in a circle',
      [
        { ...pod, namespace: { $ref: 'a' } },
        { $id: 'a', $ref: 'b' },
        { $id: 'b', $ref: 'a' },
      ],
      {},
    ],
    [
      'an $id that two have',
      [
        { ...pod, namespace: { $ref: 'a' } },
        { $id: 'a', name: 'shop' },
        { $id: 'a', name: 'bank' },
      ],
      {},
    ],
    [
      'a container',
      [{ containerId: `containerd://${FULL_ID}`, type: 'Container' }],
      { containerId: FULL_ID, namespace: 'shop' },
    ],
    [
      'two containers: neither',
      [
        { containerId: FULL_ID, type: 'container' },
        { containerId: 'f'.repeat(64), type: 'container' },
      ],
      {},
    ],
    ['what is no container ID', [{ containerId: '2349fe66d55', type: 'container' }], {}],
    ['a node', [{ hostName: 'AKS-Pool-1', type: 'host' }], { hostname: 'aks-pool-1' }],
  ])('tell of %s', (_, more, expected) => {
    expect(identityOf(...more)).toEqual(expected);
  });

  test('refer to what is inside another entity', () => {
    const inline = { ...pod, namespace: { $id: 'x', name: 'bank', type: 'K8s-namespace' } };
    const cluster = { resourceId: CLUSTER, type: 'azure-resource' };
    const { identity } = detectedIn(anAlert({ entities: [cluster, inline] }));
    expect(identity).toEqual({ namespace: 'bank', podName: 'cart-0' });
  });

  test('give no path of a program that is not told in whole', () => {
    const relative = entities({ name: 'nc', type: 'file' });
    expect(detectedIn(anAlert({ entities: relative })).summary).not.toHaveProperty('executable');
  });
});

describe('what is kept of the text', () => {
  test('is cut and cleaned', () => {
    const { summary } = detectedIn(
      anAlert({
        alertDisplayName: `a\u001b[31m${'x'.repeat(9_000)}`,
        remediationSteps: Array.from({ length: 50 }, () => `b\u202e${'y'.repeat(9_000)}`),
      }),
    );
    expect(summary.message).toMatch(/^a\uFFFD/);
    expect(summary.message).toHaveLength(256);
    expect(summary.remediation).toHaveLength(8);
    expect(summary.remediation?.every((step) => step.length === 512 && step.startsWith('b\uFFFD'))).toBe(
      true,
    );
  });

  test('of remediation is a plain text, too', () => {
    expect(detectedIn(anAlert({ remediationSteps: 'Look at it.' })).summary.remediation).toEqual([
      'Look at it.',
    ]);
    expect(detectedIn(anAlert({ remediationSteps: [1, ' ', null] })).summary).not.toHaveProperty(
      'remediation',
    );
  });

  test('cannot speak in the place of what the alert itself says', () => {
    const extendedProperties = JSON.stringify({
      compromisedEntity: 'mine',
      alertType: 'mine',
      other: 'kept',
    });
    expect(detectedIn(anAlert({ extendedProperties })).fields).toMatchObject({
      'defender.compromisedEntity': 'shop-aks',
      'defender.alertType': 'K8S.NODE_DriftDetection',
      'defender.other': 'kept',
    });
  });

  test('fits into a line of the journal, whatever is sent', () => {
    const wide = (length: number) => '漢'.repeat(length);
    const detection = detectedIn(
      anAlert({
        alertDisplayName: wide(9_000),
        remediationSteps: Array.from({ length: 50 }, () => wide(9_000)),
        extendedProperties: Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`${n}`, wide(2_000)])),
        entities: entities({ directory: `/${wide(900)}`, name: wide(900), type: 'file' }),
      }),
    );
    expect(Buffer.byteLength(encodeRecord({ detection }))).toBeLessThan(MAX_LINE_BYTES);
  });
});
