// Installing from config/: what the API server and its admission make of the manifests, and whether the program starts
// as the Deployments say.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { version } from '../../src/version.ts';
import { kubeconfigFor, tokenFor, type ClusterAccess } from '../support/cluster-access.ts';
import { install, installedTest as test } from '../support/installed-test.ts';
import { apply, kubectl, nameOf, render, type Manifest } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';

const OVERLAYS = ['default', 'overlays/enforce'] as const;
const ROLES = ['receiver', 'responder'] as const;
const ROOT = join(import.meta.dirname, '../..');

interface Probe {
  httpGet: { path: string };
}

interface Deployment extends Manifest {
  spec: {
    replicas: number;
    strategy: { type: string };
    template: {
      spec: {
        serviceAccountName: string;
        containers: { image: string; args: string[]; livenessProbe: Probe; readinessProbe: Probe }[];
      };
    };
  };
}

function deployment(manifests: readonly Manifest[], name: string): Deployment {
  const found = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  if (!found) throw new Error(`no Deployment ${name}`);
  return found as Deployment;
}

function containerOf({ spec }: Deployment) {
  const [container] = spec.template.spec.containers;
  if (!container) throw new Error('a Deployment without a container');
  return container;
}

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
    const pods = await eventually(
      'a pod of each Deployment',
      async () => (await client.list<KubeObject>(PODS, { namespace: SYSTEM_NAMESPACE })).items,
      (items) => items.length === ROLES.length,
    );
    const roles = pods.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']);
    expect(new Set(roles)).toEqual(new Set(ROLES));
  });

  test('run one responder at a time, and the image of this version', async ({ access }) => {
    const manifests = await render(access, 'default');
    expect(deployment(manifests, 'responder').spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
    });
    for (const role of ROLES)
      expect(containerOf(deployment(manifests, role)).image).toBe(`die-operator:${version()}`);
  });

  test.for(ROLES)(
    'start the %s with flags that it knows, ready by its probes',
    async (role, { access, client }) => {
      await install(access, client, 'default');
      const manifest = deployment(await render(access, 'default'), role);
      const { args, livenessProbe, readinessProbe } = containerOf(manifest);
      expect(manifest.spec.template.spec.serviceAccountName).toBe(role);
      const folder = await mkdtemp(join(tmpdir(), 'die-operator-install-'));
      await writeFile(join(folder, 'tokens'), `${'t'.repeat(32)}\n`);
      const program = await start(access, role, args, folder);
      try {
        const url = await probesOf(program);
        expect((await fetch(new URL(livenessProbe.httpGet.path, url))).status).toBe(200);
        const ready = async () => (await fetch(new URL(readinessProbe.httpGet.path, url))).status;
        expect(await eventually(`the ${role} is ready`, ready, (status) => status === 200)).toBe(200);
        program.kill('SIGTERM');
        expect(await exitOf(program)).toBe(0);
      } finally {
        program.kill('SIGKILL');
        await rm(folder, { recursive: true });
      }
    },
  );
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

/** What differs outside of a pod: files, ports and addresses. */
function here(arg: string, folder: string): string {
  const [flag] = arg.split('=');
  const changed: Record<string, string> = {
    '--intake-host': '127.0.0.1',
    '--intake-port': '0',
    '--health-host': '127.0.0.1',
    '--health-port': '0',
    '--token-file': join(folder, 'tokens'),
    '--evidence-dir': folder,
  };
  const value = changed[flag ?? ''];
  return value === undefined ? arg : `${flag}=${value}`;
}

async function start(
  access: ClusterAccess,
  role: string,
  args: readonly string[],
  folder: string,
): Promise<ChildProcess> {
  const token = await tokenFor(access, SYSTEM_NAMESPACE, role);
  const KUBECONFIG = await kubeconfigFor(access, { token });
  const command = [join(ROOT, 'bin/die-operator.js'), ...args.map((arg) => here(arg, folder))];
  const env = { ...process.env, KUBECONFIG };
  return spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The URL of the probes, from the log. Rejects when the program ends before it tells. */
async function probesOf({ stderr }: ChildProcess): Promise<string> {
  if (!stderr) throw new Error('the program has no log');
  const lines = createInterface(stderr);
  const heard: string[] = [];
  for await (const line of lines) {
    heard.push(line);
    const { probes } = JSON.parse(line) as { probes?: string };
    if (probes === undefined) continue;
    stderr.resume();
    return probes;
  }
  throw new Error(`the program ended before it started: ${heard.join('\n')}`);
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}
