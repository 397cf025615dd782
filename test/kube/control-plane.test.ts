// The test bed itself: the control plane answers, knows who calls, and restarts.
import { describe, expect } from 'vitest';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { isForbidden } from '../../src/kube/errors.ts';
import { auditCalls, auditMark, countByUser } from '../support/audit-log.ts';
import { call, certificateFor, kubeconfigFor, tokenFor } from '../support/cluster-access.ts';
import { realApiTest as test } from '../support/real-api-test.ts';

describe('the control plane', () => {
  test('answers with the pinned version', async ({ access }) => {
    const { status, body } = await call(access, { path: '/version' });
    expect(status).toBe(200);
    const { gitVersion } = body as { gitVersion: string };
    expect(gitVersion.startsWith(access.pinnedVersion ?? 'v1.')).toBe(true);
  });

  test('listens on loopback only', ({ access }) => {
    expect(new URL(access.server).hostname).toBe('127.0.0.1');
  });

  test('gives each test its own namespace with a service account', async ({ client, namespace }) => {
    const data = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mine' }, data: { a: 'b' } };
    await client.create(CONFIG_MAPS, { namespace }, data);
    const { items } = await client.list(CONFIG_MAPS, { namespace });
    expect(items.map(({ metadata }) => metadata.name)).toContain('mine');
  });

  test('knows a service account by its token, which RBAC gives nothing', async ({
    access,
    clientFor,
    namespace,
  }) => {
    const token = await tokenFor(access, namespace, 'default');
    const client = clientFor({ token });
    const refused = await client.list(CONFIG_MAPS, { namespace }).catch((error: unknown) => error);
    expect(isForbidden(refused)).toBe(true);
    expect(String(refused)).toContain(`system:serviceaccount:${namespace}:default`);
  });

  test('refuses a token for an account that does not exist', async ({ access, namespace }) => {
    await expect(tokenFor(access, namespace, 'nobody')).rejects.toThrow('404');
  });

  test('knows a user and its groups by a certificate made on demand', async ({ access, clientFor }) => {
    const client = clientFor(await certificateFor(access, { user: 'a/b+c', groups: ['system:masters'] }));
    const { metadata } = await client.list(CONFIG_MAPS, { limit: 1 });
    expect(metadata.resourceVersion).toMatch(/^\d+$/);
  });

  test('writes a kubeconfig for a user', async ({ access }) => {
    expect(await kubeconfigFor(access, { user: 'eve' })).toMatch(/kubeconfig$/);
  });
});

describe('the audit log', () => {
  test('counts the calls of each user, once each, before the answer is there', async ({
    access,
    clientFor,
    namespace,
  }) => {
    const [anna, ben] = [`anna-${namespace}`, `ben-${namespace}`];
    const client = async (user: string) =>
      clientFor(await certificateFor(access, { user, groups: ['system:masters'] }));
    const [asAnna, asBen] = [await client(anna), await client(ben)];
    const mark = await auditMark(access.auditLog);
    for (let n = 0; n < 3; n++) await asAnna.list(CONFIG_MAPS, { namespace });
    await asBen.list(CONFIG_MAPS, { namespace });
    const calls = await auditCalls(access.auditLog, mark);
    expect(countByUser(calls).get(anna)).toBe(3);
    expect(countByUser(calls).get(ben)).toBe(1);
    const ours = calls.filter(({ user }) => user === anna);
    expect(ours[0]).toMatchObject({
      verb: 'list',
      resource: 'configmaps',
      namespace,
      userAgent: 'die-operator',
    });
    expect(await auditCalls(access.auditLog, await auditMark(access.auditLog))).not.toContainEqual(
      expect.objectContaining({ user: anna }),
    );
  });

  test('tells the status code of a refused call', async ({ access, clientFor, namespace }) => {
    const user = `eve-${namespace}`;
    const eve = clientFor(await certificateFor(access, { user }));
    await expect(eve.list(CONFIG_MAPS, { namespace })).rejects.toSatisfy(isForbidden);
    await expect
      .poll(async () => (await auditCalls(access.auditLog)).filter((one) => one.user === user))
      .toMatchObject([{ verb: 'list', code: 403 }]);
  });
});
