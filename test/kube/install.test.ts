// Installing from config/: what the API server and its admission make of the manifests. Whether the program starts as they
// say is in install-run.test.ts.
import { readdir } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { version } from '../../src/version.ts';
import { containerOf, deploymentOf } from '../support/deployed-program.ts';
import { install, installedTest as test } from '../support/installed-test.ts';
import { apply, COMPONENTS, CONFIG, kubectl, nameOf, OVERLAYS, render } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { rightsOf } from '../support/rights.ts';

const ROLES = ['receiver', 'responder'] as const;

describe.for(OVERLAYS)('config/%s', (overlay) => {
  test('is accepted under strict validation, and changes nothing when applied again', async ({
    access,
    client,
  }) => {
    await install(access, client, overlay);
    const names = (await render(access, overlay)).map(nameOf);
    const read = async () =>
      (await client.list(DEPLOYMENTS, { namespace: SYSTEM_NAMESPACE })).items.map(
        ({ metadata }) => `${metadata.name} ${String(metadata['generation'])}`,
      );
    const before = await read();
    const said = (await apply(access, overlay)).trim().split('\n');
    expect(said).toHaveLength(names.length);
    expect(said.every((line) => line.endsWith('serverside-applied'))).toBe(true);
    expect(await read()).toEqual(before);
    expect(before).toHaveLength(2);
  });
});

describe('the Deployments', () => {
  test('make pods that the Pod Security Standard "restricted" admits', async ({ access, client }) => {
    await install(access, client, 'default');
    const namespace = await kubectl(access, 'get', 'namespace', SYSTEM_NAMESPACE, '-o', 'json');
    expect(JSON.parse(namespace)).toMatchObject({
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    const rolesOfPods = async () => {
      const { items } = await client.list<KubeObject>(PODS, { namespace: SYSTEM_NAMESPACE });
      return new Set(items.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']));
    };
    await eventually('a pod of each Deployment', rolesOfPods, (roles) => roles.size === ROLES.length);
  });

  test('run one responder at a time, the image of this version, and each under its own account', async ({
    access,
  }) => {
    const manifests = await render(access, 'default');
    expect(deploymentOf(manifests, 'responder').spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
    });
    for (const role of ROLES) {
      const deployment = deploymentOf(manifests, role);
      expect(containerOf(deployment).image).toBe(`die-operator:${version()}`);
      expect(deployment.spec.template.spec.serviceAccountName).toBe(role);
    }
  });

  test('mount folders, whose files change when their Secret does', async ({ access }) => {
    const manifests = await render(access, 'default');
    const mounts = ROLES.flatMap((role) => containerOf(deploymentOf(manifests, role)).volumeMounts);
    expect(mounts).not.toEqual([]);
    expect(mounts.filter(({ subPath }) => subPath !== undefined)).toEqual([]);
  });
});

describe('the intake', () => {
  test('lets in the namespace of Falcosidekick alone', async ({ access }) => {
    const policies = (await render(access, 'default')).filter(({ kind }) => kind === 'NetworkPolicy');
    const rules = policies.map(({ metadata, spec }) => [metadata.name, spec] as const);
    expect(Object.fromEntries(rules)).toEqual({
      'deny-ingress': { podSelector: {}, policyTypes: ['Ingress'] },
      'receiver-intake': {
        podSelector: {
          matchLabels: {
            'app.kubernetes.io/name': 'die-operator',
            'app.kubernetes.io/component': 'receiver',
          },
        },
        policyTypes: ['Ingress'],
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'falco' } } }],
            ports: [{ port: 'intake', protocol: 'TCP' }],
          },
        ],
      },
    });
  });
});

describe('config/', () => {
  test('has no folder that these tests do not build', async () => {
    const files = await readdir(CONFIG, { recursive: true });
    const folders = files.filter((file) => file.endsWith('/kustomization.yaml'));
    expect(folders.map((file) => file.replace(/\/[^/]*$/, '')).toSorted()).toEqual(
      // What prevents is built by prevention.test.ts.
      [...OVERLAYS, ...COMPONENTS, 'prevention/admission', 'prevention/workload', 'roles'].toSorted(),
    );
  });
});

describe('config/overlays/enforce', () => {
  test('adds rights of the responder to config/default, and nothing else', async ({ access }) => {
    const [less, more] = await Promise.all([render(access, 'default'), render(access, 'overlays/enforce')]);
    const known = new Map(less.map((manifest) => [nameOf(manifest), manifest]));
    const added = more.filter((manifest) => !known.has(nameOf(manifest)));
    expect(added.map(nameOf)).toEqual([
      'ClusterRole/die-operator-responder-enforce',
      'ClusterRoleBinding/die-operator-responder-enforce',
    ]);
    expect(added[1]?.['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'responder', namespace: SYSTEM_NAMESPACE },
    ]);
    const kept = more.filter((manifest) => known.has(nameOf(manifest)));
    expect(kept).toEqual(less);
  });
});

describe('every right that config/ grants', () => {
  test('is one verb on one named kind: no wildcard, no secrets, no exec, no impersonation', async ({
    access,
  }) => {
    const rights = rightsOf(await render(access, 'overlays/enforce'));
    const words = rights.flatMap(({ verb, group, resource }) => [verb, group, ...resource.split('/')]);
    for (const word of ['*', 'secrets', 'exec', 'attach', 'portforward', 'ephemeralcontainers', 'proxy'])
      expect(words).not.toContain(word);
    for (const verb of ['escalate', 'bind', 'impersonate', 'deletecollection'])
      expect(words).not.toContain(verb);
  });
});
