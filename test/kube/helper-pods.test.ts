// What runs in die-operator-capture once config/components/helpers is installed: the helper pods of the responder, and
// nothing that anybody else, or the responder itself, might want there. On a real API server.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { PROFILES, type Profile } from '../../src/helpers/helper-settings.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, DEPLOYMENTS, EVENTS, PODS } from '../../src/kube/resources.ts';
import {
  call,
  certificateFor,
  tokenFor,
  type Credential,
  type PlainAnswer,
} from '../support/cluster-access.ts';
import { base, IMAGE, podWith, REFUSED, shape, withContainer } from '../support/helper-shapes.ts';
import { REFUSED_CAPTURES, REFUSED_CHECKPOINTS } from '../support/reader-shapes.ts';
import { installedTest } from '../support/installed-test.ts';
import { kubectl, renderWith } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';

const AT = `/api/v1/namespaces/${CAPTURE_NAMESPACE}/pods`;
const NAMESPACE = { namespace: CAPTURE_NAMESPACE };

const ALL_REFUSED = [...REFUSED, ...REFUSED_CAPTURES, ...REFUSED_CHECKPOINTS];

type Who = 'responder' | 'admin' | 'dev';
interface Request {
  method?: 'POST' | 'PATCH' | 'DELETE' | 'GET';
  path?: string;
  body?: unknown;
  contentType?: string;
}

const test = installedTest
  .extend('credentials', async ({ access, client }): Promise<Record<Who, Credential>> => {
    const items = await renderWith(access, 'overlays/enforce', 'components/helpers');
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-helpers-'));
    const file = join(folder, 'all.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl(access, 'apply', '--server-side', '--force-conflicts', '--validate=strict', '-f', file);
    await rm(folder, { recursive: true });
    await kubectl(access, 'delete', 'clusterrolebinding', 'dev-everything', '--ignore-not-found');
    // Everything in the namespace; the right to start helpers is one in the whole cluster.
    const binding = ['create', 'rolebinding', 'dev', '--clusterrole=cluster-admin', '--user=dev'];
    await kubectl(access, '-n', CAPTURE_NAMESPACE, 'delete', 'rolebinding', 'dev', '--ignore-not-found');
    await kubectl(access, '-n', CAPTURE_NAMESPACE, ...binding);
    await settings(client, { image: IMAGE, profiles: 'canary, netns, capture, checkpoint' });
    return {
      admin: access.admin,
      dev: await certificateFor(access, { user: 'dev' }),
      responder: { token: await tokenFor(access, SYSTEM_NAMESPACE, 'responder') },
    };
  })
  .extend('send', ({ access, credentials }) => (who: Who, request: Request): Promise<PlainAnswer> => {
    const { method = 'POST', path = AT, ...rest } = request;
    const dry = rest.body === undefined ? '' : '?dryRun=All';
    return call(access, { ...rest, method, path: `${path}${dry}`, as: credentials[who] });
  })
  .extend('ask', async ({ send }) => {
    const create = (profile: Profile) => () => send('responder', { body: shape(profile) });
    await eventually('the responder may start helpers', create('netns'), ({ status }) => status === 201);
    const wrong = () => send('responder', { body: podWith(withContainer({ image: 'x' })) });
    await eventually('the policies are in force', wrong, ({ status }) => status === 403);
    return send;
  });

async function settings(client: KubeClient, data: Record<string, string>): Promise<void> {
  await client.jsonPatch(CONFIG_MAPS, { ...NAMESPACE, name: HELPERS_CONFIGMAP }, [
    { op: 'add', path: '/data', value: data },
  ]);
}

function why({ status, body }: PlainAnswer): string | undefined {
  const { reason, message = '' } = body as { reason?: string; message?: string };
  return status === 403 && reason === 'Forbidden' ? /denied request: (.*)/s.exec(message)?.[1] : undefined;
}

describe('in the namespace of helper pods', () => {
  test('the responder starts pods of each profile', async ({ ask }) => {
    for (const profile of PROFILES) {
      expect(await ask('responder', { body: shape(profile) })).toMatchObject({ status: 201 });
    }
  });

  test('it starts nothing else', async ({ ask }) => {
    const outcomes = await Promise.all(
      ALL_REFUSED.map(async ([what, body, expected]) => {
        const answer = await ask('responder', { body });
        return [what, why(answer)?.startsWith(expected) ? expected : answer];
      }),
    );
    expect(outcomes).toEqual(ALL_REFUSED.map(([what, , expected]) => [what, expected]));
  });

  test('nobody else starts any, whatever RBAC allows there', async ({ ask, client }) => {
    expect(why(await ask('dev', { body: shape('canary') }))).toBe(
      'pods in die-operator-capture are started by die-operator only',
    );
    // Who may do everything in the whole cluster may do this, too, in the same shapes.
    expect((await ask('admin', { body: shape('canary') })).status).toBe(201);
    expect(why(await ask('admin', { body: podWith(withContainer({ image: 'x' })) }))).toBeDefined();

    const labels = { app: 'x' };
    const template = { metadata: { labels: { ...labels, ...shape('canary').metadata.labels } }, spec: base };
    await client.create(DEPLOYMENTS, NAMESPACE, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      // The API server lets no template have a pod that ends.
      spec: {
        selector: { matchLabels: labels },
        template: {
          ...template,
          spec: { ...base, restartPolicy: 'Always', activeDeadlineSeconds: undefined },
        },
      },
    });
    const events = async () => (await client.list<KubeObject>(EVENTS, NAMESPACE)).items;
    await eventually('the controller is refused', events, (all) =>
      all.some(
        ({ reason, note }) =>
          reason === 'FailedCreate' && String(note).includes('are started by die-operator only'),
      ),
    );
    expect((await client.list(PODS, { ...NAMESPACE, labelSelector: 'app=x' })).items).toEqual([]);
    await removeDeployment(client, 'x');
  });

  test('a capture reads the folders that the installation names', async ({ ask, client }) => {
    const elsewhere = { containerdRoot: '/data/containerd', kubeletRoot: '/data/kubelet' };
    await settings(client, { image: IMAGE, profiles: 'canary, netns, capture, checkpoint', ...elsewhere });
    const plain = () => ask('responder', { body: shape('capture') });
    await eventually('the folders are read', plain, ({ status }) => status === 403);
    const roots = { containerd: '/data/containerd', kubelet: '/data/kubelet' };
    expect(await ask('responder', { body: shape('capture', 'capture-1', roots) })).toMatchObject({
      status: 201,
    });

    // Nor by whoever may name them, to take all of a node by.
    const whole = { containerd: '/', kubelet: '/data/kubelet' };
    await settings(client, {
      image: IMAGE,
      profiles: 'canary, netns, capture, checkpoint',
      containerdRoot: '/',
    });
    const all = () => ask('responder', { body: shape('capture', 'capture-1', whole) });
    const refused = await eventually('it is read', all, ({ status }) => status === 403);
    expect(why(refused)).toMatch(/^a capture pod mounts the folders/);
    await settings(client, { image: IMAGE, profiles: 'canary, netns, capture, checkpoint' });
    await eventually('the folders are as before', plain, ({ status }) => status === 201);
  });

  test('a profile that the installation does not name is not started', async ({ ask, client }) => {
    await settings(client, { image: IMAGE, profiles: 'canary' });
    for (const profile of ['netns', 'capture', 'checkpoint'] as const) {
      const create = () => ask('responder', { body: shape(profile) });
      const refused = await eventually(`${profile} is off`, create, ({ status }) => status === 403);
      expect(why(refused)).toBe(
        `the profile ${profile} is not among the profiles of ConfigMap die-operator-helpers`,
      );
    }
    expect((await ask('responder', { body: shape('canary') })).status).toBe(201);
  });

  test('none is started while the image is not named by digest', async ({ ask, client }) => {
    for (const image of ['', 'registry.example/die-operator:1']) {
      await settings(client, { image, profiles: 'canary' });
      const create = () => ask('responder', { body: podWith(withContainer({ image: image || 'x' })) });
      const refused = await eventually(`${image} is read`, create, ({ status }) => status === 403);
      expect(why(refused)).toMatch(/^a helper pod runs the image that ConfigMap/);
    }
  });

  test('a running one stays as it is and nobody gets in, but it can be labelled and deleted', async ({
    ask,
    client,
  }) => {
    const name = 'canary-kept';
    await client.create(PODS, NAMESPACE, shape('canary', name));
    const patch = (body: object, part = '') => ({
      method: 'PATCH' as const,
      path: `${AT}/${name}${part}`,
      body,
      contentType: 'application/strategic-merge-patch+json',
    });
    const image = patch({ spec: { containers: [{ name: 'helper', image: 'x' }] } });
    const debug = patch(
      { spec: { ephemeralContainers: [{ name: 'd', image: 'x' }] } },
      '/ephemeralcontainers',
    );
    for (const who of ['dev', 'admin'] as const) {
      expect(why(await ask(who, image))).toBeDefined();
      expect(why(await ask(who, debug))).toBeDefined();
      for (const [method, part] of [
        ['POST', 'exec?command=sh&stdout=true'],
        ['GET', 'exec?command=sh&stdout=true'],
        ['POST', 'attach?stdout=true'],
        ['POST', 'portforward'],
        ['GET', 'proxy/'],
        ['POST', 'proxy/'],
      ] as const) {
        const answer = await ask(who, {
          method,
          path: `${AT}/${name}/${part}`,
        });
        expect(why(answer), `${who} ${part}`).toBe('nobody gets into the helper pods of die-operator');
      }
    }
    const label = {
      metadata: { labels: { 'die-operator.dev/quarantine': 'true' }, finalizers: ['example.com/a'] },
    };
    expect(await ask('responder', patch(label))).toMatchObject({ status: 200 });
    expect(await ask('dev', patch({ metadata: { annotations: { a: 'b' } } }))).toMatchObject({ status: 200 });
    const deleted = await ask('responder', { method: 'DELETE', path: `${AT}/${name}` });
    expect(deleted.status).toBe(200);
  });
});

describe('what decides about helper pods', () => {
  const MAP = `/api/v1/namespaces/${CAPTURE_NAMESPACE}/configmaps`;
  const evil = { data: { image: `evil.example/x@sha256:${'e'.repeat(64)}`, profiles: 'canary, netns' } };
  const merge = { method: 'PATCH', contentType: 'application/merge-patch+json' } as const;

  test('is set by who may configure helpers in the whole cluster', async ({ ask, client }) => {
    const name = HELPERS_CONFIGMAP;
    const before = await client.get(CONFIG_MAPS, { ...NAMESPACE, name });
    const refusal =
      'which image and rights helper pods have is for holders of the verb configure on helpers.die-operator.dev to say';
    const change = { ...merge, path: `${MAP}/${name}`, body: evil };
    const dev = async () => why(await ask('dev', change));
    await eventually('the settings are protected', dev, (said) => said !== undefined);
    expect(await dev()).toBe(refusal);
    expect(why(await ask('dev', { method: 'DELETE', path: `${MAP}/${name}` }))).toBe(refusal);
    expect((await ask('dev', { method: 'DELETE', path: MAP })).status).toBe(403);
    expect(await client.get(CONFIG_MAPS, { ...NAMESPACE, name })).toEqual(before);
    const other = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other' } };
    expect((await ask('dev', { path: MAP, body: other })).status).toBe(201);
    expect((await ask('admin', change)).status).toBe(200);
  });

  test('is what a kubelet says of their end, and nobody else', async ({ ask, client }) => {
    const name = 'canary-told';
    await client.create(PODS, NAMESPACE, shape('canary', name));
    const said = {
      ...merge,
      path: `${AT}/${name}/status`,
      body: { status: { message: '{"result":"Cut"}' } },
    };
    const dev = async () => why(await ask('dev', said));
    await eventually('the state is protected', dev, (text) => text !== undefined);
    expect(await dev()).toBe('what becomes of the helper pods of die-operator is for the cluster to say');
    expect((await ask('admin', said)).status).toBe(200);
  });
});

async function removeDeployment(client: KubeClient, name: string): Promise<void> {
  const { metadata } = await client.get<KubeObject>(DEPLOYMENTS, { ...NAMESPACE, name });
  await client.delete(DEPLOYMENTS, { ...NAMESPACE, name }, metadata.uid);
}
