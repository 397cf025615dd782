// What a real API server makes of policies: the defaults it fills in and the mistakes it refuses.
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

const selector = (expression: object) => ({ podSelector: { matchExpressions: [expression] } });

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

  test.for([
    ['no rung', { responses: [] }, 'spec.responses'],
    ['two rungs of one name', { responses: [RUNG, RUNG] }, 'Duplicate value'],
    ['an unknown action', { responses: [{ ...RUNG, actions: ['Explode'] }] }, 'Unsupported value'],
    ['an empty duration', { responses: [RUNG], eviction: { waitForBudget: '' } }, 'eviction.waitForBudget'],
    [
      'In without values',
      { responses: [RUNG], match: selector({ key: 'a', operator: 'In' }) },
      'need values',
    ],
    [
      'Exists with values',
      { responses: [RUNG], match: selector({ key: 'a', operator: 'Exists', values: ['b'] }) },
      'take none',
    ],
  ] as const)('is refused with %s', async ([, spec, words], { access, namespace }) => {
    expect(await post(access, namespace, spec)).toMatchObject({
      status: 422,
      body: { reason: 'Invalid', message: expect.stringContaining(words) },
    });
  });

  test('is refused with an unknown field', async ({ access, namespace }) => {
    expect(await post(access, namespace, { responses: [RUNG], moed: 'Enforce' })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('unknown field "spec.moed"') },
    });
  });
});
