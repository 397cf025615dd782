// die-operator as a person installs it: config/ with nothing changed but the image and the limits of the installation, a
// certificate, a token, and a pod in the namespace of Falcosidekick that sends alerts.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { CONFIG, folderOf, kubectl, type Overlay } from '../../support/manifests.ts';
import { withdrawAll } from './components.ts';
import { createAuthority, issueServerCertificate } from '../../support/pki.ts';
import { UNLIMITED } from './unlimited.ts';

/** By this name senders call the receivers. */
export const RECEIVER_HOST = 'receiver.die-operator-system.svc';
export const RECEIVER_URL = `https://${RECEIVER_HOST}:2802`;
/** The namespace that config/ lets reach the intake. */
export const SENDER_NAMESPACE = 'falco';
export const SENDER = 'sender';
const SEND = join(import.meta.dirname, 'send.ts');
const ROLLOUT = '--timeout=90s';

/** What an installation is made of. */
export interface InstallOptions {
  access: ClusterAccess;
  /** For the certificate, and overlays. */
  folder: string;
  image: { name: string; digest: string };
}

/** What `send.ts` prints: the answer to an alert, or why there was none. */
export type Sent = { status: number; body: Record<string, unknown> } | { error: string };

/** Installs config/default, which has no rights to act, and a sender. Resolves when all pods are Ready. */
export async function installDefault(options: InstallOptions): Promise<{ token: string }> {
  const { access, folder, image } = options;
  await withdrawAll(access);
  // A fixture that failed is not cleaned up: its sender would trust another CA.
  await uninstall(access);
  const token = randomBytes(24).toString('hex');
  const authority = await createAuthority(folder);
  const { cert, key } = await issueServerCertificate(folder, 'intake', [`DNS:${RECEIVER_HOST}`]);
  const read = (file: string) => readFile(file, 'utf8');
  const tls = { 'tls.crt': await read(cert), 'tls.key': await read(key) };
  await kubectl(access, 'apply', '--server-side', '-f', join(folderOf('default'), 'namespace.yaml'));
  await applyObjects(options, [
    secret('intake-tls', 'kubernetes.io/tls', tls),
    secret('intake-tokens', 'Opaque', { tokens: `${token}\n` }),
  ]);
  await applyWithImage(options, 'default');
  const address = ['-o', 'jsonpath={.spec.clusterIP}'];
  const ip = await kubectl(access, '-n', SYSTEM_NAMESPACE, 'get', 'service', 'receiver', ...address);
  await applyObjects(options, senderObjects(ip, `${image.name}@${image.digest}`, await read(authority.cert)));
  await Promise.all([
    kubectl(access, '-n', SYSTEM_NAMESPACE, 'rollout', 'status', 'deployment/receiver', ROLLOUT),
    kubectl(access, '-n', SYSTEM_NAMESPACE, 'rollout', 'status', 'deployment/responder', ROLLOUT),
    kubectl(access, '-n', SENDER_NAMESPACE, 'wait', '--for=condition=Ready', `pod/${SENDER}`, ROLLOUT),
  ]);
  return { token };
}

/** Restarts the responder, which looks only when it starts for what it may read; resolves when the new one is Ready. */
export async function restartResponder(access: ClusterAccess): Promise<void> {
  for (const [verb, ...flags] of [['restart'], ['status', ROLLOUT]] as const)
    await kubectl(access, '-n', SYSTEM_NAMESPACE, 'rollout', verb, 'deployment/responder', ...flags);
}

/** Applies an overlay with that image in the place of `die-operator`, as an overlay of one's own does. */
export async function applyWithImage(
  { access, folder, image }: InstallOptions,
  overlay: Overlay,
): Promise<void> {
  const own = await realpath(await mkdtemp(join(folder, 'overlay-')));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // Absolute paths are refused.
    resources: [relative(own, join(CONFIG, overlay))],
    images: [{ name: 'die-operator', newName: image.name, digest: image.digest }],
    patches: [UNLIMITED],
  };
  await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization));
  await kubectl(access, 'apply', '--server-side', '--validate=strict', '-k', own);
}

/**
 * Posts an alert from the sender's pod, over TLS that trusts the test's CA alone, `times` times, and tells what came of each
 * as soon as it is known.
 */
export async function* send(
  { access, token }: { access: ClusterAccess; token: string },
  {
    alert,
    times,
    everyMs,
    path = '/v1/falco',
  }: { alert: object; times: number; everyMs: number; path?: string },
): AsyncGenerator<Sent> {
  const script = await readFile(SEND, 'utf8');
  const given = [`${RECEIVER_URL}${path}`, token, `${JSON.stringify(alert)}\n`, `${times}`, `${everyMs}`];
  const command = ['node', '--input-type=module-typescript', '-e', script, '--', ...given];
  const pod = ['-n', SENDER_NAMESPACE, 'exec', SENDER, '--', ...command];
  for await (const line of kubectlLines(access, ...pod)) yield JSON.parse(line) as Sent;
}

/** Runs kubectl as the admin; yields each line that it prints when it prints it. Throws if it fails. */
export async function* kubectlLines(access: ClusterAccess, ...args: string[]): AsyncGenerator<string> {
  const all = ['--kubeconfig', access.adminKubeconfig, ...args];
  const child = spawn(access.kubectl ?? 'kubectl', all, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  try {
    yield* createInterface(child.stdout);
    const [code] = (await ended) as [number | null];
    if (code !== 0) throw new Error(`kubectl ${args.slice(0, 4).join(' ')} ended with code ${code}`);
  } finally {
    // When nobody wants the rest.
    child.kill();
  }
}

/**
 * Takes the program away; definitions, rights and the namespace stay. Waits until its pods are gone, and does not give them
 * the time that they take to end without loss.
 */
export async function uninstall(access: ClusterAccess): Promise<void> {
  const ours = ['-n', SYSTEM_NAMESPACE, 'delete', '--all'];
  await kubectl(access, ...ours, 'deployment,replicaset,service,secret', '--cascade=orphan');
  await Promise.all([
    kubectl(access, ...ours, 'pod', '--grace-period=1'),
    kubectl(access, '-n', SENDER_NAMESPACE, 'delete', 'pod', SENDER, '--ignore-not-found', '--now'),
  ]);
}

async function applyObjects({ access, folder }: InstallOptions, items: object[]): Promise<void> {
  const file = join(await mkdtemp(join(folder, 'objects-')), 'list.json');
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await kubectl(access, 'apply', '--server-side', '--force-conflicts', '-f', file);
}

function secret(name: string, type: string, stringData: Record<string, string>): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: SYSTEM_NAMESPACE },
    type,
    stringData,
  };
}

/** The CA is where docs/install.md puts Falcosidekick's. There is no DNS here: the name is in the pod's /etc/hosts. */
function senderObjects(receiver: string, image: string, authority: string): object[] {
  const metadata = (name: string) => ({ name, namespace: SENDER_NAMESPACE });
  const [mountPath, name] = ['/etc/die-operator', 'die-operator-intake-ca'];
  const container = {
    name: SENDER,
    image,
    command: ['node', '-e', 'setInterval(() => {}, 1e6)'],
    env: [{ name: 'NODE_EXTRA_CA_CERTS', value: `${mountPath}/ca.crt` }],
    volumeMounts: [{ name, mountPath, readOnly: true }],
  };
  const spec = {
    terminationGracePeriodSeconds: 1,
    hostAliases: [{ ip: receiver, hostnames: [RECEIVER_HOST] }],
    volumes: [{ name, configMap: { name } }],
    containers: [container],
  };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SENDER_NAMESPACE } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(name), data: { 'ca.crt': authority } },
    { apiVersion: 'v1', kind: 'Pod', metadata: metadata(SENDER), spec },
  ];
}
