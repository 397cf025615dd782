// When two alerts of Defender for Cloud are the same detection, and when the later one says something else.
import { describe, expect, test } from 'vitest';
import { anAlert, constructed, detectedIn, entities, reversed } from './defender-support.ts';

const idOf = (alert: unknown) => detectedIn(alert).summary.id;
const pod = { name: 'cart-0', namespace: { $ref: '3' }, type: 'K8s-pod' };
const host = { hostName: 'node-1', type: 'host' };
const container = { containerId: 'a'.repeat(64), type: 'container' };

describe('an update of an alert', () => {
  test.each<[string, object[]]>([
    ['its pod', [pod]],
    ['another pod', [{ ...pod, name: 'cart-1' }]],
    ['its node', [pod, host]],
    ['its container', [pod, container]],
    ['a part of the container ID', [pod, { ...container, containerId: 'a'.repeat(12) }]],
    ['the name of the container', [pod, { name: 'app', type: 'container' }]],
  ])('that tells %s is another detection', (_, more) => {
    const told = [entities(), entities(pod, host, { ...container, name: 'app' })];
    for (const before of told)
      expect(idOf(anAlert({ entities: entities(...more) }))).not.toBe(idOf(anAlert({ entities: before })));
  });

  test('of another severity, or another type, is another detection', () => {
    const before = idOf(anAlert({ severity: 'Low' }));
    expect(idOf(anAlert({ severity: 'High' }))).not.toBe(before);
    expect(idOf(anAlert({ severity: 'LOW' }))).toBe(before);
    expect(idOf(anAlert({ severity: 'Low', alertType: 'K8S.NODE_DriftBlocked' }))).not.toBe(before);
  });
});

describe('the same alert', () => {
  test.each(['rest-wrapped', 'event-hub-bare', 'log-analytics-row', 'rest-container-id'])(
    'is one detection in whatever order its keys come: %s',
    (name) => {
      const alert = constructed(name);
      expect(detectedIn(reversed(alert))).toEqual(detectedIn(alert));
    },
  );

  test('is one also where two of its keys differ in case only', () => {
    const alert = { ...anAlert(), Severity: 'Low' };
    expect(detectedIn(reversed(alert))).toEqual(detectedIn(alert));
  });

  test('is one without an ID, in whatever form its time is', () => {
    const at = (startTimeUtc: string) => idOf(anAlert({ systemAlertId: undefined, startTimeUtc }));
    const times = [
      '2026-11-21T23:50:00Z',
      '2026-11-21T23:50:00.000Z',
      '2026-11-21T23:50:00.0000000',
      '2026-11-21 23:50:00',
      '2026-11-22T01:50:00+02:00',
    ];
    expect(new Set(times.map(at)).size).toBe(1);
    expect(at('2026-11-21T23:50:01Z')).not.toBe(at('2026-11-21T23:50:00Z'));
  });
});
