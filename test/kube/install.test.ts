// Installing from config/: what the API server and its admission make of the manifests. Whether the program starts as they
// say is in install-run.test.ts.
import { readdir } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { version } from '../../src/version.ts';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { containerOf, deploymentOf, type Deployment } from '../support/deployed-program.ts';
import { install, installedTest as test } from '../support/installed-test.ts';
import {
  apply,
  COMPONENTS,
  CONFIG,
  kubectl,
  nameOf,
  OVERLAYS,
  render,
  renderWith,
  type Component,
  type Manifest,
  type Overlay,
} from '../support/manifests.ts';
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

/** What an overlay gets from a component: what is new, and the names of what differs. */
async function gained(access: ClusterAccess, overlay: Overlay, component: Component) {
  const [less, more] = await Promise.all([render(access, overlay), renderWith(access, overlay, component)]);
  const before = new Map(less.map((manifest) => [nameOf(manifest), manifest]));
  const known = more.filter((manifest) => before.has(nameOf(manifest)));
  return {
    added: more.filter((manifest) => !before.has(nameOf(manifest))),
    changed: known.filter((one) => !isDeepStrictEqual(one, before.get(nameOf(one)))).map(nameOf),
    less,
    more,
  };
}

function secretsOf({ spec }: Deployment): string[] {
  return spec.template.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []).toSorted();
}

describe.for(OVERLAYS)('on config/%s', (overlay) => {
  test('components/mtls puts client certificates in the place of tokens', async ({ access }) => {
    const { added, changed, less, more } = await gained(access, overlay, 'components/mtls');
    expect([added, changed]).toEqual([[], [`Deployment/${SYSTEM_NAMESPACE}/receiver`]]);
    const [before, after] = [deploymentOf(less, 'receiver'), deploymentOf(more, 'receiver')];
    const flags = containerOf(before).args.map((arg) =>
      arg.replace(/^--token-file=.*/, '--tls-client-ca-file=/etc/die-operator/intake-client-ca/ca.crt'),
    );
    expect(containerOf(after).args).toEqual(flags);
    expect([secretsOf(before), secretsOf(after)]).toEqual([
      ['intake-tls', 'intake-tokens'],
      ['intake-client-ca', 'intake-tls'],
    ]);
  });

  test('components/ha adds a second responder and storage for the evidence of both', async ({ access }) => {
    const { added, changed, more } = await gained(access, overlay, 'components/ha');
    expect([added.map(nameOf), changed]).toEqual([
      [`PersistentVolumeClaim/${SYSTEM_NAMESPACE}/evidence`],
      [`Deployment/${SYSTEM_NAMESPACE}/responder`],
    ]);
    const { spec } = deploymentOf(more, 'responder');
    expect(spec).toMatchObject({ replicas: 2, strategy: { type: 'RollingUpdate' } });
    expect(spec.template.spec.volumes).toEqual([
      { name: 'evidence', persistentVolumeClaim: { claimName: 'evidence' } },
    ]);
  });

  test('components/quarantine-protection adds admission policies, a list, and the rights to keep lists', async ({
    access,
  }) => {
    const { added, changed } = await gained(access, overlay, 'components/quarantine-protection');
    expect(changed).toEqual([]);
    const policies = ['access', 'deletion', 'label', 'objects', 'pod', 'token'].map(
      (name) => `die-operator-quarantine-${name}`,
    );
    const bound = ['quarantine-lists', 'quarantine-manager'].map((name) => `die-operator-responder-${name}`);
    expect(added.map(nameOf).toSorted()).toEqual(
      [
        'ClusterRole/die-operator-quarantine-manager',
        'ClusterRole/die-operator-responder-quarantine-lists',
        ...bound.map((name) => `ClusterRoleBinding/${name}`),
        `ConfigMap/${SYSTEM_NAMESPACE}/die-operator-quarantined-pods`,
        `Role/${SYSTEM_NAMESPACE}/responder-quarantine-lists`,
        `RoleBinding/${SYSTEM_NAMESPACE}/responder-quarantine-lists`,
        ...policies.map((name) => `ValidatingAdmissionPolicy/${name}`),
        ...policies.map((name) => `ValidatingAdmissionPolicyBinding/${name}`),
      ].toSorted(),
    );
  });

  test.for([
    [
      'cilium',
      'ciliumclusterwidenetworkpolicies ciliumnetworkpolicies',
      ['CiliumClusterwideNetworkPolicy/die-operator-quarantine'],
    ],
    [
      'calico',
      'globalnetworkpolicies tier.globalnetworkpolicies tiers',
      ['GlobalNetworkPolicy/die-operator.quarantine', 'Tier/die-operator'],
    ],
    ['cluster-network-policy', 'clusternetworkpolicies', ['ClusterNetworkPolicy/die-operator-quarantine']],
  ] as const)(
    'components/%s adds a deny, and the rights to look at it',
    async ([name, readable, denies], { access }) => {
      const { added, changed } = await gained(access, overlay, `components/${name}`);
      const bound = `die-operator-responder-${name}`;
      expect(changed).toEqual([]);
      expect(added.map(nameOf).toSorted()).toEqual(
        [...denies, `ClusterRole/${bound}`, `ClusterRoleBinding/${bound}`].toSorted(),
      );
      const role = added.find(({ kind }) => kind === 'ClusterRole') as Manifest & {
        rules: { resources: string[]; verbs: string[] }[];
      };
      expect(
        role.rules
          .flatMap(({ resources }) => resources)
          .toSorted()
          .join(' '),
      ).toBe(readable);
      const verbs = new Set(role.rules.flatMap((rule) => rule.verbs));
      expect([...verbs]).toEqual(name === 'cilium' ? ['list', 'watch'] : ['get']);
      expect(added.find(({ kind }) => kind === 'ClusterRoleBinding')?.['subjects']).toEqual([
        { kind: 'ServiceAccount', name: 'responder', namespace: SYSTEM_NAMESPACE },
      ]);
    },
  );

  test('components/cert-manager has the Secret made that the receiver mounts, for the name of its Service', async ({
    access,
  }) => {
    const { added, changed, more } = await gained(access, overlay, 'components/cert-manager');
    expect([added.map(nameOf), changed]).toEqual([
      ['Certificate/intake-ca', 'Certificate/intake-tls', 'Issuer/intake-ca', 'Issuer/intake-root'].map(
        (name) => name.replace('/', `/${SYSTEM_NAMESPACE}/`),
      ),
      [],
    ]);
    const services = more.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name);
    expect(services).toEqual(['receiver']);
    const host = `${services[0]}.${SYSTEM_NAMESPACE}.svc`;
    const { spec } = added[1] as Manifest & { spec: { secretName: string } };
    expect(spec).toMatchObject({
      dnsNames: [host, `${host}.cluster.local`],
      usages: ['digital signature', 'server auth'],
    });
    expect(secretsOf(deploymentOf(more, 'receiver'))).toContain(spec.secretName);
  });
});

describe('config/', () => {
  test('has no folder that these tests do not build', async () => {
    const files = await readdir(CONFIG, { recursive: true });
    const folders = files.filter((file) => file.endsWith('/kustomization.yaml'));
    expect(folders.map((file) => file.replace(/\/[^/]*$/, '')).toSorted()).toEqual(
      [...OVERLAYS, ...COMPONENTS, 'roles'].toSorted(),
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
