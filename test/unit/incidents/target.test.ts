// The record of a pod and the name of its incident.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DriftIncidentSpecSchema, MAX_RECORDED_LABELS } from '../../../src/api/incident.ts';
import { INCIDENT_ANNOTATION } from '../../../src/api/names.ts';
import { incidentName, incidentNumber, targetOf } from '../../../src/incidents/target.ts';
import { anIncident, aPod } from '../../support/builders.ts';

describe('the record', () => {
  test('is valid and holds what Release needs', () => {
    const target = targetOf(aPod());
    expect(DriftIncidentSpecSchema.shape.target.parse(target)).toEqual(target);
    expect(target.labels).toEqual({ app: 'web', 'pod-template-hash': '5d4' });
    expect(target.workload).toEqual({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web-5d4',
      uid: 'rs-uid',
    });
  });

  test('has no workload for a bare pod', () => {
    expect(targetOf(aPod({ ownerReferences: [] }))).not.toHaveProperty('workload');
  });

  // The API server takes any text in these, and whoever may make pods must not keep them out of the record by one.
  const made = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web-5d4',
    uid: 'rs-uid',
    controller: true,
  };
  test.each([
    ['kind', { ...made, kind: 'K'.repeat(64) }],
    ['UID', { ...made, uid: 'u'.repeat(37) }],
    ['name', { ...made, name: 'n'.repeat(254) }],
    ['API version', { ...made, apiVersion: `${'g'.repeat(316)}/v1` }],
  ])('leaves an owner out that no object can be: by its %s', (_, owner) => {
    const other = { ...made, uid: 'other-uid', controller: false };
    const target = targetOf(aPod({ ownerReferences: [owner, other] }));
    expect(DriftIncidentSpecSchema.shape.target.parse(target)).toEqual(target);
    expect(target.ownerReferences).toEqual([other]);
    expect(target).not.toHaveProperty('workload');
  });

  test('leaves an annotation of ours out that is the name of no incident', () => {
    const annotations = { [INCIDENT_ANNOTATION]: 'n'.repeat(254) };
    const target = targetOf(aPod({ annotations }));
    expect(DriftIncidentSpecSchema.shape.target.parse(target)).toEqual(target);
  });

  test('says so when there are more labels than fit', () => {
    const labels = Object.fromEntries(
      Array.from({ length: MAX_RECORDED_LABELS + 1 }, (_, i) => [`k${i}`, 'v']),
    );
    const target = targetOf(aPod({ labels }));
    expect(target.labelsTruncated).toBe(true);
    expect(Object.keys(target.labels)).toHaveLength(MAX_RECORDED_LABELS);
  });

  test('of the largest pod still makes an incident under 32 KiB', () => {
    const labels = Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`k${i}`, 'v'.repeat(40)]));
    const container = {
      image: 'i'.repeat(100),
      imageID: 'd'.repeat(120),
      containerID: 'c'.repeat(77),
      terminated: false,
    };
    const containers = Array.from({ length: 32 }, (_, i) => ({ name: `c${i}`, ...container }));
    const incident = anIncident();
    incident.spec.target = targetOf(aPod({ labels, containers }));
    expect(JSON.stringify(incident).length).toBeLessThan(32 * 1024);
  });
});

describe('the name', () => {
  const podName = fc.stringMatching(/^[a-z]([-a-z0-9.]{0,251}[a-z0-9])?$/);

  test('is a valid object name that starts like the pod’s', () => {
    fc.assert(
      fc.property(podName, fc.uuid(), fc.integer({ min: 1, max: 99999 }), (name, uid, n) => {
        const incident = incidentName({ name, uid }, n);
        expect(incident).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
        expect(incident.length).toBeLessThanOrEqual(253);
        expect(incidentNumber(incident)).toBe(n);
        expect(incident.startsWith(name.slice(0, 50).replace(/[-.]+$/, ''))).toBe(true);
      }),
    );
  });

  test('differs for another pod of the same name', () => {
    expect(incidentName({ name: 'db-0', uid: 'a' }, 1)).not.toBe(incidentName({ name: 'db-0', uid: 'b' }, 1));
  });
});
