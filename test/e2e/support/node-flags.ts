// The command lines of the node's agents, and what the control plane of a real node has beyond that of the other tests.
import { join } from 'node:path';
import {
  apiServerFlags,
  controllerManagerFlags,
  type ControlPlaneFiles,
} from '../../support/control-plane-flags.ts';
import type { KeyPair } from '../../support/pki.ts';
import type { Places } from './places.ts';

/** Of repeated flags the last one counts, and lists grow: RBAC and Node both authorize. */
export function nodeApiServerFlags(files: ControlPlaneFiles, places: Places, toKubelet: KeyPair): string[] {
  return [
    ...apiServerFlags(files),
    // The host's end of the cable, so that the node reaches it and nobody outside does.
    `--bind-address=${places.hostAddress}`,
    `--advertise-address=${places.hostAddress}`,
    '--endpoint-reconciler-type=lease',
    `--service-cluster-ip-range=${places.serviceRange}`,
    '--authorization-mode=Node',
    '--enable-admission-plugins=NodeRestriction',
    `--kubelet-client-certificate=${toKubelet.cert}`,
    `--kubelet-client-key=${toKubelet.key}`,
    '--kubelet-preferred-address-types=InternalIP',
  ];
}

/** All controllers, also those that judge nodes: this one is real. */
export function nodeControllerManagerFlags(files: ControlPlaneFiles, places: Places): string[] {
  return [
    ...controllerManagerFlags(files).filter((flag) => !flag.startsWith('--controllers=')),
    `--cluster-signing-cert-file=${files.authority.cert}`,
    `--cluster-signing-key-file=${files.authority.key}`,
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${places.podRange}`,
    '--node-cidr-mask-size=24',
  ];
}

export function schedulerFlags(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--secure-port=0',
    '--leader-elect=false',
  ];
}

export function kubeletFlags(places: Places, config: string, kubeconfig: string): string[] {
  return [
    `--config=${config}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${places.nodeName}`,
    `--node-ip=${places.nodeAddress}`,
    '--v=2',
  ];
}

/**
 * Cilium without its operator: node IPAM from kube-controller-manager, identities as objects of the API server, no proxy.
 * A changed label is a new identity, which by default counts only after up to 35 s (`identity-max-jitter`,
 * `identity-change-grace-period`); here at once.
 */
export function ciliumAgentFlags(places: Places, kubeconfig: string): string[] {
  return [
    `--k8s-kubeconfig-path=${kubeconfig}`,
    `--lib-dir=${join(places.folder, 'cilium')}`,
    '--ipam=kubernetes',
    '--identity-allocation-mode=crd',
    '--identity-max-jitter=1ms',
    '--identity-change-grace-period=0s',
    '--routing-mode=native',
    `--ipv4-native-routing-cidr=${places.podRange}`,
    '--enable-ipv6=false',
    '--enable-ipv4-masquerade=false',
    '--kube-proxy-replacement=false',
    // kubelet's probes reach a quarantined pod, as on any node; without these rules they would come from "world".
    '--install-iptables-rules=true',
    '--allow-localhost=always',
    '--devices=eth0',
    '--direct-routing-device=eth0',
    '--enable-l7-proxy=false',
    '--enable-envoy-config=false',
    '--enable-hubble=false',
    '--enable-health-checking=false',
    '--enable-endpoint-health-checking=false',
    '--agent-health-port=9879',
  ];
}
