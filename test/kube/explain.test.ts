// `die-operator explain` against a real API server, with the rights that docs/explain.md lists and no others.
// DIE_PRINT=1 prints the text of one explanation.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { API_VERSION } from '../../src/api/names.ts';
import { podFacts } from '../../src/api/pod.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { incidentBody } from '../../src/incidents/open.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  PODS,
  REPLICA_SETS,
  type Resource,
} from '../../src/kube/resources.ts';
import { aContribution, aDetection, someSettings } from '../support/builders.ts';
import { kubeconfigFor, type ClusterAccess } from '../support/cluster-access.ts';
import { examplesOf } from '../support/docs-commands.ts';
import { crdTest, eventually, needsControllers } from '../support/real-api-test.ts';
import { runProgram } from '../support/printed.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}
interface RoleObject {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules: Rule[];
}

const RBAC = 'rbac.authorization.k8s.io';
const rbac = (kind: string, plural: string, namespaced: boolean): Resource => ({
  group: RBAC,
  version: 'v1',
  plural,
  kind,
  namespaced,
});
const ROLES: Readonly<Record<string, [Resource, Resource]>> = {
  ClusterRole: [
    rbac('ClusterRole', 'clusterroles', false),
    rbac('ClusterRoleBinding', 'clusterrolebindings', false),
  ],
  Role: [rbac('Role', 'roles', true), rbac('RoleBinding', 'rolebindings', true)],
};

/** Makes a user with the rights of the page, changed; resolves with the path of a kubeconfig. */
async function readerWith(
  { access, client }: { access: ClusterAccess; client: KubeClient },
  change: (rules: Rule[], kind: string) => Rule[] = (rules) => rules,
): Promise<string> {
  const name = `explain-${randomBytes(5).toString('hex')}`;
  const blocks = await examplesOf('explain.md', 'From a cluster', 'yaml');
  const roles = parseAllDocuments(blocks.join('---\n')).map((document) => document.toJS() as RoleObject);
  for (const role of roles) {
    const [roleResource, bindingResource] = ROLES[role.kind] ?? [];
    if (!roleResource || !bindingResource) throw new Error(`docs/explain.md has a ${role.kind}`);
    const { namespace } = role.metadata;
    const at = namespace === undefined ? {} : { namespace };
    const metadata = { ...at, name };
    await client.create(roleResource, at, { ...role, metadata, rules: change(role.rules, role.kind) });
    await client.create(bindingResource, at, {
      apiVersion: `${RBAC}/v1`,
      kind: bindingResource.kind,
      metadata,
      roleRef: { apiGroup: RBAC, kind: role.kind, name },
      subjects: [{ apiGroup: RBAC, kind: 'User', name }],
    });
  }
  return kubeconfigFor(access, { user: name });
}

const run = (...args: string[]) => runProgram('explain', ...args);

async function explained(...args: string[]): Promise<Explanation> {
  const { out, err, code } = await run(...args, '-o', 'json');
  expect({ err, code }).toEqual({ err: '', code: 0 });
  return JSON.parse(out) as Explanation;
}

const POD_SPEC = { containers: [{ name: 'web', image: 'registry.example/shop/web:1' }] };

function createPod(client: KubeClient, namespace: string) {
  const metadata = { name: 'web', namespace, labels: { app: 'web' } };
  return client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata, spec: POD_SPEC });
}

function createPolicy(client: KubeClient, namespace: string, name: string, spec: object) {
  const body = { apiVersion: API_VERSION, kind: 'DriftPolicy', metadata: { name, namespace }, spec };
  return client.create(DRIFT_POLICIES, { namespace }, body);
}

const RUNGS = [
  { name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] },
  { name: 'replace', minSeverity: 'Critical', rules: ['DIE *'], actions: ['Evict'] },
];

const test = crdTest
  .extend('scene', async ({ client, namespace }) => {
    await createPod(client, namespace);
    await createPolicy(client, namespace, 'web', { mode: 'Enforce', responses: RUNGS });
    return { client, namespace };
  })
  .extend('clusterPolicy', async ({ client, namespace }, { onCleanup }) => {
    const name = `base-${namespace}`;
    const spec = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      responses: [{ name: 'keep', actions: ['Capture'] }],
      grants: { enforce: true },
    };
    const body = { apiVersion: API_VERSION, kind: 'ClusterDriftPolicy', metadata: { name }, spec };
    const { metadata } = await client.create(CLUSTER_DRIFT_POLICIES, {}, body);
    onCleanup(() => client.delete(CLUSTER_DRIFT_POLICIES, { name }, metadata.uid));
    return name;
  });

describe('an account with the rights of the page', () => {
  test('is told everything about a pod', async ({ access, scene, clusterPolicy: name }) => {
    const { client, namespace } = scene;
    await createPolicy(client, namespace, 'other', {
      match: { podSelector: { matchLabels: { app: 'db' } } },
      responses: RUNGS,
    });
    const kubeconfig = await readerWith({ access, client });
    const args = ['web', '-n', namespace, '--kubeconfig', kubeconfig];

    const said = await explained(...args);
    expect(said).toMatchObject({
      origin: 'Cluster',
      pod: { namespace, name: 'web', owner: null, protected: null },
      namespace: { enforce: true, exceptions: false, grantedBy: [name] },
      incident: null,
      response: { mode: 'Enforce', done: ['Label', 'Isolate', 'Evict'], recorded: ['Capture'] },
    });
    const states = said.policies.map((policy) => [policy.name, policy.state]);
    expect(states).toEqual(
      expect.arrayContaining([
        ['other', 'OtherPod'],
        ['web', 'Matches'],
        [name, 'Matches'],
      ]),
    );
    expect(said.response?.held?.reason).toBe('AwaitingApproval');
    expect(said.checks.find(({ check }) => check === 'PauseSwitch')?.state).not.toBe('Unknown');

    const alert = await explained(...args, '--rule', 'Read file', '--severity', 'Critical');
    expect(alert.alert).toMatchObject({
      container: 'web',
      done: ['Label', 'Isolate'],
      recorded: ['Capture'],
    });
    const text = await run(...args);
    expect(text).toMatchObject({ err: '', code: 0 });
    expect(text.out).toContain(`Pod ${namespace}/web, bare, no controller`);
    if (process.env['DIE_PRINT']) process.stdout.write(`\n${text.out}`);
  });

  test('is told of the open incident, whose record the pod is explained by', async ({ access, scene }) => {
    const { client, namespace } = scene;
    const pod = podFacts(await client.get(PODS, { namespace, name: 'web' }));
    const match = { contributions: [aContribution({ uid: 'gone' })], settings: someSettings() };
    const body = incidentBody(aDetection(), pod, match, 1);
    await client.create(DRIFT_INCIDENTS, { namespace }, body);
    const labels = [{ op: 'replace', path: '/metadata/labels', value: {} }] as const;
    await client.jsonPatch(PODS, { namespace, name: 'web' }, labels);

    const kubeconfig = await readerWith({ access, client });
    const said = await explained('web', '-n', namespace, '--kubeconfig', kubeconfig);
    expect(said.incident).toMatchObject({ name: body.metadata.name, severity: 'Critical' });
    expect(said.policies).toContainEqual(expect.objectContaining({ name: 'web', state: 'Matches' }));
    expect(said.checks.find(({ check }) => check === 'OpenIncident')?.state).toBe('Met');
  });

  test('is told of the copies that a ReplicaSet has', async ({ access, scene, skip }) => {
    needsControllers(access, skip);
    const { client, namespace } = scene;
    const labels = { app: 'set' };
    await client.create(
      REPLICA_SETS,
      { namespace },
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name: 'set', namespace },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: POD_SPEC },
        },
      },
    );
    const ofSet = async () =>
      (await client.list(PODS, { namespace, labelSelector: 'app=set' })).items.map(podFacts);
    const [pod, sibling] = await eventually('two pods', ofSet, (pods) => pods.length === 2);
    const kubeconfig = await readerWith({ access, client });
    const formNow = async () => {
      const args = [pod?.name ?? '', '-n', namespace, '--kubeconfig', kubeconfig];
      const { response, pod: it } = await explained(...args);
      return [it.owner?.kind, response?.steps[0]?.form];
    };
    expect(await formNow()).toEqual(['ReplicaSet', 'Gentle']);
    const at = { namespace, name: sibling?.name ?? '', subresource: 'status' };
    const ready = [{ type: 'Ready', status: 'True' }];
    await client.jsonPatch(PODS, at, [{ op: 'add', path: '/status/conditions', value: ready }]);
    expect(await formNow()).toEqual(['ReplicaSet', 'Orphan']);
  });

  test('hears that there is no such pod', async ({ access, scene }) => {
    const { client, namespace } = scene;
    const kubeconfig = await readerWith({ access, client });
    const { out, err, code } = await run('nope', '-n', namespace, '--kubeconfig', kubeconfig);
    expect({ out, code }).toEqual({ out: '', code: 1 });
    expect(err).toContain('pods "nope" not found');
  });
});

describe('an account that lacks a right hears which one', () => {
  const without = (resource: string, verb: string) => (rules: Rule[]) =>
    rules.flatMap((rule) =>
      rule.resources
        .map((one) => ({
          ...rule,
          resources: [one],
          verbs: rule.verbs.filter((is) => one !== resource || is !== verb),
        }))
        .filter(({ verbs }) => verbs.length > 0),
    );

  test.for([
    ['pods', 'get', 'get pods in namespace'],
    ['pods', 'list', 'list pods in namespace'],
    ['namespaces', 'get', 'get namespaces'],
    ['driftpolicies', 'list', 'list driftpolicies.die-operator.dev in namespace'],
    ['clusterdriftpolicies', 'list', 'list clusterdriftpolicies.die-operator.dev'],
    ['driftincidents', 'list', 'list driftincidents.die-operator.dev in namespace'],
  ] as const)('%s %s', async ([resource, verb, right], { access, scene }) => {
    const { client, namespace } = scene;
    const kubeconfig = await readerWith({ access, client }, without(resource, verb));
    const { out, err, code } = await run('web', '-n', namespace, '--kubeconfig', kubeconfig);
    expect({ out, code }).toEqual({ out: '', code: 1 });
    expect(err).toContain(`explain needs the right to ${right}`);
  });

  test('for the pause switch, and is told the rest', async ({ access, scene }) => {
    const { client, namespace } = scene;
    const kubeconfig = await readerWith({ access, client }, without('configmaps', 'get'));
    const { checks } = await explained('web', '-n', namespace, '--kubeconfig', kubeconfig);
    expect(checks.find(({ check }) => check === 'PauseSwitch')).toMatchObject({
      state: 'Unknown',
      message: 'you may not read ConfigMap die-operator-system/die-operator',
    });
  });
});
