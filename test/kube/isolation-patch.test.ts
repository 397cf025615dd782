// The one patch that isolates a pod, on a real API server: it is taken as a whole or not at all, and what refuses it can be
// told apart.
import { describe, expect } from 'vitest';
import type { DriftIncident, IsolationForm } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../src/api/names.ts';
import { isNotFound, isTestFailure } from '../../src/kube/errors.ts';
import { PODS } from '../../src/kube/resources.ts';
import { isolationPatch } from '../../src/respond/isolate.ts';
import { anIncident } from '../support/builders.ts';
import { realApiTest } from '../support/real-api-test.ts';

const LABELS = { app: 'web', 'pod-template-hash': '778f7b5676' };
const OURS = { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
const WRITERS = 8;

/** A pod that nobody runs; `isolate` sends the patch for the pod as it was created. */
interface Scene {
  pod: KubeObject;
  isolate: (form?: IsolationForm) => Promise<KubeObject>;
  stored: () => Promise<KubeObject>;
}

type Open = (metadata?: object) => Promise<Scene>;

const test = realApiTest.extend('open', ({ client, namespace }): Open => async (metadata = {}) => {
  const at = { namespace, name: 'web-1' };
  const spec = { containers: [{ name: 'web', image: 'registry.example/shop/web:1' }] };
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: at.name, ...metadata }, spec };
  const pod = await client.create<KubeObject>(PODS, { namespace }, body);
  return {
    pod,
    isolate: (form = 'Orphan') =>
      client.jsonPatch(PODS, at, isolationPatch(incidentOf(pod), pod, form, 'Critical')),
    stored: () => client.get(PODS, at),
  };
});

function incidentOf({ metadata: { uid } }: KubeObject): DriftIncident {
  const incident = anIncident();
  return { ...incident, spec: { ...incident.spec, target: { ...incident.spec.target, uid } } };
}

describe('the patch is taken', () => {
  test.for<[what: string, metadata: object]>([
    ['with labels and no annotations', { labels: LABELS }],
    ['with labels and annotations', { labels: LABELS, annotations: { note: 'kept' } }],
    ['with nothing', {}],
  ])('by a pod %s', async ([, metadata], { open }) => {
    const { isolate, pod } = await open(metadata);
    const { metadata: after } = await isolate();
    expect(after.labels).toEqual(OURS);
    expect(after.annotations).toMatchObject({
      ...pod.metadata.annotations,
      [INCIDENT_ANNOTATION]: expect.any(String),
    });
  });

  test('of the gentle form, which takes nothing away', async ({ open }) => {
    const { isolate } = await open({ labels: LABELS });
    expect((await isolate('Gentle')).metadata.labels).toEqual({ ...LABELS, ...OURS });
  });

  test('once, of eight at the same moment; the others hear that the pod is another by now', async ({
    open,
  }) => {
    const { isolate, stored } = await open({ labels: LABELS });
    const results = await Promise.allSettled(Array.from({ length: WRITERS }, () => isolate()));
    const refusals = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refusals.map(isTestFailure)).toEqual(Array.from({ length: WRITERS - 1 }, () => true));
    expect((await stored()).metadata.labels).toEqual(OURS);
  });
});

describe('the patch is refused, and changes nothing,', () => {
  test('where a label was added meanwhile', async ({ client, namespace, open }) => {
    const { isolate, stored } = await open({ labels: LABELS });
    const at = { namespace, name: 'web-1' };
    await client.jsonPatch(PODS, at, [{ op: 'add', path: '/metadata/labels/added', value: 'meanwhile' }]);
    await expect(isolate()).rejects.toSatisfy(isTestFailure);
    expect((await stored()).metadata.labels).toEqual({ ...LABELS, added: 'meanwhile' });
  });

  test('where the name is that of another pod by now', async ({ client, namespace, open }) => {
    const { isolate, pod } = await open({ labels: LABELS });
    await client.delete(PODS, { namespace, name: 'web-1' }, pod.metadata.uid);
    await expect(isolate()).rejects.toSatisfy(isNotFound);
    const { stored } = await open({ labels: LABELS });
    await expect(isolate()).rejects.toSatisfy(isTestFailure);
    expect((await stored()).metadata.labels).toEqual(LABELS);
  });
});
