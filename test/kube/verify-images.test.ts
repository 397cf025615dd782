// `die-operator verify-images` against a real API server with its controllers: an outlier among the pods of a Deployment,
// a container that was added while the pod runs, and rights that are missing. DIE_PRINT=1 prints what it says.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DEPLOYMENTS, DRIFT_POLICIES, PODS, type Resource } from '../../src/kube/resources.ts';
import { kubeconfigFor, type ClusterAccess } from '../support/cluster-access.ts';
import { examplesOf } from '../support/docs-commands.ts';
import { imageTable } from '../support/pod-status.ts';
import { runProgram } from '../support/printed.ts';
import { crdTest, eventually, needsControllers } from '../support/real-api-test.ts';
import { isReady } from '../support/world.ts';

const RBAC = 'rbac.authorization.k8s.io';
const rbac = (kind: string, plural: string, namespaced: boolean): Resource => ({
  group: RBAC,
  version: 'v1',
  plural,
  kind,
  namespaced,
});
const IMAGE = 'registry.example/shop/web:1.4';
const REPOSITORY = 'registry.example/shop/web';
const IMAGES = imageTable(IMAGE);
const APPROVED = IMAGES.get(IMAGE) ?? '';
const MOVED = `sha256:${'9'.repeat(64)}`;

interface Scene {
  client: KubeClient;
  namespace: string;
  pods: KubeObject[];
  /** Runs the command as somebody with these rights. */
  run: (kubeconfig: string, ...args: string[]) => Promise<{ out: string; err: string; code: number }>;
}

interface Document {
  summary: { pods: number; verdicts: Record<string, number>; drifted: number };
  images: { object: string; verdict: string; reason: string; approved: string | null; runs: string | null }[];
  configuration: { object: string; kind: string; container: string; approved: string; runs: string }[];
  problems: { kind: string; message: string }[];
}

const test = crdTest.extend('scene', async ({ access, client, namespace, kubelet, skip }): Promise<Scene> => {
  needsControllers(access, skip);
  await kubelet({ images: IMAGES });
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: IMAGE }] } };
  const spec = { replicas: 3, selector: { matchLabels: labels }, template };
  const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec };
  await client.create(DEPLOYMENTS, { namespace }, body);
  const ready = async () => (await client.list<KubeObject>(PODS, { namespace })).items.filter(isReady);
  const pods = await eventually('three Ready pods', ready, ({ length }) => length === 3);
  const run: Scene['run'] = async (kubeconfig, ...args) => {
    const said = await runProgram('verify-images', '-n', namespace, '--kubeconfig', kubeconfig, ...args);
    if (process.env['DIE_PRINT']) process.stdout.write(`\n${said.out}${said.err}`);
    return said;
  };
  return { client, namespace, pods, run };
});

/** Makes a user with the rights that the page lists, or some of them; resolves with the path of a kubeconfig. */
async function readerWith(
  { access, client }: { access: ClusterAccess; client: KubeClient },
  has: (plural: string) => boolean = () => true,
): Promise<string> {
  const name = `verify-${randomBytes(5).toString('hex')}`;
  const [text = ''] = await examplesOf('images.md', 'What it needs', 'yaml');
  const [role] = parseAllDocuments(text).map(
    (one) => one.toJS() as { rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] },
  );
  const rules = role?.rules
    .map((rule) => ({ ...rule, resources: rule.resources.filter(has) }))
    .filter(({ resources }) => resources.length > 0);
  const made = { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules };
  await client.create(rbac('ClusterRole', 'clusterroles', false), {}, made);
  await client.create(
    rbac('ClusterRoleBinding', 'clusterrolebindings', false),
    {},
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ apiGroup: RBAC, kind: 'User', name }],
    },
  );
  return kubeconfigFor(access, { user: name });
}

/** What a kubelet reports of a node whose images somebody tampered with. */
async function tamper({ client, namespace, pods }: Scene): Promise<string> {
  const name = pods[0]?.metadata.name ?? '';
  const path = '/status/containerStatuses/0/imageID';
  await client.jsonPatch(PODS, { namespace, name, subresource: 'status' }, [
    { op: 'replace', path, value: `${REPOSITORY}@${MOVED}` },
  ]);
  return name;
}

async function document(
  scene: Scene,
  kubeconfig: string,
  ...args: string[]
): Promise<Document & { code: number }> {
  const { out, err, code } = await scene.run(kubeconfig, ...args, '-o', 'json');
  expect(err).toBe('');
  return { ...(JSON.parse(out) as Document), code };
}

describe('somebody with the rights of the page', () => {
  test('finds the pod that runs another image than the others under the same tag', async ({
    access,
    scene,
  }) => {
    const kubeconfig = await readerWith({ access, client: scene.client });
    const before = await document(scene, kubeconfig);
    expect(before).toMatchObject({ code: 0, problems: [], configuration: [] });
    expect(before.summary).toMatchObject({ pods: 3, verdicts: { MutableTag: 3, Unapproved: 0 }, drifted: 0 });

    const name = await tamper(scene);
    const found = await document(scene, kubeconfig);
    expect(found).toMatchObject({ code: 1, problems: [], configuration: [] });
    expect(found.images.filter(({ verdict }) => verdict !== 'MutableTag')).toMatchObject([
      { object: `Pod/${name}`, verdict: 'Unapproved', reason: 'Outlier', approved: APPROVED, runs: MOVED },
    ]);
    const { out, code } = await scene.run(kubeconfig);
    expect(code).toBe(1);
    expect(out).toContain(`Unapproved ${scene.namespace}/${name}: container web runs ${MOVED}`);
    expect(out).toMatch(/ and 1 more +web +MutableTag/);
  });

  test('finds a container that was added to a running pod', async ({ access, scene }) => {
    const kubeconfig = await readerWith({ access, client: scene.client });
    const { client, namespace, pods } = scene;
    const name = pods[1]?.metadata.name ?? '';
    const value = [
      { name: 'debug', image: 'busybox:1', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' },
    ];
    await client.jsonPatch(PODS, { namespace, name, subresource: 'ephemeralcontainers' }, [
      { op: 'add', path: '/spec/ephemeralContainers', value },
    ]);
    const found = await document(scene, kubeconfig);
    expect(found.code).toBe(1);
    expect(found.summary.drifted).toBe(1);
    expect(found.configuration).toMatchObject([
      {
        object: `Pod/${name}`,
        kind: 'EphemeralContainer',
        container: 'debug',
        approved: 'nothing',
        runs: 'image busybox:1',
      },
    ]);
    const { out } = await scene.run(kubeconfig);
    expect(out).toMatch(new RegExp(`${name} +debug +Drifted +spec.ephemeralContainers\\[debug\\]`));
    expect(out).toContain(
      `Drifted ${namespace}/${name}: ephemeral container debug was added to the running pod`,
    );
    expect(out).toContain('1 pod differs from the template');
  });

  test('sees the whole cluster, some pods by their labels, and what a policy refuses', async ({
    access,
    scene,
  }) => {
    const { client, namespace } = scene;
    const kubeconfig = await readerWith({ access, client });
    const spec = {
      approvedImages: [`${REPOSITORY}@${MOVED}`],
      responses: [{ name: 'note', actions: ['Label'] }],
    };
    const body = { apiVersion: API_VERSION, kind: 'DriftPolicy', metadata: { name: 'web' }, spec };
    await client.create(DRIFT_POLICIES, { namespace }, body);
    const here = await document(scene, kubeconfig, '-l', 'app=web');
    expect(here).toMatchObject({ code: 1, summary: { verdicts: { Unapproved: 3 } } });
    expect((await document(scene, kubeconfig, '-l', 'app=db')).summary.pods).toBe(0);
    const everywhere = await runProgram('verify-images', '-A', '--kubeconfig', kubeconfig, '-o', 'json');
    const { images } = JSON.parse(everywhere.out) as { images: { namespace: string; reason: string }[] };
    const ours = images.filter((one) => one.namespace === namespace);
    expect(ours.map(({ reason }) => reason)).toEqual(['NotListed', 'NotListed', 'NotListed']);
  });
});

describe('somebody who lacks a right is told which one', () => {
  test('and nothing else without the pods', async ({ access, scene }) => {
    const kubeconfig = await readerWith({ access, client: scene.client }, (plural) => plural !== 'pods');
    const { out, err, code } = await scene.run(kubeconfig);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toContain(`verify-images needs the right to list pods in namespace ${scene.namespace}`);
  });

  test('and the rest of what is known', async ({ access, scene }) => {
    const kubeconfig = await readerWith({ access, client: scene.client }, (plural) => plural === 'pods');
    const name = await tamper(scene);
    const { out, err, code } = await scene.run(kubeconfig);
    expect(code).toBe(1);
    expect(out).toContain(`Unapproved ${scene.namespace}/${name}: `);
    expect(err).toContain('you need the right to list driftpolicies.die-operator.dev');
    expect(err).toContain('you need the right to list clusterdriftpolicies.die-operator.dev');
    expect(err).toContain('templates of 3 pods of the kind ReplicaSet may not be read');
  });
});
