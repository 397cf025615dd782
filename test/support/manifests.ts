// What `config/` installs, as kubectl renders it, and the commands that a person would run.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { ClusterAccess } from './cluster-access.ts';

/** Folders that can be installed. */
export type Overlay = 'default' | 'overlays/enforce';

/** One object, as far as every kind has it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

/** The folder of an overlay. */
export function folderOf(overlay: Overlay): string {
  return join(import.meta.dirname, '../../config', overlay);
}

/** Runs kubectl as the admin and returns what it printed. Rejects with what it said when it failed. */
export async function kubectl(access: ClusterAccess, ...args: string[]): Promise<string> {
  const { kubectl: binary, adminKubeconfig } = access;
  if (binary === undefined) throw new Error('there is no kubectl beside this API server');
  const { stdout, stderr } = await promisify(execFile)(binary, ['--kubeconfig', adminKubeconfig, ...args], {
    maxBuffer: 16 * 1024 * 1024,
  });
  if (stderr.includes('Warning')) throw new Error(`kubectl ${args.join(' ')} warned: ${stderr}`);
  return stdout;
}

/** The objects of an overlay in the order of their rendering. */
export async function render(access: ClusterAccess, overlay: Overlay): Promise<Manifest[]> {
  const text = await kubectl(access, 'kustomize', folderOf(overlay));
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** Applies an overlay as docs/install.md says; unknown and doubled fields are refused. */
export async function apply(access: ClusterAccess, overlay: Overlay): Promise<string> {
  return kubectl(access, 'apply', '--server-side', '--validate=strict', '-k', folderOf(overlay));
}

/** Takes the rights to act away, as docs/install.md says. */
export async function withdrawEnforce(access: ClusterAccess): Promise<void> {
  const name = 'die-operator-responder-enforce';
  await kubectl(access, 'delete', 'clusterrolebinding,clusterrole', name, '--ignore-not-found');
}

/** `ClusterRole/die-operator-receiver`, with the namespace of what has one. */
export function nameOf({ kind, metadata: { namespace, name } }: Manifest): string {
  return [kind, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}
