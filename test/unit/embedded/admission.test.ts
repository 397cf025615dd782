// Hooks that refuse writes, and what they are told.
import { describe, expect, test } from 'vitest';
import type { AdmissionRequest } from '../../../src/embedded/admission.ts';
import { at, createLab, JSON_PATCH, MERGE_PATCH, newDeployment, newPod } from './harness.ts';

const PODS = at('pods');
const denial = { policy: 'drift-label', binding: 'drift-binding', message: 'drift: hands off' };
const TEXT =
  "ValidatingAdmissionPolicy 'drift-label' with binding 'drift-binding' denied request: drift: hands off";

describe('a refusal', () => {
  test('reads like that of a ValidatingAdmissionPolicy', async () => {
    const { cluster, call } = createLab();
    cluster.admission.push(() => denial);
    const { status, refusal } = await call('POST', PODS, newPod('web-1'));
    expect(status).toBe(403);
    expect(refusal).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `pods "web-1" is forbidden: ${TEXT}`,
      reason: 'Forbidden',
      details: { name: 'web-1', kind: 'pods', causes: [{ message: TEXT }] },
      code: 403,
    });
  });

  test('can be the 422 that a policy without a reason gives', async () => {
    const { cluster, call } = createLab();
    cluster.admission.push(() => ({ ...denial, reason: 'Invalid' }));
    const { status, refusal } = await call('POST', PODS, newPod('web-1'));
    expect([status, refusal.reason, refusal.code]).toEqual([422, 'Invalid', 422]);
    expect(refusal.details?.name).toBe('web-1');
  });

  test('names the policy as its binding when there is no other name', async () => {
    const { cluster, call } = createLab();
    cluster.admission.push(() => ({ policy: 'p', message: 'no' }));
    const { refusal } = await call('POST', PODS, newPod('web-1'));
    expect(refusal.message).toContain("ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no");
  });

  const add = [{ op: 'add', path: '/metadata/labels/a', value: 'b' }];
  const merge = { metadata: { labels: { a: 'b' } } };
  test.each([
    { what: 'patch', method: 'PATCH', path: '', body: add, type: JSON_PATCH },
    { what: 'merge patch', method: 'PATCH', path: '', body: merge, type: MERGE_PATCH },
    { what: 'status patch', method: 'PATCH', path: '/status', body: merge, type: MERGE_PATCH },
    { what: 'dry run', method: 'PATCH', path: '?dryRun=All', body: merge, type: MERGE_PATCH },
    { what: 'deletion', method: 'DELETE', path: '', body: undefined, type: undefined },
    {
      what: 'eviction',
      method: 'POST',
      path: '/eviction',
      body: { metadata: { name: 'web-1' } },
      type: undefined,
    },
  ] as const)('of a $what changes nothing', async ({ method, path, body, type }) => {
    const lab = createLab();
    const { object } = await lab.call('POST', PODS, newPod('web-1'));
    lab.cluster.admission.push(() => denial);
    const { status } = await lab.call(method, `${PODS}/web-1${path}`, body, type);
    expect(status).toBe(403);
    expect(lab.pod('web-1')).toEqual(object);
  });

  test('comes after validation, and before it is known that the name is taken', async () => {
    const { cluster, call } = createLab();
    await call('POST', PODS, newPod('web-1'));
    cluster.admission.push(() => denial);
    expect((await call('POST', PODS, newPod('Bad_Name'))).status).toBe(422);
    expect((await call('POST', PODS, newPod('web-1'))).status).toBe(403);
  });

  test('does not hinder reading', async () => {
    const { cluster, call } = createLab();
    cluster.admission.push(() => denial);
    expect((await call('GET', PODS)).status).toBe(200);
  });
});

describe('a hook', () => {
  test('is told what is asked, by whom, and what was there', async () => {
    const lab = createLab();
    const { object } = await lab.call('POST', PODS, newPod('web-1'));
    const asked: AdmissionRequest[] = [];
    lab.cluster.admission.push((request) => void asked.push(request));
    await lab.call('PATCH', `${PODS}/web-1/status`, { status: { phase: 'Running' } }, MERGE_PATCH);
    await lab.call('PATCH', `${PODS}/web-1?dryRun=All`, { metadata: { labels: { a: 'b' } } }, MERGE_PATCH);
    await lab.call('POST', `${PODS}/web-1/eviction`, { metadata: { name: 'web-1' } });
    expect(
      asked.map(({ operation, subresource, dryRun, userAgent }) => [
        operation,
        subresource,
        dryRun,
        userAgent,
      ]),
    ).toEqual([
      ['UPDATE', 'status', false, 'test'],
      ['UPDATE', undefined, true, 'test'],
      ['CREATE', 'eviction', false, 'test'],
      // The eviction marks the pod before it deletes it.
      ['UPDATE', 'status', false, 'test'],
    ]);
    expect(asked[0]?.oldObject).toEqual(object);
    expect(asked[0]?.object).toMatchObject({ status: { phase: 'Running' } });
  });

  test('sees the generated name', async () => {
    const { cluster, call } = createLab();
    const names: string[] = [];
    cluster.admission.push(({ name }) => void names.push(name));
    const { object } = await call('POST', PODS, newPod('', { metadata: { name: '', generateName: 'web-' } }));
    expect(names).toEqual([object.metadata.name]);
  });

  test('that refuses the controllers holds them up until it is gone', async () => {
    const { cluster, call, clock } = createLab();
    cluster.start();
    cluster.admission.push(({ operation, resource }) =>
      operation === 'CREATE' && resource.kind === 'Pod' ? denial : undefined,
    );
    await call('POST', at('deployments', undefined, '/apis/apps/v1'), newDeployment(1));
    await clock.advance(2_000);
    const pods = () => cluster.api.list(POD, 'shop').length;
    expect(pods()).toBe(0);
    cluster.admission.length = 0;
    await clock.until(() => pods() === 1, 5_000, 'the pod');
  });
});

const POD = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
