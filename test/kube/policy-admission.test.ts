// What a real API server makes of good policies: the defaults that it fills in. What it refuses: refusals.test.ts.
import { describe, expect } from 'vitest';
import { apiVersionOf, DRIFT_POLICIES, resourcePath } from '../../src/kube/resources.ts';
import { aPolicy, someSettings } from '../support/builders.ts';
import { call, type ClusterAccess } from '../support/cluster-access.ts';
import { crdTest as test } from '../support/real-api-test.ts';

const RUNG = { name: 'note', actions: ['Label'] };

function post(access: ClusterAccess, namespace: string, spec: object) {
  const path = `${resourcePath(DRIFT_POLICIES, { namespace })}?fieldValidation=Strict`;
  const { kind } = DRIFT_POLICIES;
  const body = { apiVersion: apiVersionOf(DRIFT_POLICIES), kind, metadata: { name: 'web' }, spec };
  return call(access, { method: 'POST', path, body });
}

describe('a policy', () => {
  test('gets every default, the same as from our schema', async ({ access, namespace }) => {
    const answer = await post(access, namespace, { responses: [RUNG] });
    expect(answer).toMatchObject({ status: 201 });
    expect((answer.body as { spec: object }).spec).toEqual({
      mode: 'Audit',
      match: {},
      responses: [{ ...RUNG, minSeverity: 'Warning' }],
      ...someSettings(),
    });
  });

  test('that our schema made complete is stored as it is', async ({ access, namespace }) => {
    const { spec } = aPolicy();
    expect(await post(access, namespace, spec)).toMatchObject({ status: 201, body: { spec } });
  });
});
