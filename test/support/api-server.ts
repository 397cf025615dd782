// A real control plane for tests on 127.0.0.1: etcd, kube-apiserver and kube-controller-manager. There are no nodes;
// kubelet.ts plays them.
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assets } from './assets.ts';
import { call, writeKubeconfig, type ClusterAccess } from './cluster-access.ts';
import {
  apiServerFlags,
  AUDIT_POLICY,
  controllerManagerFlags,
  etcdFlags,
  type ControlPlaneFiles,
} from './control-plane-flags.ts';
import {
  createAuthority,
  createServiceAccountKeys,
  issueClientCertificate,
  issueServerCertificate,
} from './pki.ts';
import { freePorts } from './ports.ts';
import { startDaemon, type Daemon } from './processes.ts';
import { createRunFolder, endStaleRuns, type RunFolder } from './run-folder.ts';
import { waitFor } from './waiting.ts';

/** A running control plane. */
export interface ControlPlane {
  readonly access: ClusterAccess;
  /** `http://127.0.0.1:<port>` of etcd, which answers JSON below `/v3/`. */
  readonly etcd: string;
  /** Kills kube-apiserver, as a crash would, and starts it again; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  /** Kills etcd, as a crash would, and starts it again on its data; resolves when kube-apiserver is ready with it. */
  restartEtcd(): Promise<void>;
  /** kube-apiserver stands still until it is resumed: connections stay open, also new ones, and nothing is answered. */
  pauseApiServer(): void;
  resumeApiServer(): void;
  /** Ends all processes and removes the folder. */
  stop(): Promise<void>;
}

/** A busy machine may need most of it; an idle one needs about 5 s. */
/** Another program may take a port between our choice and the server's start. */
const STARTS = 3;

/**
 * Starts a control plane and waits until /readyz is ok and the default service account exists. First ends what killed
 * runs left. Rejects with the last lines of the logs.
 */
export async function startControlPlane(assets: Assets): Promise<ControlPlane> {
  await endStaleRuns();
  for (let start = 1; ; start++) {
    const run = createRunFolder();
    try {
      return await startIn(run, assets);
    } catch (error) {
      await run.remove();
      if (start === STARTS || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function startIn(run: RunFolder, assets: Assets): Promise<ControlPlane> {
  const { files, access } = await prepare(run.path, assets);
  const start = async (name: string, binary: string, flags: string[]): Promise<Daemon> => {
    const daemon = await startDaemon(name, binary, flags, run.path);
    run.adopt(daemon.id);
    return daemon;
  };
  const startApiServer = () => start('kube-apiserver', assets.apiServer, apiServerFlags(files));
  const startEtcd = () => start('etcd', assets.etcd, etcdFlags(files));

  let etcd = await startEtcd();
  let apiServer = await startApiServer();
  await waitFor('kube-apiserver is ready', [etcd, apiServer], () => answers(access, '/readyz'));
  if (assets.controllerManager) {
    const manager = await start(
      'kube-controller-manager',
      assets.controllerManager,
      controllerManagerFlags(files),
    );
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await waitFor('the default service account exists', [apiServer, manager], () => answers(access, account));
  }
  return {
    access,
    etcd: `http://127.0.0.1:${files.ports.etcd}`,
    restartApiServer: async () => {
      await apiServer.kill();
      apiServer = await startApiServer();
      await waitFor('kube-apiserver is ready again', [etcd, apiServer], () => answers(access, '/readyz'));
    },
    restartEtcd: async () => {
      await etcd.kill();
      etcd = await startEtcd();
      await waitFor('kube-apiserver is ready with it again', [etcd, apiServer], () =>
        answers(access, '/readyz'),
      );
    },
    pauseApiServer: () => process.kill(apiServer.id.pid, 'SIGSTOP'),
    resumeApiServer: () => process.kill(apiServer.id.pid, 'SIGCONT'),
    stop: () => run.remove(),
  };
}

/** Makes everything that the servers read. */
async function prepare(
  folder: string,
  assets: Assets,
): Promise<{ files: ControlPlaneFiles; access: ClusterAccess }> {
  const pki = join(folder, 'pki');
  mkdirSync(pki);
  const [etcd = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3);
  const server = `https://127.0.0.1:${apiServer}`;
  const authority = await createAuthority(pki);
  const [serving, admin, manager, serviceAccountKeys] = await Promise.all([
    issueServerCertificate(pki, 'kube-apiserver', ['DNS:localhost', 'IP:127.0.0.1', 'IP:10.96.0.1']),
    issueClientCertificate(pki, 'admin', { user: 'admin', groups: ['system:masters'] }),
    issueClientCertificate(pki, 'controller-manager', { user: 'system:kube-controller-manager' }),
    createServiceAccountKeys(pki),
  ]);
  const path = (name: string) => join(folder, name);
  const files: ControlPlaneFiles = {
    folder,
    authority,
    serving,
    serviceAccountKeys,
    auditPolicy: path('audit-policy.json'),
    auditLog: path('audit.log'),
    controllerManagerKubeconfig: path('controller-manager.kubeconfig'),
    ports: { etcd, etcdPeer, apiServer },
  };
  const access: ClusterAccess = {
    folder: pki,
    server,
    authority: authority.cert,
    admin,
    adminKubeconfig: path('admin.kubeconfig'),
    auditLog: files.auditLog,
    hasControllers: assets.controllerManager !== undefined,
    ...(assets.kubectl !== undefined && { kubectl: assets.kubectl }),
    ...(assets.pinnedVersion !== undefined && { pinnedVersion: assets.pinnedVersion }),
  };
  await writeFile(files.auditPolicy, JSON.stringify(AUDIT_POLICY));
  await writeKubeconfig(access.adminKubeconfig, access, admin);
  await writeKubeconfig(files.controllerManagerKubeconfig, access, manager);
  return { files, access };
}

async function answers(access: ClusterAccess, path: string): Promise<boolean> {
  return call(access, { path }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
