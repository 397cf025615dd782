// What a real API server makes of incidents: the defaults, patches and refusals that our writes rely on.
import { describe, expect } from 'vitest';
import {
  MAX_CONTRIBUTIONS,
  MAX_RECORDED_CONTAINERS,
  MAX_RECORDED_LABELS,
  type DriftIncident,
} from '../../src/api/incident.ts';
import { isTestFailure } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS, resourcePath } from '../../src/kube/resources.ts';
import { aContribution, aDetection, anIncident, T0 } from '../support/builders.ts';
import { call, type ClusterAccess, type PlainAnswer } from '../support/cluster-access.ts';
import { crdTest as test } from '../support/real-api-test.ts';

const NAME = 'web-1-0123456789-1';
const OTHER_UID = '5f6ded9b-9a3e-4f0a-8a3e-1d7c0b6f2a11';

/** An incident as a receiver sends it. */
function newIncident(change: object = {}) {
  const { apiVersion, kind, spec } = anIncident();
  return { apiVersion, kind, metadata: { name: NAME }, spec, ...change };
}

function post(access: ClusterAccess, namespace: string, body: object): Promise<PlainAnswer> {
  const path = `${resourcePath(DRIFT_INCIDENTS, { namespace })}?fieldValidation=Strict`;
  return call(access, { method: 'POST', path, body });
}

function patch(access: ClusterAccess, namespace: string, ops: readonly object[], subresource?: string) {
  const at = { namespace, name: NAME, ...(subresource !== undefined && { subresource }) };
  const contentType = 'application/json-patch+json';
  return call(access, { method: 'PATCH', path: resourcePath(DRIFT_INCIDENTS, at), contentType, body: ops });
}

async function create(
  access: ClusterAccess,
  namespace: string,
  body = newIncident(),
): Promise<DriftIncident> {
  const answer = await post(access, namespace, body);
  expect(answer).toMatchObject({ status: 201 });
  return answer.body as DriftIncident;
}

describe('a new incident', () => {
  test('gets a status with empty reports', async ({ access, namespace }) => {
    const { status } = await create(access, namespace);
    expect(status).toEqual({ reports: {} });
  });

  test('cannot bring a status of its own', async ({ access, namespace }) => {
    const { status } = await create(access, namespace, newIncident({ status: { phase: 'Resolved' } }));
    expect(status).toEqual({ reports: {} });
  });

  test('is stored as it was sent', async ({ access, namespace }) => {
    const { spec } = await create(access, namespace);
    expect(spec).toEqual(newIncident().spec);
  });

  test('is refused with an unknown field under strict validation', async ({ access, namespace }) => {
    expect(await post(access, namespace, newIncident({ surprise: 1 }))).toMatchObject({
      status: 400,
      body: { reason: 'BadRequest', message: expect.stringContaining('unknown field "surprise"') },
    });
  });

  test('may be as large as the schema allows: its rules stay within their cost', async ({
    access,
    namespace,
  }) => {
    await create(access, namespace, newIncident({ spec: largestSpec() }));
    const decision = { action: 'Release', by: 'anna', reason: 'false alarm' };
    const answer = await patch(access, namespace, [{ op: 'add', path: '/spec/decision', value: decision }]);
    expect(answer).toMatchObject({ status: 200, body: { spec: { decision } } });
  });
});

describe('a patch of the status', () => {
  const report = {
    count: 1,
    firstSeen: T0,
    lastSeen: T0,
    highestSeverity: 'Critical',
    detections: [aDetection().summary],
  };

  test('adds parts of it without reading it first', async ({ access, client, namespace }) => {
    const { metadata } = await create(access, namespace);
    const at = { namespace, name: NAME, subresource: 'status' };
    const patched = await client.jsonPatch(DRIFT_INCIDENTS, at, [
      { op: 'test', path: '/metadata/uid', value: metadata.uid },
      { op: 'add', path: '/status/phase', value: 'Responding' },
      { op: 'add', path: '/status/reports/r1', value: report },
    ]);
    expect(patched['status']).toEqual({ phase: 'Responding', reports: { r1: report } });
  });

  test('changes nothing of the spec', async ({ access, namespace }) => {
    await create(access, namespace);
    const ops = [{ op: 'add', path: '/spec/decision', value: { action: 'Release', by: 'eve', reason: 'x' } }];
    const answer = await patch(access, namespace, ops, 'status');
    expect(answer).toMatchObject({ status: 200, body: { spec: newIncident().spec } });
    expect(answer.body).not.toHaveProperty('spec.decision');
  });

  test('for another uid is refused with 422 and empty details', async ({ access, client, namespace }) => {
    await create(access, namespace);
    const ops = [
      { op: 'test', path: '/metadata/uid', value: OTHER_UID },
      { op: 'add', path: '/status/phase', value: 'Responding' },
    ] as const;
    expect(await patch(access, namespace, ops, 'status')).toEqual({
      status: 422,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'the server rejected our request due to an error in our request',
        reason: 'Invalid',
        details: {},
        code: 422,
      },
    });
    const at = { namespace, name: NAME, subresource: 'status' };
    await expect(client.jsonPatch(DRIFT_INCIDENTS, at, ops)).rejects.toSatisfy(isTestFailure);
  });

  test('with an unknown phase is refused with the cause, unlike a failed test', async ({
    access,
    client,
    namespace,
  }) => {
    await create(access, namespace);
    const ops = [{ op: 'add', path: '/status/phase', value: 'Sleeping' }] as const;
    // Further causes say which rules were left unchecked.
    const cause = { reason: 'FieldValueNotSupported', field: 'status.phase' };
    const causes = expect.arrayContaining([expect.objectContaining(cause)]) as unknown;
    expect(await patch(access, namespace, ops, 'status')).toMatchObject({
      status: 422,
      body: { details: { name: NAME, causes } },
    });
    const at = { namespace, name: NAME, subresource: 'status' };
    const refused = await client.jsonPatch(DRIFT_INCIDENTS, at, ops).catch((error: unknown) => error);
    expect(isTestFailure(refused)).toBe(false);
  });
});

describe('the record', () => {
  test.for([
    ['target', '/spec/target/nodeName'],
    ['trigger', '/spec/trigger/detection/hostname'],
  ] as const)('in spec.%s cannot be changed', async ([part, path], { access, namespace }) => {
    await create(access, namespace);
    expect(await patch(access, namespace, [{ op: 'add', path, value: 'node-2' }])).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining(`spec.${part} is a record and cannot be changed`) },
    });
  });
});

/** Every map, list and string of the record at its limit. */
function largestSpec() {
  const text = (length: number, index: number) => `${index}`.padStart(length, 'x');
  const many = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, index) => make(index));
  const { target, trigger } = anIncident().spec;
  const labels = Object.fromEntries(many(MAX_RECORDED_LABELS, (n) => [text(317, n), text(63, n)]));
  const annotations = Object.fromEntries(many(8, (n) => [text(317, n), text(253, n)]));
  const containers = many(MAX_RECORDED_CONTAINERS, (n) => {
    const image = text(512, n);
    return { name: text(63, n), image, imageID: image, containerID: text(128, n) };
  });
  const policies = many(MAX_CONTRIBUTIONS, (n) =>
    aContribution({ name: text(253, n), rungs: many(16, (rung) => text(63, rung)) }),
  );
  return { target: { ...target, labels, annotations, containers }, trigger: { ...trigger, policies } };
}
