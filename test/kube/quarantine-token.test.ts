// The token of a quarantined pod writes nothing, wherever it is used; the token of another pod of the same account does.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { PODS } from '../../src/kube/resources.ts';
import { unlistQuarantined } from '../../src/respond/quarantine-list.ts';
import { call, type ClusterAccess, type PlainAnswer, type PlainRequest } from '../support/cluster-access.ts';
import { denier, isDenied, protectedTest } from '../support/protected-test.ts';
import { dry, podOf } from '../support/quarantine-requests.ts';
import { createNamespace, eventually } from '../support/real-api-test.ts';
import { kubectl } from '../support/manifests.ts';

type AsPod = (request: Omit<PlainRequest, 'as'>) => Promise<PlainAnswer>;

const test = protectedTest.extend('tokenOf', async ({ access, client, namespace }, { onCleanup }) => {
  const account = `--serviceaccount=${namespace}:default`;
  const name = `all-${namespace}`;
  await kubectl(access, 'create', 'clusterrolebinding', name, '--clusterrole=cluster-admin', account);
  onCleanup(async () => void (await kubectl(access, 'delete', 'clusterrolebinding', name)));
  return async (pod: string): Promise<AsPod> => {
    const { metadata } = await client.create<KubeObject>(PODS, { namespace }, podOf(pod));
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod, uid: metadata.uid };
    const token = await bound(access, namespace, { boundObjectRef });
    return (request) => call(access, { ...request, as: { token } });
  };
});

async function bound(access: ClusterAccess, namespace: string, spec: object): Promise<string> {
  const { status, body } = await call(access, {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
  });
  if (status !== 201) throw new Error(`no token: ${JSON.stringify(body)}`);
  return (body as { status: { token: string } }).status.token;
}

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;
const make = (namespace: string, name = 'made') => ({
  method: 'POST',
  path: dry(configMaps(namespace)),
  body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
});
const MERGE = 'application/merge-patch+json';
const rootCa = (namespace: string) => dry(`${configMaps(namespace)}/kube-root-ca.crt`);

/** Writes of every kind: here, elsewhere, of the cluster, of another kind, by a collection, of a token, a connection. */
function writes(namespace: string, elsewhere: string): Omit<PlainRequest, 'as'>[] {
  const token = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'another' } };
  return [
    make(namespace),
    make(elsewhere),
    { method: 'POST', path: dry('/api/v1/namespaces'), body: space },
    { method: 'PATCH', path: dry(`/api/v1/namespaces/${elsewhere}`), body: {}, contentType: MERGE },
    { method: 'PATCH', path: rootCa(namespace), body: {}, contentType: MERGE },
    { method: 'DELETE', path: rootCa(namespace) },
    { method: 'DELETE', path: dry(configMaps(elsewhere)) },
    { method: 'DELETE', path: dry('/apis/rbac.authorization.k8s.io/v1/clusterroles/die-operator-responder') },
    { method: 'POST', path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, body: token },
    { path: `/api/v1/namespaces/${namespace}/pods/sibling/exec?command=id&stdout=true` },
  ];
}

describe('the token of a quarantined pod', () => {
  test('of a cluster-admin writes nothing anywhere, and as before once the pod is released', async ({
    tokenOf,
    access,
    client,
    namespace,
    quarantine,
  }) => {
    const elsewhere = await createNamespace(access, client);
    try {
      const [suspect, sibling] = [await tokenOf('suspect'), await tokenOf('sibling')];
      await eventually(
        'the account has its rights',
        () => suspect(make(namespace)),
        ({ status }) => status === 201,
      );
      const { uid } = (await quarantine('suspect', 'Held')).metadata;
      await eventually('its token is refused', () => suspect(make(namespace)), isDenied);

      const answers = await Promise.all(writes(namespace, elsewhere.name).map(suspect));
      expect(answers.filter((answer) => denier(answer) !== 'token')).toEqual([]);
      expect((await sibling(make(namespace))).status).toBe(201);
      expect((await suspect({ path: configMaps(namespace) })).status).toBe(200);

      await unlistQuarantined(client, { namespace, name: 'suspect', uid });
      await eventually(
        'it may write again',
        () => suspect(make(namespace)),
        ({ status }) => status === 201,
      );
    } finally {
      await elsewhere.remove();
    }
  });

  test('that names no pod is not stopped', async ({ tokenOf, access, namespace, quarantine }) => {
    const suspect = await tokenOf('suspect');
    const token = await bound(access, namespace, {});
    await quarantine('suspect', 'Held');
    await eventually('its token is refused', () => suspect(make(namespace)), isDenied);
    expect((await call(access, { ...make(namespace), as: { token } })).status).toBe(201);
  });
});
