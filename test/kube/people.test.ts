// The roles of config/roles, as people get them: what each may do, and what it tries in vain.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import {
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  SERVICE_ACCOUNTS,
  type Resource,
} from '../../src/kube/resources.ts';
import { anIncident } from '../support/builders.ts';
import { call, tokenFor, type ClusterAccess, type PlainAnswer } from '../support/cluster-access.ts';
import { crdTest } from '../support/real-api-test.ts';
import { CONFIG, kubectl, renderFolder } from '../support/manifests.ts';

const ROLE_BINDINGS: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
};
const ROLES = ['policy-editor', 'incident-viewer', 'incident-responder'] as const;
type Role = (typeof ROLES)[number];
const RUNG = { name: 'note', actions: ['Label'] };

const test = crdTest.extend('access', ({ realApi, skip }) => {
  if (realApi.access.kubectl === undefined) skip('kubectl is missing in KUBEBUILDER_ASSETS');
  return realApi.access;
});

/** Somebody with that role in one namespace. */
class Person {
  readonly #access: ClusterAccess;
  readonly #token: string;
  readonly #namespace: string;

  constructor(access: ClusterAccess, token: string, namespace: string) {
    this.#access = access;
    this.#token = token;
    this.#namespace = namespace;
  }

  async does(
    method: string,
    what: string,
    body?: unknown,
    namespace = this.#namespace,
  ): Promise<PlainAnswer> {
    const place = what.startsWith('clusterdriftpolicies') ? '' : `/namespaces/${namespace}`;
    return call(this.#access, {
      method,
      path: `/apis/${API_VERSION}${place}/${what}${method === 'GET' ? '' : '?fieldValidation=Strict'}`,
      ...(body !== undefined && { body }),
      ...(method === 'PATCH' && { contentType: 'application/merge-patch+json' }),
      as: { token: this.#token },
    });
  }
}

async function made(client: KubeClient, resource: Resource, namespace: string, body: object): Promise<void> {
  await client.create<KubeObject>(resource, { namespace }, body).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

async function person(
  { access, client }: { access: ClusterAccess; client: KubeClient },
  namespace: string,
  role: Role,
): Promise<Person> {
  await kubectl(access, 'apply', '--server-side', '-k', `${CONFIG}/roles`);
  const metadata = { name: role, namespace };
  await made(client, SERVICE_ACCOUNTS, namespace, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await made(client, ROLE_BINDINGS, namespace, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: `die-operator-${role}`,
    },
    subjects: [{ kind: 'ServiceAccount', name: role, namespace }],
  });
  return new Person(access, await tokenFor(access, namespace, role), namespace);
}

function policy(spec: object = {}, kind = 'DriftPolicy', name = 'mine'): object {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec: { responses: [RUNG], ...spec } };
}

async function openIncident(client: KubeClient, namespace: string): Promise<string> {
  const { spec } = anIncident();
  const body = {
    apiVersion: API_VERSION,
    kind: 'DriftIncident',
    metadata: { name: 'web-1', namespace },
    spec: { ...spec, target: { ...spec.target, namespace } },
  };
  return (await client.create<KubeObject>(DRIFT_INCIDENTS, { namespace }, body)).metadata.name;
}

const RELEASE = { spec: { decision: { action: 'Release', by: 'ann', reason: 'a false alarm' } } };

describe('who writes the policies of a namespace', () => {
  test('writes them there', async ({ access, client, namespace }) => {
    const tenant = await person({ access, client }, namespace, 'policy-editor');
    expect(await tenant.does('POST', 'driftpolicies', policy())).toMatchObject({ status: 201 });
    expect(await tenant.does('PATCH', 'driftpolicies/mine', { spec: { mode: 'Enforce' } })).toMatchObject({
      status: 200,
    });
    expect(await tenant.does('DELETE', 'driftpolicies/mine')).toMatchObject({ status: 200 });
  });

  test.for<[string, string, string, object | undefined, number]>([
    ['a policy of the cluster', 'POST', 'clusterdriftpolicies', policy({}, 'ClusterDriftPolicy'), 403],
    ['to read what the cluster grants', 'GET', 'clusterdriftpolicies', undefined, 403],
    ['the verdict on its own policy', 'PATCH', 'driftpolicies/mine/status', { status: {} }, 403],
    ['an incident', 'POST', 'driftincidents', { kind: 'DriftIncident' }, 403],
    ['to read incidents', 'GET', 'driftincidents', undefined, 403],
    ['a grant of its own', 'POST', 'driftpolicies', policy({ grants: { enforce: true } }), 400],
    ['other namespaces', 'POST', 'driftpolicies', policy({ namespaceSelector: {} }), 400],
    [
      'an exception without an end',
      'POST',
      'driftpolicies',
      policy({ exceptions: [{ name: 'x', image: '*', reason: 'r' }] }),
      422,
    ],
    [
      'an exception without a reason',
      'POST',
      'driftpolicies',
      policy({ exceptions: [{ name: 'x', image: '*', expires: '2027-01-01T00:00:00Z' }] }),
      422,
    ],
    [
      'a condition of any length',
      'POST',
      'driftpolicies',
      policy({ responses: [{ ...RUNG, condition: 'x'.repeat(1025) }] }),
      422,
    ],
  ])('tries %s in vain', async ([, method, what, body, status], { access, client, namespace }) => {
    const tenant = await person({ access, client }, namespace, 'policy-editor');
    if (what.startsWith('driftpolicies/')) await tenant.does('POST', 'driftpolicies', policy());
    expect(await tenant.does(method, what, body)).toMatchObject({ status });
  });

  test('writes none elsewhere', async ({ access, client, namespace }) => {
    const tenant = await person({ access, client }, namespace, 'policy-editor');
    expect(await tenant.does('POST', 'driftpolicies', policy(), 'default')).toMatchObject({ status: 403 });
    expect(await client.list(DRIFT_POLICIES, { namespace: 'default' })).toMatchObject({ items: [] });
  });
});

describe('who reads incidents', () => {
  test('changes nothing', async ({ access, client, namespace }) => {
    const name = await openIncident(client, namespace);
    const viewer = await person({ access, client }, namespace, 'incident-viewer');
    expect(await viewer.does('GET', `driftincidents/${name}`)).toMatchObject({ status: 200 });
    expect(await viewer.does('PATCH', `driftincidents/${name}`, RELEASE)).toMatchObject({ status: 403 });
    expect(await viewer.does('DELETE', `driftincidents/${name}`)).toMatchObject({ status: 403 });
    expect(await viewer.does('POST', 'driftpolicies', policy())).toMatchObject({ status: 403 });
  });
});

describe('who answers incidents', () => {
  test('decides, and cannot touch the record, its outcome or the policies', async ({
    access,
    client,
    namespace,
  }) => {
    const name = await openIncident(client, namespace);
    const responder = await person({ access, client }, namespace, 'incident-responder');
    expect(await responder.does('PATCH', `driftincidents/${name}`, RELEASE)).toMatchObject({ status: 200 });
    const forged = { spec: { trigger: { severity: 'Debug' } } };
    expect(await responder.does('PATCH', `driftincidents/${name}`, forged)).toMatchObject({ status: 422 });
    const ended = { status: { phase: 'Resolved' } };
    expect(await responder.does('PATCH', `driftincidents/${name}/status`, ended)).toMatchObject({
      status: 403,
    });
    expect(await responder.does('DELETE', `driftincidents/${name}`)).toMatchObject({ status: 403 });
    expect(await responder.does('POST', 'driftpolicies', policy())).toMatchObject({ status: 403 });
  });
});

describe('the roles for people', () => {
  test('are bound to nobody and aggregated into no other role', async ({ access }) => {
    const objects = await renderFolder(access, `${CONFIG}/roles`);
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).toSorted()).toEqual(
      [...ROLES].map((role) => `ClusterRole/die-operator-${role}`).toSorted(),
    );
    for (const { metadata } of objects) {
      const labels = Object.keys(metadata.labels ?? {});
      expect(labels.filter((key) => key.includes('aggregate'))).toEqual([]);
    }
    const rules = objects.flatMap((role) => role['rules'] as { apiGroups: string[] }[]);
    expect(new Set(rules.flatMap(({ apiGroups }) => apiGroups))).toEqual(new Set(['die-operator.dev']));
  });
});
