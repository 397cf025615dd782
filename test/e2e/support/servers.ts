// Starts the servers of a cluster: the control plane on the host, the runtime and the agents in the node.
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { AUDIT_POLICY, etcdFlags, type ControlPlaneFiles } from '../../support/control-plane-flags.ts';
import { startDaemon, type Daemon } from '../../support/processes.ts';
import { kubeconfigOf, type Credentials } from './credentials.ts';
import type { NodeAssets } from './node-assets.ts';
import {
  CNI_CONFIG,
  CNI_FOLDER,
  containerdConfig,
  kubeletConfig,
  kubeProxyConfig,
  REGISTRY,
  type NodeFiles,
} from './node-config.ts';
import {
  ciliumAgentFlags,
  kubeletFlags,
  nodeApiServerFlags,
  nodeControllerManagerFlags,
  schedulerFlags,
} from './node-flags.ts';
import type { Node } from './node.ts';
import type { Places } from './places.ts';
import { cleanEnvironment } from './processes.ts';
import { allEnded, waitFor } from '../../support/waiting.ts';

/** What the servers are started from. */
export interface Plan {
  places: Places;
  assets: NodeAssets;
  credentials: Credentials;
  ports: ControlPlaneFiles['ports'];
  /** Told of each process before anything else happens. */
  adopt: (daemon: Daemon) => void;
}

/** The Debian package of packages.txt brings no plain `clang`. */
const CLANG = '/usr/bin/clang-19';

/** Starts a server on the host. */
async function onHost(
  { places, adopt }: Plan,
  name: string,
  binary: string,
  flags: string[],
): Promise<Daemon> {
  const args = [...cleanEnvironment(places), binary, ...flags];
  const daemon = await startDaemon(name, 'env', args, places.folder);
  adopt(daemon);
  return daemon;
}

/** Starts a server in the node. */
function inNode(
  plan: Plan,
  node: Node,
  name: string,
  command: readonly [string, ...string[]],
): Promise<Daemon> {
  const [program, ...args] = node.command(...command);
  return onHost(plan, name, program, args);
}

/** Starts etcd and the API server, which is not ready yet. */
export async function startApiServer(plan: Plan): Promise<Daemon[]> {
  const { assets, places, credentials } = plan;
  const files = controlPlaneFiles(plan);
  await writeFile(files.auditPolicy, JSON.stringify(AUDIT_POLICY));
  const flags = nodeApiServerFlags(files, places, credentials.toKubelet);
  return [
    await onHost(plan, 'etcd', assets.controlPlane.etcd, etcdFlags(files)),
    await onHost(plan, 'kube-apiserver', assets.controlPlane.apiServer, flags),
  ];
}

/** Starts what needs a ready API server on the host: controllers and scheduler. */
export function startControllers(plan: Plan): Promise<Daemon[]> {
  const { assets, places } = plan;
  const managerFlags = nodeControllerManagerFlags(controlPlaneFiles(plan), places);
  return allEnded([
    onHost(plan, 'kube-controller-manager', assets.controlPlane.controllerManager, managerFlags),
    onHost(
      plan,
      'kube-scheduler',
      assets.kubernetes('kube-scheduler'),
      schedulerFlags(kubeconfigOf(places, 'scheduler')),
    ),
  ]);
}

/** Starts the registry and containerd; resolves when both answer. */
export async function startRuntime(plan: Plan, node: Node): Promise<Daemon[]> {
  const { assets, places } = plan;
  const config = join(places.folder, 'containerd.toml');
  await writeFile(config, containerdConfig(places, nodeFiles(plan)));
  await mkdir(join(places.folder, CNI_FOLDER));
  await writeFile(join(places.folder, CNI_FOLDER, '05-cilium.conflist'), JSON.stringify(CNI_CONFIG));
  const port = REGISTRY.split(':')[1] ?? '';
  const daemons = await allEnded([
    inNode(plan, node, 'registry', [assets.registry('registry'), '-port', port]),
    inNode(plan, node, 'containerd', [assets.containerd('containerd'), '--config', config]),
  ]);
  const answers = (program: string, ...args: string[]) =>
    node.run(program, ...args).then(
      () => true,
      () => false,
    );
  await Promise.all([
    waitFor('the registry answers', daemons, () => answers('crane', 'catalog', REGISTRY)),
    waitFor('containerd answers', daemons, () => answers('ctr', 'version')),
  ]);
  return daemons;
}

/** Starts kubelet, kube-proxy and Cilium, which need a ready API server. */
export async function startAgents(plan: Plan, node: Node): Promise<Daemon[]> {
  const { assets, places } = plan;
  const kubelet = await written(places, 'kubelet.yaml', kubeletConfig(places, nodeFiles(plan)));
  const kubeProxy = await written(places, 'kube-proxy.yaml', kubeProxyConfig(places, nodeFiles(plan)));
  await writeFile(join(places.folder, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  // The agent writes beside its sources.
  await cp(assets.cilium('bpf'), join(places.folder, 'cilium/bpf'), { recursive: true });
  const kubeletArgs = kubeletFlags(places, kubelet, kubeconfigOf(places, 'kubelet'));
  const ciliumEnv = [`K8S_NODE_NAME=${places.nodeName}`, 'CILIUM_K8S_NAMESPACE=kube-system'];
  const ciliumArgs = ciliumAgentFlags(places, kubeconfigOf(places, 'cilium'));
  return allEnded([
    inNode(plan, node, 'kubelet', [assets.kubernetes('kubelet'), ...kubeletArgs]),
    inNode(plan, node, 'kube-proxy', [assets.kubernetes('kube-proxy'), `--config=${kubeProxy}`]),
    inNode(plan, node, 'cilium-agent', ['env', ...ciliumEnv, assets.cilium('cilium-agent'), ...ciliumArgs]),
  ]);
}

/** What programs in the node find by name: the compiler of Cilium's agent, and what a person or a test wants there. */
export async function installTools({ assets, places }: Pick<Plan, 'assets' | 'places'>): Promise<void> {
  const tools = {
    clang: CLANG,
    crane: assets.registry('crane'),
    ctr: assets.containerd('ctr'),
    kubectl: assets.controlPlane.kubectl,
  };
  const folder = join(places.folder, 'bin');
  await mkdir(folder);
  await Promise.all(Object.entries(tools).map(([name, binary]) => symlink(binary, join(folder, name))));
}

/** How tests reach the API server. */
export function accessOf({ places, assets, credentials, ports }: Plan): ClusterAccess {
  const { kubectl, pinnedVersion } = assets.controlPlane;
  return {
    folder: credentials.folder,
    server: `https://${places.hostAddress}:${ports.apiServer}`,
    authority: credentials.authority.cert,
    admin: credentials.admin,
    adminKubeconfig: kubeconfigOf(places, 'admin'),
    auditLog: join(places.folder, 'audit.log'),
    hasControllers: true,
    kubectl,
    ...(pinnedVersion !== undefined && { pinnedVersion }),
  };
}

function controlPlaneFiles({ places, credentials, ports }: Plan): ControlPlaneFiles {
  const { authority, apiServer, serviceAccountKeys } = credentials;
  return {
    folder: places.folder,
    authority,
    serving: apiServer,
    serviceAccountKeys,
    auditPolicy: join(places.folder, 'audit-policy.json'),
    auditLog: join(places.folder, 'audit.log'),
    controllerManagerKubeconfig: kubeconfigOf(places, 'controller-manager'),
    ports,
  };
}

function nodeFiles({ places, assets, credentials }: Plan): NodeFiles {
  return {
    authority: credentials.authority.cert,
    kubeletServing: credentials.kubelet,
    kubeProxyKubeconfig: kubeconfigOf(places, 'kube-proxy'),
    runc: assets.runc('runc'),
    cniPlugins: join(assets.cilium('cilium-cni'), '..'),
  };
}

async function written({ folder }: Places, name: string, document: object): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(document, undefined, 2));
  return path;
}
