// Keys, certificates and kubeconfigs of a cluster with a real node.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from '../../support/cluster-access.ts';
import {
  createAuthority,
  createServiceAccountKeys,
  issueClientCertificate,
  issueServerCertificate,
  type KeyPair,
  type Subject,
} from '../../support/pki.ts';
import type { Places } from './places.ts';

/** The user as whom the API server speaks to kubelet. */
export const TO_KUBELET = 'kube-apiserver-kubelet-client';

/** Paths of PEM files. */
export interface Credentials {
  folder: string;
  authority: KeyPair;
  serviceAccountKeys: { publicKey: string; privateKey: string };
  apiServer: KeyPair;
  kubelet: KeyPair;
  toKubelet: KeyPair;
  admin: KeyPair;
}

const CLIENTS = {
  admin: { user: 'admin', groups: ['system:masters'] },
  'controller-manager': { user: 'system:kube-controller-manager' },
  scheduler: { user: 'system:kube-scheduler' },
  'kube-proxy': { user: 'system:kube-proxy' },
  // Its rights are a chart's matter, which is not under test.
  cilium: { user: 'cilium', groups: ['system:masters'] },
} as const satisfies Record<string, Subject>;

/** Makes all, with a kubeconfig for each client and the kubelet, see {@link kubeconfigOf}. `server` is the API server. */
export async function makeCredentials(places: Places, server: string): Promise<Credentials> {
  const { nodeName, hostAddress, nodeAddress, apiService } = places;
  const folder = join(places.folder, 'pki');
  await mkdir(folder);
  const authority = await createAuthority(folder);
  const names = [`IP:${hostAddress}`, `IP:${apiService}`, 'DNS:kubernetes.default.svc'];
  const kubeletUser = { user: `system:node:${nodeName}`, groups: ['system:nodes'] };
  const clients = Object.entries<Subject>({ ...CLIENTS, kubelet: kubeletUser });
  const [apiServer, kubelet, toKubelet, serviceAccountKeys, admin] = await Promise.all([
    issueServerCertificate(folder, 'kube-apiserver', names),
    issueServerCertificate(folder, 'kubelet-serving', [`IP:${nodeAddress}`, `DNS:${nodeName}`]),
    issueClientCertificate(folder, 'to-kubelet', { user: TO_KUBELET }),
    createServiceAccountKeys(folder),
    issueClientCertificate(folder, 'admin', CLIENTS.admin),
    ...clients.filter(([name]) => name !== 'admin').map((client) => makeClient(places, server, client)),
  ]);
  await writeKubeconfig(kubeconfigOf(places, 'admin'), { server, authority: authority.cert }, admin);
  return { folder, authority, serviceAccountKeys, apiServer, kubelet, toKubelet, admin };
}

/** Path of the kubeconfig of one of the clients. */
export function kubeconfigOf(places: Places, client: keyof typeof CLIENTS | 'kubelet'): string {
  return join(places.folder, `${client}.kubeconfig`);
}

async function makeClient(places: Places, server: string, [name, subject]: [string, Subject]): Promise<void> {
  const folder = join(places.folder, 'pki');
  const pair = await issueClientCertificate(folder, name, subject);
  const access = { server, authority: join(folder, 'ca.crt') };
  await writeKubeconfig(join(places.folder, `${name}.kubeconfig`), access, pair);
}
