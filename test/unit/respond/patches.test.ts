// The patches that change a pod: what they test, what they change, and that Release takes back exactly that.
import { applyPatch, type Operation } from 'rfc6902';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftIncident, IsolationForm } from '../../../src/api/incident.ts';
import type { KubeObject, OwnerReference } from '../../../src/api/meta.ts';
import {
  DELETION_COST_ANNOTATION,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  SEVERITY_LABEL,
} from '../../../src/api/names.ts';
import { isolationPatch } from '../../../src/respond/isolate.ts';
import { releasePatch, restoredLabels, settledPatch } from '../../../src/respond/release.ts';
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
        const back = apply(isolated, releasePatch(incident, isolated));
        expect(back.metadata.labels).toEqual(before);
        const released = apply(back, settledPatch(incident, back));
        expect(released.metadata).toMatchObject({ labels: before, annotations });
        expect(Object.keys(released.metadata.annotations ?? {})).toEqual(Object.keys(annotations));
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
    const back = apply(pod, releasePatch(incident, pod));
    expect(apply(back, settledPatch(incident, back)).metadata.annotations).toEqual({
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

function controllerOfTarget({ spec: { target } }: DriftIncident): OwnerReference {
  const { apiVersion = '', kind = '', name = '', uid = '' } = target.workload ?? {};
  return { apiVersion, kind, name, uid, controller: true };
}

const OURS = { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
const MARK = { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' };

describe('labels that others changed while the pod was an orphan', () => {
  const orphanOf = (recorded: Record<string, string>) => {
    const incident = anIncident({
      status: { isolation: { form: 'Orphan', at: T0 } },
    });
    return { ...incident, spec: { ...incident.spec, target: { ...incident.spec.target, labels: recorded } } };
  };

  test('stay where they were added, and lose to the record where they differ, by name', () => {
    expect(
      restoredLabels(orphanOf(LABELS), {
        ...rawPod().metadata,
        labels: { ...OURS, app: 'decoy', case: '42' },
      }),
    ).toEqual({
      labels: { ...LABELS, case: '42' },
      added: ['case'],
      conflicts: ['app'],
    });
  });

  test('stay, and the recorded ones come back, also where the record of the isolation was lost', () => {
    const { metadata } = rawPod({ ...OURS, case: '42' }, MARK);
    const incident = { ...orphanOf(LABELS), status: {} };
    expect(restoredLabels(incident, metadata).labels).toEqual({ ...LABELS, case: '42' });
    const kept = incident.spec.target.ownerReferences ?? [];
    const ownerReferences = [...kept, controllerOfTarget(incident)];
    const gentle = { ...metadata, labels: { ...OURS, app: 'web' }, ownerReferences };
    expect(restoredLabels(incident, gentle).labels).toEqual({ app: 'web' });
  });

  test('are no conflict where somebody put back what was recorded', () => {
    expect(
      restoredLabels(orphanOf(LABELS), { ...rawPod().metadata, labels: { ...OURS, app: 'web' } }),
    ).toEqual({
      labels: LABELS,
      added: [],
      conflicts: [],
    });
  });

  test('may be called as what every object has', () => {
    const labels = { ...OURS, constructor: 'x' };
    expect(restoredLabels(orphanOf(LABELS), { ...rawPod().metadata, labels })).toMatchObject({
      added: ['constructor'],
      conflicts: [],
    });
  });
});

describe('the deletion cost', () => {
  const incident = anIncident();

  test('is lent to an orphan of a ReplicaSet, and our annotation stays as long', () => {
    const pod = rawPod(OURS, { ...MARK, note: 'mine' });
    const back = apply(pod, releasePatch(incident, pod));
    expect(back.metadata.annotations).toEqual({
      ...MARK,
      note: 'mine',
      [DELETION_COST_ANNOTATION]: '2147483647',
    });
    expect(apply(back, settledPatch(incident, back)).metadata.annotations).toEqual({ note: 'mine' });
  });

  test.each([
    ['that has one of its own', OURS, { ...MARK, [DELETION_COST_ANNOTATION]: '5' }],
    ['that kept its labels', { ...LABELS, ...OURS }, MARK],
  ])('is not lent to a pod %s', (_, labels, annotations) => {
    const pod = rawPod(labels, annotations);
    const { [INCIDENT_ANNOTATION]: _ours, ...others } = annotations as Record<string, string>;
    expect(apply(pod, releasePatch(incident, pod)).metadata.annotations).toEqual(others);
  });

  test('is left alone once somebody changed it', () => {
    const pod = rawPod(LABELS, { ...MARK, [DELETION_COST_ANNOTATION]: '7' });
    expect(apply(pod, settledPatch(incident, pod)).metadata.annotations).toEqual({
      [DELETION_COST_ANNOTATION]: '7',
    });
  });
});

function owned(...ownerReferences: object[]): KubeObject {
  const pod = rawPod(LABELS, {});
  return { ...pod, metadata: { ...pod.metadata, ownerReferences } } as KubeObject;
}

describe('owner references', () => {
  const owner = { apiVersion: 'example.com/v1', kind: 'Fleet', name: 'f', uid: 'f-uid', controller: true };
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c-uid' };

  function ownedBy(kind: 'Fleet' | 'ReplicaSet') {
    const incident = anIncident();
    const apiVersion = kind === 'Fleet' ? 'example.com/v1' : 'apps/v1';
    const workload = { apiVersion, kind, name: 'f', uid: 'f-uid' };
    const target = { ...incident.spec.target, workload, ownerReferences: [{ ...owner, apiVersion, kind }] };
    return { ...incident, spec: { ...incident.spec, target } };
  }

  test('of an orphan that nobody lets go of are taken away, as they were read, in the same patch', () => {
    const pod = owned(owner);
    const patch = isolationPatch(ownedBy('Fleet'), pod, 'Orphan', 'Critical');
    expect(apply(pod, patch).metadata).not.toHaveProperty('ownerReferences');
    expect(() => apply(owned(owner, other), patch)).toThrow(/refused: TestError/);
  });

  test('that are not recorded stay, as no release could put them back', () => {
    const pod = owned(owner, other);
    const patch = isolationPatch(ownedBy('Fleet'), pod, 'Orphan', 'Critical');
    expect(apply(pod, patch).metadata.ownerReferences).toEqual([other]);
  });

  test.each<['Fleet' | 'ReplicaSet', IsolationForm]>([
    ['Fleet', 'Gentle'],
    ['Fleet', 'LabelOnly'],
    ['ReplicaSet', 'Orphan'],
  ])('of a %s stay in form %s', (kind, form) => {
    const pod = owned({ ...owner, kind });
    const patch = isolationPatch(ownedBy(kind), pod, form, 'Critical');
    expect(apply(pod, patch).metadata.ownerReferences).toEqual(pod.metadata.ownerReferences);
  });

  test('come back beside those that somebody added', () => {
    const incident = ownedBy('Fleet');
    const pod = { ...owned(other), metadata: { ...owned(other).metadata, labels: OURS, annotations: MARK } };
    const released = apply(pod, releasePatch(incident, pod, [owner]));
    expect(released.metadata.ownerReferences).toEqual([other, owner]);
    expect(released.metadata.annotations).toEqual({});
  });
});
