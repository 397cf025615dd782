// The program as a Deployment of config/ starts it: its arguments, the files of its Secrets where they are mounted, its
// service account. There is neither image nor kubelet: paths, addresses and ports are those of this machine.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { kubeconfigFor, tokenFor, type ClusterAccess } from './cluster-access.ts';
import { kubectl, type Manifest } from './manifests.ts';
import { startProgram, type Addresses } from './program.ts';

interface Probe {
  httpGet: { path: string };
}

interface Container {
  image: string;
  args: string[];
  livenessProbe: Probe;
  readinessProbe: Probe;
  volumeMounts: { name: string; mountPath: string; subPath?: string }[];
}

interface Volume {
  name: string;
  secret?: { secretName: string; items?: { key: string; path: string }[] };
  emptyDir?: object;
  persistentVolumeClaim?: { claimName: string };
}

/** A Deployment, as far as tests look at it. */
export interface Deployment extends Manifest {
  spec: {
    replicas: number;
    strategy: { type: string };
    template: { spec: { serviceAccountName: string; containers: Container[]; volumes: Volume[] } };
  };
}

/** A running program. */
export interface DeployedProgram extends Addresses {
  /** What it has logged, a line each. */
  readonly log: readonly string[];
  /** Sends it that signal if it still runs, waits for its end and tells its exit code or what killed it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

// What differs outside of a pod, where many programs share the addresses.
const HERE: Readonly<Record<string, string>> = {
  '--intake-host': '127.0.0.1',
  '--intake-port': '0',
  '--health-host': '127.0.0.1',
  '--health-port': '0',
};

/** @throws Error if the manifests have no such Deployment. */
export function deploymentOf(manifests: readonly Manifest[], name: string): Deployment {
  const found = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  if (!found) throw new Error(`no Deployment ${name}`);
  return found as Deployment;
}

/** The only container of a Deployment. */
export function containerOf({ spec }: Deployment): Container {
  const [container, ...others] = spec.template.spec.containers;
  if (!container || others.length > 0) throw new Error('a Deployment of one container was expected');
  return container;
}

/**
 * Starts it and waits until it says where it listens.
 * @param root an empty folder: the root of the container.
 * Rejects if a Secret is missing, or with the log if the program ends.
 */
export async function startDeployed(
  access: ClusterAccess,
  deployment: Deployment,
  root: string,
): Promise<DeployedProgram> {
  await mountVolumes(access, deployment, root);
  const token = await tokenFor(access, SYSTEM_NAMESPACE, deployment.spec.template.spec.serviceAccountName);
  const args = containerOf(deployment).args.map((arg) => here(arg, root));
  const { addresses, log, end } = startProgram(args, await kubeconfigFor(access, { token }));
  try {
    return { ...(await addresses), log, end };
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
}

/** Writes what a kubelet would mount. */
async function mountVolumes(access: ClusterAccess, deployment: Deployment, root: string): Promise<void> {
  const { volumes } = deployment.spec.template.spec;
  for (const { name, mountPath } of containerOf(deployment).volumeMounts) {
    const volume = volumes.find((one) => one.name === name);
    if (!volume) throw new Error(`no volume ${name}`);
    await mkdir(join(root, mountPath), { recursive: true });
    if (volume.secret) await writeSecret(access, volume.secret, join(root, mountPath));
    else if (!volume.emptyDir && !volume.persistentVolumeClaim)
      throw new Error(`volume ${name} is of another kind`);
  }
}

async function writeSecret(
  access: ClusterAccess,
  { secretName, items }: NonNullable<Volume['secret']>,
  folder: string,
): Promise<void> {
  const text = await kubectl(access, 'get', 'secret', secretName, '-n', SYSTEM_NAMESPACE, '-o', 'json');
  const { data } = JSON.parse(text) as { data: Record<string, string> };
  const all = Object.keys(data).map((name) => ({ key: name, path: name }));
  for (const { key, path } of items ?? all) {
    if (data[key] === undefined) throw new Error(`Secret ${secretName} has no key ${key}`);
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.from(data[key], 'base64'), { mode: 0o440 });
  }
}

function here(arg: string, root: string): string {
  const [flag = '', value = ''] = arg.split('=');
  if (value.startsWith('/')) return `${flag}=${root}${value}`;
  return HERE[flag] === undefined ? arg : `${flag}=${HERE[flag]}`;
}
