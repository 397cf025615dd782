// What `config/` installs, as kubectl renders it, and the commands that a person would run.
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { ClusterAccess } from './cluster-access.ts';

/** Folders that can be installed. */
export const OVERLAYS = ['default', 'overlays/enforce'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** Folders that go on top of one of {@link OVERLAYS}. */
export const COMPONENTS = [
  'components/calico',
  'components/cert-manager',
  'components/checkpoint',
  'components/cilium',
  'components/cluster-network-policy',
  'components/comparison',
  'components/verification',
  'components/evidence',
  'components/exec-evidence',
  'components/ha',
  'components/helpers',
  'components/mtls',
  'components/notifications',
  'components/quarantine-protection',
  'components/restart',
] as const;
export type Component = (typeof COMPONENTS)[number];

/** The folder `config`. */
export const CONFIG = join(import.meta.dirname, '../../config');

/** One object, as far as every kind has it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

/** The folder of an overlay. */
export function folderOf(overlay: Overlay): string {
  return join(CONFIG, overlay);
}

/** How kubectl prints what the API server warned of. A line of its log begins with level and time instead, and is no defect. */
const WARNING = /^Warning: /m;

/** Runs kubectl as the admin and returns what it printed. Rejects with what it said when it failed, or was warned. */
export async function kubectl(access: ClusterAccess, ...args: string[]): Promise<string> {
  const { kubectl: binary, adminKubeconfig } = access;
  if (binary === undefined) throw new Error('there is no kubectl beside this API server');
  const { stdout, stderr } = await promisify(execFile)(binary, ['--kubeconfig', adminKubeconfig, ...args], {
    maxBuffer: 16 * 1024 * 1024,
  });
  if (WARNING.test(stderr)) throw new Error(`kubectl ${args.join(' ')} warned: ${stderr}`);
  return stdout;
}

/** The objects of an overlay in the order of their rendering. */
export async function render(access: ClusterAccess, overlay: Overlay): Promise<Manifest[]> {
  return renderFolder(access, folderOf(overlay));
}

/** The objects of any folder that kustomize builds. */
export async function renderFolder(access: ClusterAccess, folder: string): Promise<Manifest[]> {
  const text = await kubectl(access, 'kustomize', folder);
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The objects of an overlay of somebody's own, which puts that component on top of one of ours. */
export async function renderWith(
  access: ClusterAccess,
  overlay: Overlay,
  component: Component,
): Promise<Manifest[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'die-operator-overlay-')));
  // Absolute paths are refused.
  const [resources, components] = [overlay, component].map((path) => [relative(folder, join(CONFIG, path))]);
  const text = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources,
    components,
  };
  try {
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(text));
    return await renderFolder(access, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
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
