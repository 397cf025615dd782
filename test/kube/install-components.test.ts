// What the components of config/ add to an overlay, and nothing else.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { kebab, SettingsSchema } from '../../src/settings.ts';
import { NOTIFY_SETTINGS } from '../../src/settings/notify.ts';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { containerOf, deploymentOf, type Deployment } from '../support/deployed-program.ts';
import { installedTest as test } from '../support/installed-test.ts';
import {
  nameOf,
  OVERLAYS,
  render,
  renderWith,
  type Component,
  type Manifest,
  type Overlay,
} from '../support/manifests.ts';

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

function environmentOf(name: string): string {
  return `DIE_${kebab(name).replaceAll('-', '_').toUpperCase()}`;
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

  test('components/evidence gives the responder settings that it knows, and a key to sign with', async ({
    access,
  }) => {
    const { added, changed, more } = await gained(access, overlay, 'components/evidence');
    expect([added.map(nameOf), changed]).toEqual([
      [`ConfigMap/${SYSTEM_NAMESPACE}/die-operator-evidence`],
      [`Deployment/${SYSTEM_NAMESPACE}/responder`],
    ]);
    const { env } = containerOf(deploymentOf(more, 'responder')) as unknown as { env: { name: string }[] };
    const known = Object.keys(SettingsSchema.shape).map(environmentOf);
    expect(env.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    expect(env.length).toBeGreaterThan(0);
    expect(secretsOf(deploymentOf(more, 'responder'))).toEqual(['evidence-signing']);
  });

  test('components/notifications gives responder and receiver the same settings, which they know, and files for them', async ({
    access,
  }) => {
    const { added, changed, more } = await gained(access, overlay, 'components/notifications');
    expect(added.map(nameOf)).toEqual([`ConfigMap/${SYSTEM_NAMESPACE}/die-operator-notifications`]);
    expect(changed.toSorted()).toEqual(
      ['receiver', 'responder'].map((name) => `Deployment/${SYSTEM_NAMESPACE}/${name}`),
    );
    for (const name of ['receiver', 'responder'] as const) {
      const deployment = deploymentOf(more, name);
      const { env } = containerOf(deployment) as unknown as { env: { name: string }[] };
      const named = Object.keys(NOTIFY_SETTINGS).map(environmentOf).toSorted();
      expect(env.map((one) => one.name).toSorted()).toEqual(named);
      expect(secretsOf(deployment)).toContain('notifications');
    }
  });

  test.for([
    [
      'comparison',
      [
        'ClusterRole/die-operator-responder-comparison',
        'ClusterRoleBinding/die-operator-responder-comparison',
      ],
      ['create driftincidents'],
    ],
    [
      'verification',
      [
        'ClusterRole/die-operator-responder-verification',
        'ClusterRoleBinding/die-operator-responder-verification',
      ],
      [
        'create driftincidents',
        'get configmaps',
        'get controllerrevisions',
        'get daemonsets',
        'get jobs',
        'get replicasets',
        'get replicationcontrollers',
        'get statefulsets',
      ],
    ],
    [
      'exec-evidence',
      ['ClusterRole/die-operator-responder-exec', 'ClusterRoleBinding/die-operator-responder-exec'],
      ['create pods/exec', 'get pods/exec'],
    ],
    // Bound to nobody.
    [
      'restart',
      ['ClusterRole/die-operator-restart'],
      ['create controllerrevisions', 'create pods', 'get controllerrevisions'],
    ],
    [
      'checkpoint',
      [
        'ClusterRole/die-operator-checkpoint',
        'ClusterRoleBinding/die-operator-checkpoint',
        `Role/${SYSTEM_NAMESPACE}/responder-checkpoint`,
        `RoleBinding/${SYSTEM_NAMESPACE}/responder-checkpoint`,
        `ServiceAccount/${SYSTEM_NAMESPACE}/die-operator-checkpoint`,
      ],
      ['create nodes/checkpoint', 'create serviceaccounts/token'],
    ],
  ] as const)(
    'components/%s adds these rights and no others',
    async ([name, objects, rights], { access }) => {
      const { added } = await gained(access, overlay, `components/${name}`);
      expect(added.map(nameOf).toSorted()).toEqual([...objects].toSorted());
      const given = added.flatMap(
        (one) => (one as Manifest & { rules?: { resources: string[]; verbs: string[] }[] }).rules ?? [],
      );
      const words = given.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      );
      expect(words.toSorted()).toEqual(rights);
    },
  );

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
