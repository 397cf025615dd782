// The immutable workload of config/prevention/workload is let into its own namespace, and what weakens it is not, on a real API
// server.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { kubectl, renderFolder } from '../support/manifests.ts';
import { preventionTest, QUIET, tell, WORKLOAD, type Told } from '../support/prevention-test.ts';
import { eventually } from '../support/real-api-test.ts';

const NAMESPACE = 'production';

interface Security {
  readOnlyRootFilesystem?: boolean;
  allowPrivilegeEscalation?: boolean;
  privileged?: boolean;
  runAsUser?: number;
  capabilities?: object;
}
interface ImmutablePod {
  volumes: object[];
  securityContext: object;
  hostPID?: boolean;
  containers: { image: string; securityContext: Security; volumeMounts: object[] }[];
}
type Weaken = (spec: ImmutablePod) => void;

const security = (more: Security): Weaken => {
  return ({ containers }) => containers.forEach((one) => Object.assign(one.securityContext, more));
};
const volume = (source: object): Weaken => {
  return ({ volumes }) => void volumes.push({ name: 'more', ...source });
};

/** By what is weakened; and who refuses it, with what text. */
const WEAKENED: readonly [what: string, weaken: Weaken, says: string][] = [
  ['a privileged container', security({ privileged: true, allowPrivilegeEscalation: true }), 'privileged ('],
  ['escalation', security({ allowPrivilegeEscalation: true }), 'allowPrivilegeEscalation != false ('],
  ['root', security({ runAsUser: 0 }), 'runAsUser=0 ('],
  [
    'a capability',
    security({ capabilities: { add: ['SYS_ADMIN'] } }),
    'must not include "SYS_ADMIN" in securityContext.capabilities.add',
  ],
  ['no filter of calls', (spec) => void (spec.securityContext = { runAsNonRoot: true }), 'seccompProfile ('],
  ['processes of the node', (spec) => void (spec.hostPID = true), 'host namespaces ('],
  ['a folder of the node', volume({ hostPath: { path: '/usr/bin' } }), 'restricted volume types ('],
  [
    'a writable root',
    security({ readOnlyRootFilesystem: false }),
    "'die-operator-prevention-deny' denied request: a root filesystem",
  ],
  [
    'a tag',
    ({ containers }) => containers.forEach((one) => void (one.image = 'registry.example/app:v1.0')),
    "'die-operator-prevention-deny' denied request: a tag can be moved",
  ],
];

const test = preventionTest
  .extend('applied', { scope: 'file' }, async ({ plane, prevented }): Promise<boolean> => {
    if (!prevented || plane === undefined) return false;
    // `kubectl` rejects when it is warned.
    await kubectl(plane.access, 'apply', '--server-side', '--validate=strict', '-k', WORKLOAD);
    return true;
  })
  // Makes a pod of the workload, weakened, and only tries.
  .extend('pod', async ({ access, applied }) => {
    expect(applied).toBe(true);
    const manifests = await renderFolder(access, WORKLOAD);
    const deployment = manifests.find(({ kind }) => kind === 'Deployment') as unknown as {
      spec: { template: { spec: ImmutablePod } };
    };
    return async (weaken: Weaken): Promise<Told> => {
      const spec = structuredClone(deployment.spec.template.spec);
      weaken(spec);
      const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec };
      return tell(access, ['-n', NAMESPACE, 'create', '-f', '-', '--dry-run=server'], { object });
    };
  });

describe('the immutable workload', () => {
  test('is taken without a warning, and its pods are made', async ({ client, applied }) => {
    expect(applied).toBe(true);
    const pods = () => client.list<KubeObject>(PODS, { namespace: NAMESPACE });
    await eventually('three pods', pods, ({ items }) => items.length === 3);
    const { spec } = await client.get<KubeObject & { spec: object }>(DEPLOYMENTS, {
      namespace: NAMESPACE,
      name: 'immutable-app',
    });
    expect(spec).toMatchObject({ replicas: 3 });
  });

  test('passes as a bare pod, as one that is made anew', async ({ pod }) => {
    expect(await pod(() => undefined)).toEqual(QUIET);
  });

  test.for(WEAKENED)('with %s is refused', async ([, weaken, says], { pod }) => {
    const { refused } = await pod(weaken);
    const who = says.startsWith("'")
      ? 'ValidatingAdmissionPolicy'
      : 'violates PodSecurity "restricted:v1.36"';
    expect(refused).toContain(who);
    expect(refused).toContain(says);
  });

  // Pod Security does not ask for them, nor do the rules.
  test('without limits of its volumes is refused by nobody', async ({ pod }) => {
    const unlimited: Weaken = (spec) =>
      void (spec.volumes = spec.volumes.map((one) => ({ ...one, emptyDir: {} })));
    expect(await pod(unlimited)).toEqual(QUIET);
  });
});
