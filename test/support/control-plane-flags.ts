// The command lines of etcd, kube-apiserver and kube-controller-manager, and the audit policy.
import { join } from 'node:path';
import type { KeyPair } from './pki.ts';

/** Files and ports that the command lines name. */
export interface ControlPlaneFiles {
  /** Everything below it is removed at the end. */
  folder: string;
  authority: KeyPair;
  serving: KeyPair;
  serviceAccountKeys: { publicKey: string; privateKey: string };
  auditPolicy: string;
  auditLog: string;
  controllerManagerKubeconfig: string;
  ports: { etcd: number; etcdPeer: number; apiServer: number };
}

const LOOPBACK = '127.0.0.1';

/** What the operator writes to. */
const WRITTEN = [
  { group: '', resources: ['pods', 'pods/eviction'] },
  { group: 'die-operator.dev' },
  { group: 'coordination.k8s.io' },
  { group: 'networking.k8s.io' },
];

/**
 * Metadata of every request, twice: when it arrives, so that a call is in the log before its answer is sent, and when
 * it is answered, for the status code. Of writes to what the operator writes also the body: it tells which pod an
 * eviction was meant for, and what a patch changed.
 */
export const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['ResponseStarted'],
  rules: [
    { level: 'Request', verbs: ['create', 'update', 'patch', 'delete'], resources: WRITTEN },
    { level: 'Metadata' },
  ],
};

/**
 * Controllers that judge nodes and clear away after them; `*` stands for those that run by default. There are no real
 * nodes: a test kubelet renews no leases, so its nodes would be declared dead and their pods deleted.
 */
export const CONTROLLERS = [
  '*',
  '-node-lifecycle-controller',
  '-taint-eviction-controller',
  '-pod-garbage-collector-controller',
];

/** etcd that never waits for the disk: its data lives as long as the test run. */
export function etcdFlags({ folder, ports }: ControlPlaneFiles): string[] {
  const [client, peer] = [`http://${LOOPBACK}:${ports.etcd}`, `http://${LOOPBACK}:${ports.etcdPeer}`];
  return [
    '--name=test',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** kube-apiserver with RBAC, its default admission plugins and a blocking audit log in one file. */
export function apiServerFlags(files: ControlPlaneFiles): string[] {
  const { authority, serving, serviceAccountKeys, ports } = files;
  return [
    `--bind-address=${LOOPBACK}`,
    `--secure-port=${ports.apiServer}`,
    `--advertise-address=${LOOPBACK}`,
    // Endpoints of the service `kubernetes` may not be loopback addresses.
    '--endpoint-reconciler-type=none',
    `--etcd-servers=http://${LOOPBACK}:${ports.etcd}`,
    `--client-ca-file=${authority.cert}`,
    `--kubelet-certificate-authority=${authority.cert}`,
    `--tls-cert-file=${serving.cert}`,
    `--tls-private-key-file=${serving.key}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${serviceAccountKeys.publicKey}`,
    `--service-account-signing-key-file=${serviceAccountKeys.privateKey}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${files.auditLog}`,
    '--audit-log-mode=blocking',
    // In megabytes; a log that begins anew in the middle of a test would hide what was before.
    '--audit-log-maxsize=10000',
    '--profiling=false',
  ];
}

/** kube-controller-manager with {@link CONTROLLERS}, each under its own service account, not slowed down. */
export function controllerManagerFlags(files: ControlPlaneFiles): string[] {
  const kubeconfig = files.controllerManagerKubeconfig;
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--bind-address=${LOOPBACK}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${files.serviceAccountKeys.privateKey}`,
    `--root-ca-file=${files.authority.cert}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ];
}
