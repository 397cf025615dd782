// Who may close the circuit breaker: the admission policy of config/default, on a real API server.
import { expect } from 'vitest';
import { BREAKER_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { writeDecision } from '../../src/decide/breaker.ts';
import { call, type PlainAnswer } from '../support/cluster-access.ts';
import { installedTest as test } from '../support/installed-test.ts';
import { apply } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';

test('the circuit breaker is closed by people in their own name', async ({ plane, access }) => {
  expect(plane).toBeDefined();
  await apply(access, 'default');
  const write = (data: object) =>
    call(access, {
      method: 'POST',
      path: `/api/v1/namespaces/${SYSTEM_NAMESPACE}/configmaps?dryRun=All`,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: SWITCH_CONFIGMAP }, data },
      as: access.admin,
    });
  const closing = (by: string) => ({
    [BREAKER_KEY]: writeDecision({ by, reason: 'looked at it', opened: '2026-11-22T00:00:00Z' }),
  });
  const forged = (answer: PlainAnswer) =>
    answer.status === 403 && (answer.body as { message: string }).message.includes('in your own name, admin');
  await eventually('the policy is in force', () => write(closing('bob')), forged);
  expect((await write(closing('admin'))).status).toBe(201);
  expect((await write({ paused: 'true' })).status).toBe(201);
  expect(forged(await write({ [BREAKER_KEY]: '{"reason":"x","by":"admin"}' }))).toBe(true);
});
