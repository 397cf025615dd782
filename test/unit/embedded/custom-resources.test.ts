// Our own kinds under the schemas of `api`, and under others that are given.
import { describe, expect, test } from 'vitest';
import type { Validator } from '../../../src/api/validate.ts';
import { at, createLab, MERGE_PATCH } from './harness.ts';

const POLICIES = at('driftpolicies', undefined, '/apis/die-operator.dev/v1alpha1');
const policy = (spec: object) => ({
  apiVersion: 'die-operator.dev/v1alpha1',
  kind: 'DriftPolicy',
  metadata: { name: 'web' },
  spec,
});
const rungs = [{ name: 'all', actions: ['Isolate'] }];

describe('under the schemas of api', () => {
  test('a policy gets its defaults when it is created', async () => {
    const { object } = await createLab().call('POST', POLICIES, policy({ responses: rungs }));
    expect(object['spec']).toMatchObject({
      mode: 'Audit',
      responses: [{ name: 'all', minSeverity: 'Warning' }],
      eviction: { gracePeriodSeconds: 1 },
    });
  });

  test('a default is applied again where a patch took the value away', async () => {
    const lab = createLab();
    await lab.call('POST', POLICIES, policy({ mode: 'Enforce', responses: rungs }));
    const { object } = await lab.call('PATCH', `${POLICIES}/web`, { spec: { mode: null } }, MERGE_PATCH);
    expect(object['spec']).toMatchObject({ mode: 'Audit' });
  });

  test('an unknown field is refused when strictness is asked for, and dropped when not', async () => {
    const lab = createLab();
    const body = policy({ responses: rungs, mod: 'Enforce' });
    const { status, refusal } = await lab.call('POST', `${POLICIES}?fieldValidation=Strict`, body);
    expect([status, refusal.message]).toEqual([
      400,
      'DriftPolicy in version "v1alpha1" cannot be handled as a DriftPolicy: strict decoding error: unknown field "spec.mod"',
    ]);
    const lax = await lab.call('POST', POLICIES, body);
    expect(lax.status).toBe(201);
    expect(lax.object['spec']).not.toHaveProperty('mod');
  });

  test('a wrong value is refused with the field that it is about', async () => {
    const { status, refusal } = await createLab().call(
      'POST',
      POLICIES,
      policy({ mode: 'Never', responses: rungs }),
    );
    expect([status, refusal.reason]).toEqual([422, 'Invalid']);
    expect(refusal.details).toMatchObject({
      name: 'web',
      group: 'die-operator.dev',
      kind: 'DriftPolicy',
      causes: [{ field: 'spec.mode', reason: 'FieldValueNotSupported' }],
    });
    expect(refusal.message).toContain('DriftPolicy.die-operator.dev "web" is invalid: spec.mode: ');
  });

  test('a wrong status is refused by a status write', async () => {
    const lab = createLab();
    await lab.call('POST', POLICIES, policy({ responses: rungs }));
    const { status, refusal } = await lab.call(
      'PATCH',
      `${POLICIES}/web/status`,
      { status: { observedGeneration: 'one' } },
      MERGE_PATCH,
    );
    expect([status, refusal.details?.causes?.[0]?.field]).toEqual([422, 'status.observedGeneration']);
  });
});

describe('under other schemas', () => {
  const frozenMode: Validator = (object, old) => {
    const mode = (value: unknown) => (value as { spec: { mode?: string } }).spec.mode;
    const changed = old !== undefined && mode(object) !== mode(old);
    return {
      unknownFields: [],
      problems: changed
        ? [{ field: 'spec.mode', reason: 'FieldValueInvalid', message: 'Invalid value: it is a record' }]
        : [],
      value: { ...(object as object), status: { seen: true } },
    };
  };

  test('a rule can look at what was stored before', async () => {
    const lab = createLab({ validators: { driftpolicies: frozenMode } });
    await lab.call('POST', POLICIES, policy({ mode: 'Audit' }));
    const { status, refusal } = await lab.call(
      'PATCH',
      `${POLICIES}/web`,
      { spec: { mode: 'Enforce' } },
      MERGE_PATCH,
    );
    expect([status, refusal.message]).toEqual([
      422,
      'DriftPolicy.die-operator.dev "web" is invalid: spec.mode: Invalid value: it is a record',
    ]);
  });

  test('a default of the status is there from the first answer on', async () => {
    const lab = createLab({ validators: { driftpolicies: frozenMode } });
    const { object } = await lab.call('POST', POLICIES, policy({}));
    expect(object['status']).toEqual({ seen: true });
    expect((await lab.call('GET', `${POLICIES}/web`)).object['status']).toEqual({ seen: true });
  });

  test('a kind without one is stored as it comes', async () => {
    const lab = createLab({ validators: {} });
    const { object } = await lab.call('POST', `${POLICIES}?fieldValidation=Strict`, policy({ any: 'thing' }));
    expect(object['spec']).toEqual({ any: 'thing' });
  });
});
