// Where the template of a pod is, and that only its own owner's counts.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { approvedTemplate, templateSource } from '../../../src/decide/approved-template.ts';

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'x' }] },
};

const workload = (apiVersion: string, kind: string, name = 'web') => ({
  apiVersion,
  kind,
  name,
  uid: 'owner',
});

function object(name: string, fields: object, metadata: object = {}): KubeObject {
  const own = { name, uid: 'owner', resourceVersion: '1', creationTimestamp: '2026-11-22T00:00:00Z' };
  return { metadata: { ...own, ...metadata }, ...fields };
}

const REVISED = { 'controller-revision-hash': 'web-5d9f' };
const owned = (uid: string) => ({
  uid: 'revision',
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid, controller: true }],
});
const revision = (name = 'web-5d9f', uid = 'owner') =>
  object(name, { data: { spec: { template: { ...template, $patch: 'replace' } } }, revision: 1 }, owned(uid));

describe('the template is that of', () => {
  test.each([
    ['apps/v1', 'ReplicaSet'],
    ['batch/v1', 'Job'],
    ['v1', 'ReplicationController'],
  ])('the owner: %s %s', (apiVersion, kind) => {
    const subject = { labels: {}, workload: workload(apiVersion, kind) };
    expect(templateSource(subject)).toEqual({ kind: 'Owner', owner: subject.workload });
    expect(approvedTemplate(subject, { owner: object('web', { spec: { template } }) })).toEqual({
      kind: 'Template',
      template,
      ownerKind: kind,
      from: `${kind} web`,
    });
  });

  test.each([
    ['StatefulSet', 'web-5d9f'],
    ['DaemonSet', '5d9f'],
  ])('the revision that a pod of a %s names', (kind, label) => {
    const labels = { 'controller-revision-hash': label };
    const subject = { labels, workload: workload('apps/v1', kind) };
    expect(templateSource(subject)).toMatchObject({ kind: 'Revision', revision: 'web-5d9f' });
    const newer = object('web', { spec: { template: { spec: { containers: [{ name: 'newer' }] } } } });
    const found = approvedTemplate(subject, { owner: newer, revision: revision() });
    expect(found).toMatchObject({ kind: 'Template', template, from: 'ControllerRevision web-5d9f' });
    expect(found).not.toHaveProperty('template.$patch');
  });

  test('the revision, with the claims of the set as long as that is there', () => {
    const subject = { labels: REVISED, workload: workload('apps/v1', 'StatefulSet') };
    const claims = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
    const owner = object('web', { spec: { template, ...claims } });
    expect(approvedTemplate(subject, { owner, revision: revision() })).toMatchObject({
      claimTemplates: ['data'],
    });
    expect(approvedTemplate(subject, { owner: undefined, revision: revision() })).not.toHaveProperty(
      'claimTemplates',
    );
  });

  test('the longest name of a DaemonSet, which its revisions cut', () => {
    const subject = {
      labels: { 'controller-revision-hash': '5d9f' },
      workload: workload('apps/v1', 'DaemonSet', 'd'.repeat(230)),
    };
    expect(templateSource(subject)).toMatchObject({ revision: `${'d'.repeat(223)}-5d9f` });
  });
});

describe('there is no template', () => {
  test.each([
    [
      'of a bare pod',
      { labels: {} },
      'no controller made the pod, so that there is no template to compare it with',
    ],
    [
      'of a kind that nobody knows',
      { labels: {}, workload: workload('argoproj.io/v1alpha1', 'Workflow') },
      'the pod belongs to Workflow web, a kind whose template die-operator cannot read',
    ],
    [
      'of a kind of another group',
      { labels: {}, workload: workload('apps.kruise.io/v1', 'StatefulSet') },
      'the pod belongs to StatefulSet web, a kind whose template die-operator cannot read',
    ],
    [
      'without the label of the revision',
      { labels: {}, workload: workload('apps/v1', 'DaemonSet') },
      'the pod has no label controller-revision-hash, which says of which template of DaemonSet web it is',
    ],
  ])('%s', (_, subject, message) => {
    expect(templateSource(subject)).toEqual({ kind: 'None', message });
    const none = { kind: 'None', reason: 'NoTemplate', message };
    expect(approvedTemplate(subject, { owner: object('web', { spec: { template } }) })).toEqual(none);
  });

  const replicaSet = { labels: {}, workload: workload('apps/v1', 'ReplicaSet') };
  const set = { labels: REVISED, workload: workload('apps/v1', 'StatefulSet') };
  const made = object('web', { spec: { template } });
  test.each([
    ['the owner', replicaSet, { owner: undefined }, /^ReplicaSet web, which made the pod, is gone$/],
    [
      'the owner, though one has its name',
      replicaSet,
      { owner: object('web', {}, { uid: 'new' }) },
      /is gone$/,
    ],
    ['the template', replicaSet, { owner: object('web', { spec: 7 }) }, /has no template with containers$/],
    [
      'the revision',
      set,
      { owner: made },
      /^ControllerRevision web-5d9f of StatefulSet web, from which the pod was made, is gone$/,
    ],
    [
      'the revision, though there is another one',
      set,
      { owner: made, revision: revision('web-1') },
      /is gone$/,
    ],
    [
      'the revision, though one of another owner has that name',
      set,
      { owner: made, revision: revision('web-5d9f', 'other') },
      /is gone$/,
    ],
  ])('where it is gone: %s', (_, subject, objects, message) => {
    const expected = { kind: 'None', reason: 'Gone', message: expect.stringMatching(message) as string };
    expect(approvedTemplate(subject, objects)).toEqual(expected);
  });

  test('in objects that hold anything', () => {
    for (const data of [undefined, null, 7, [], { spec: [] }, { spec: { template: 'x' } }]) {
      const odd = { ...revision(), data };
      expect(approvedTemplate(set, { owner: made, revision: odd })).toMatchObject({ reason: 'Gone' });
    }
  });
});
