// What the agents of the node read: their configuration as documents. JSON is YAML.
import { join } from 'node:path';
import type { KeyPair } from '../../support/pki.ts';
import type { Places } from './places.ts';

/** Where the node's registry listens, on its own loopback: containerd takes `localhost` without TLS. */
export const REGISTRY = 'localhost:5000';
/** Inside the node, where its clients look for it by default. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
/** Below the cluster's folder. */
export const CNI_FOLDER = 'cni';

/** Files that the documents name. */
export interface NodeFiles {
  /** The cluster's CA, PEM. */
  authority: string;
  kubeletServing: KeyPair;
  kubeProxyKubeconfig: string;
  runc: string;
  /** Holds the plugin `cilium-cni`. */
  cniPlugins: string;
}

/** Free space that kubelet insists on. It would evict the tests' pods from a disk that is merely well used. */
const HARDLY_ANY = {
  'memory.available': '100Mi',
  'nodefs.available': '1%',
  'nodefs.inodesFree': '1%',
  'imagefs.available': '1%',
  'imagefs.inodesFree': '1%',
};

/** `KubeletConfiguration`: cgroups of either version, its own cgroup, swap tolerated. */
export function kubeletConfig(places: Places, files: NodeFiles): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.authority },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: files.kubeletServing.cert,
    tlsPrivateKeyFile: files.kubeletServing.key,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${places.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: join(places.folder, 'resolv.conf'),
    evictionHard: HARDLY_ANY,
    imageGCHighThresholdPercent: 100,
    // By default below /usr.
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    nodeStatusUpdateFrequency: '5s',
  };
}

/** `KubeProxyConfiguration`: nftables, and none of the settings that only the machine's own network has. */
export function kubeProxyConfig(places: Places, files: NodeFiles): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: files.kubeProxyKubeconfig },
    clusterCIDR: places.podRange,
    hostnameOverride: places.nodeName,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

/** The list of network plugins: Cilium alone. */
export const CNI_CONFIG = { cniVersion: '1.0.0', name: 'cilium', plugins: [{ type: 'cilium-cni' }] };

/**
 * containerd's, in TOML. Without the capability SYS_RESOURCE, as in many CI machines, runc could not lower
 * oom_score_adj: `restrict_oom_score_adj`.
 */
export function containerdConfig(places: Places, files: NodeFiles): string {
  return `version = 3
# They would make folders outside the cluster's own.
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${REGISTRY}/pause:1'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['${files.cniPlugins}']
  conf_dir = '${join(places.folder, CNI_FOLDER)}'
  use_internal_loopback = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = '${files.runc}'
  SystemdCgroup = false
`;
}
