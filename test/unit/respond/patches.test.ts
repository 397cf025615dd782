// The patches that change a pod: what they test, what they change, and that Release takes back exactly that.
import { applyPatch, type Operation } from 'rfc6902';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IsolationForm } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import { isolationPatch } from '../../../src/respond/isolate.ts';
import { releasePatch } from '../../../src/respond/release.ts';
import type { JsonPatchOp } from '../../../src/kube/client.ts';
import { anIncident, T0 } from '../../support/builders.ts';

function rawPod(labels?: Record<string, string>, annotations?: Record<string, string>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'pod-uid-1',
      resourceVersion: '10',
      creationTimestamp: T0,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
  };
}

// The real server lets a test for null pass where nothing is; rfc6902 does not.
function apply(pod: KubeObject, ops: readonly JsonPatchOp[]): KubeObject {
  const copy = structuredClone(pod);
  const sent = ops.filter((op) => !(op.op === 'test' && op.value === null));
  const problems = applyPatch(copy, sent as Operation[]).filter((problem) => problem !== null);
  if (problems[0]) throw new Error(`refused: ${problems[0].name}`);
  return copy;
}

const LABELS = { app: 'web', 'pod-template-hash': '5d4' };

describe('isolation', () => {
  test('tests the UID before anything is changed', () => {
    const [first] = isolationPatch(anIncident(), rawPod(LABELS), 'Orphan', 'Critical');
    expect(first).toEqual({ op: 'test', path: '/metadata/uid', value: 'pod-uid-1' });
  });

  test('tests the labels as they were read, so that a label added meanwhile is not lost', () => {
    const patch = isolationPatch(anIncident(), rawPod(LABELS), 'Orphan', 'Critical');
    const changed = rawPod({ ...LABELS, added: 'meanwhile' });
    expect(() => apply(changed, patch)).toThrow(/refused: TestError/);
  });

  test.each<[IsolationForm, Record<string, string>]>([
    ['Orphan', { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' }],
    ['Gentle', { ...LABELS, [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' }],
    ['LabelOnly', { ...LABELS, [SEVERITY_LABEL]: 'critical' }],
  ])('%s leaves exactly these labels', (form, labels) => {
    const pod = apply(rawPod(LABELS, {}), isolationPatch(anIncident(), rawPod(LABELS, {}), form, 'Critical'));
    expect(pod.metadata.labels).toEqual(labels);
  });

  test('keeps labels that somebody put on an orphan when the severity rises', () => {
    const orphan = rawPod({ [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'warning', case: '42' }, {});
    const pod = apply(orphan, isolationPatch(anIncident(), orphan, 'Orphan', 'Critical'));
    expect(pod.metadata.labels).toEqual({
      [QUARANTINE_LABEL]: 'true',
      [SEVERITY_LABEL]: 'critical',
      case: '42',
    });
  });

  test('names the incident in an annotation and nothing of the alert', () => {
    const pod = apply(rawPod(LABELS), isolationPatch(anIncident(), rawPod(LABELS), 'Orphan', 'Critical'));
    expect(pod.metadata.annotations).toEqual({ [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' });
  });

  test('keeps other annotations', () => {
    const before = rawPod(LABELS, { note: 'mine' });
    const pod = apply(before, isolationPatch(anIncident(), before, 'Orphan', 'Critical'));
    expect(pod.metadata.annotations).toEqual({ note: 'mine', [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' });
  });
});

describe('release', () => {
  const key = fc.stringMatching(/^[a-z]([-a-z0-9.]{0,20}[a-z0-9])?(\/[a-z][-a-z0-9]{0,10}[a-z0-9])?$/);
  const labels = fc.dictionary(key, fc.stringMatching(/^[A-Za-z0-9]{0,20}$/), { maxKeys: 8 });
  const form = fc.constantFrom<IsolationForm>('Orphan', 'Gentle', 'LabelOnly');

  test('puts back labels and annotations as they were, whatever they were', () => {
    fc.assert(
      fc.property(labels, labels, form, (before, annotations, how) => {
        const pod = rawPod(before, annotations);
        const incident = anIncident();
        incident.spec.target.labels = before;
        const isolated = apply(pod, isolationPatch(incident, pod, how, 'Error'));
        const released = apply(isolated, releasePatch(incident, isolated));
        expect(released.metadata.labels).toEqual(before);
        expect(released.metadata.annotations).toEqual(annotations);
      }),
    );
  });

  test('leaves labels alone that others gave a gently isolated pod meanwhile', () => {
    const pod = rawPod({ ...LABELS, [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'error', team: 'red' }, {});
    const released = apply(pod, releasePatch(anIncident(), pod));
    expect(released.metadata.labels).toEqual({ ...LABELS, team: 'red' });
  });

  test('puts back the annotation of an earlier incident', () => {
    const incident = anIncident();
    incident.spec.target.annotations = { [INCIDENT_ANNOTATION]: 'earlier' };
    const pod = rawPod({ [QUARANTINE_LABEL]: 'true' }, { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' });
    expect(apply(pod, releasePatch(incident, pod)).metadata.annotations).toEqual({
      [INCIDENT_ANNOTATION]: 'earlier',
    });
  });

  test('comes too late for a pod that another incident has by then, in the same form', () => {
    const ours = rawPod({ [QUARANTINE_LABEL]: 'true' }, { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' });
    const theirs = rawPod({ [QUARANTINE_LABEL]: 'true' }, { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-2' });
    const patch = releasePatch(anIncident(), ours);
    expect(() => apply(theirs, patch)).toThrow(/refused: TestError/);
  });

  test('does not touch a pod of another UID', () => {
    const pod = rawPod({ [QUARANTINE_LABEL]: 'true' }, {});
    const patch = releasePatch(anIncident(), pod);
    expect(() => apply({ ...pod, metadata: { ...pod.metadata, uid: 'another' } }, patch)).toThrow(
      /refused: TestError/,
    );
  });
});
