// ServiceAccounts of pods: who gets a token, and who waits for an account.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { credentialsWithinReach } from '../../../src/evidence/collectors/rotate.ts';
import { PODS, SERVICE_ACCOUNTS } from '../../../src/kube/resources.ts';
import { at, createLab, newDeployment, newPod, type Lab } from './harness.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

interface Spec {
  serviceAccountName: string;
  volumes?: { name: string }[];
  initContainers?: { volumeMounts?: { name: string; mountPath: string }[] }[];
  containers: { volumeMounts?: { name: string; mountPath: string }[] }[];
}

async function created(lab: Lab, spec: object = {}, name = 'web-1'): Promise<KubeObject> {
  const { status, object } = await lab.call('POST', at('pods'), newPod(name, { spec }));
  expect(status).toBe(201);
  return object;
}

const specOf = (pod: KubeObject | undefined) => pod?.['spec'] as Spec;
const tokensOf = (pod: KubeObject) => credentialsWithinReach(pod, undefined).serviceAccount;

describe('a pod', () => {
  test('gets the account of its namespace, and a volume with its token in every container', async () => {
    const pod = await created(createLab(), {
      initContainers: [{ name: 'init', image: 'a:1' }],
      containers: [
        { name: 'web', image: 'a:1' },
        { name: 'side', image: 'b:1' },
      ],
    });
    const { volumes = [], initContainers = [], containers } = specOf(pod);
    const [volume] = volumes;
    expect(volume?.name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    for (const { volumeMounts } of [...initContainers, ...containers])
      expect(volumeMounts).toEqual([{ name: volume?.name, readOnly: true, mountPath: MOUNT }]);
    expect(tokensOf(pod)).toEqual({
      name: 'default',
      tokens: [{ volume: volume?.name, audience: 'the API server', expirationSeconds: 3607 }],
      secrets: [],
    });
  });

  test.each([
    ['the pod wants none', undefined, false, false],
    ['its account wants none', false, undefined, false],
    ['its account wants none, but the pod does', false, true, true],
    ['both say nothing', undefined, undefined, true],
  ])('gets a token, or not: %s', async (_what, ofAccount, ofPod, gets) => {
    const lab = createLab();
    const automount = (automountServiceAccountToken: boolean | undefined) =>
      automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken };
    const metadata = { name: 'robot' };
    lab.cluster.api.create(SERVICE_ACCOUNTS, 'shop', { metadata, ...automount(ofAccount) });
    const pod = await created(lab, { serviceAccountName: 'robot', ...automount(ofPod) });
    expect(tokensOf(pod)).toMatchObject({ name: 'robot' });
    expect(tokensOf(pod).tokens).toHaveLength(gets ? 1 : 0);
  });

  test('keeps its token when it is changed, and two pods have volumes of their own', async () => {
    const lab = createLab();
    const [first, second] = [await created(lab), await created(lab, {}, 'web-2')];
    expect(specOf(first).volumes).not.toEqual(specOf(second).volumes);
    const patch = [{ op: 'add', path: '/metadata/labels/x', value: 'y' }];
    const { object } = await lab.call('PATCH', at('pods', 'web-1'), patch, 'application/json-patch+json');
    expect(specOf(object)).toEqual(specOf(first));
  });

  test('of an account that is missing is refused', async () => {
    const lab = createLab();
    const pod = newPod('web-1', { spec: { serviceAccountName: 'robot' } });
    const { status, refusal } = await lab.call('POST', at('pods'), pod);
    expect([status, refusal.message]).toEqual([
      403,
      'pods "web-1" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
    ]);
    expect(lab.pod('web-1')).toBeUndefined();
  });
});

describe('a new namespace', () => {
  const POD_IN_NEW = '/api/v1/namespaces/new/pods';

  test('gets its account a moment later: pods are refused until then', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', '/api/v1/namespaces', { metadata: { name: 'new' } });
    expect((await lab.call('POST', POD_IN_NEW, newPod('early'))).status).toBe(403);
    await lab.clock.advance(20);
    expect((await lab.call('POST', POD_IN_NEW, newPod('late'))).status).toBe(201);
  });

  test('has the pods of a Deployment in the end', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', '/api/v1/namespaces', { metadata: { name: 'new' } });
    await lab.call('POST', '/apis/apps/v1/namespaces/new/deployments', newDeployment(2));
    await lab.clock.advance(500);
    expect(lab.cluster.api.list(PODS, 'new').map(tokensOf)).toHaveLength(2);
  });

  test('has its account again when somebody deletes it', async () => {
    const lab = createLab();
    lab.cluster.start();
    lab.cluster.api.delete(SERVICE_ACCOUNTS, { namespace: 'shop', name: 'default' });
    await lab.clock.advance(20);
    expect(lab.cluster.api.get(SERVICE_ACCOUNTS, { namespace: 'shop', name: 'default' })).toBeDefined();
  });
});
