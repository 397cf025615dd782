// What the suites put on top of an installation: components of config/, and how the next file gets rid of them, however the
// last one ended.
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../../src/api/names.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { CONFIG, kubectl, withdrawEnforce, type Component } from '../../support/manifests.ts';
import { UNLIMITED } from './unlimited.ts';

/** Applies the files of a component beside whatever is installed. */
export async function applyComponent(
  access: ClusterAccess,
  component: Component,
  only?: readonly string[],
): Promise<void> {
  const files = await filesOf(component, only);
  await kubectl(access, 'apply', '--server-side', '--force-conflicts', ...files);
}

/** Deletes what the files of a component name, as far as it is there. */
export async function removeComponent(
  access: ClusterAccess,
  component: Component,
  only?: readonly string[],
): Promise<void> {
  await kubectl(access, 'delete', '--ignore-not-found', '--wait=true', ...(await filesOf(component, only)));
}

async function filesOf(component: Component, only?: readonly string[]): Promise<string[]> {
  const folder = join(CONFIG, component);
  const files = only ?? (await readdir(folder)).filter((name) => name !== 'kustomization.yaml');
  return files.flatMap((name) => ['-f', join(folder, name)]);
}

/** What goes on top besides, as an overlay of somebody's own has it. */
export interface More {
  components?: readonly ('comparison' | 'evidence')[];
  patches?: readonly object[];
}

/**
 * Applies overlays/enforce with helpers and Cilium's policy, with that image for operator and helpers alike.
 * @param settings of the helpers, instead of what the component has.
 */
export async function installHelpers(
  access: ClusterAccess,
  image: { name: string; digest: string },
  settings: { image?: string; profiles?: string } = {},
  { components = [], patches = [] }: More = {},
): Promise<void> {
  const own = await realpath(await mkdtemp(join(tmpdir(), 'die-operator-helpers-')));
  const data = { image: `${image.name}@${image.digest}`, ...settings };
  const metadata = { name: HELPERS_CONFIGMAP, namespace: CAPTURE_NAMESPACE };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // Absolute paths are refused.
    resources: [relative(own, join(CONFIG, 'overlays/enforce'))],
    components: ['helpers', 'cilium', ...components].map((name) =>
      relative(own, join(CONFIG, 'components', name)),
    ),
    patches: [
      UNLIMITED,
      ...[{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, ...patches].map((patch) => ({
        patch: JSON.stringify(patch),
      })),
    ],
    images: [{ name: 'die-operator', newName: image.name, digest: image.digest }],
  };
  try {
    await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization));
    await kubectl(access, 'apply', '--server-side', '--force-conflicts', '--validate=strict', '-k', own);
  } finally {
    await rm(own, { recursive: true });
  }
}

/**
 * Takes the rights to run helpers away again. Their namespace and its admission policies stay: an API server that has seen
 * them go and come back goes by the old settings for minutes.
 */
export async function removeHelpers(access: ClusterAccess): Promise<void> {
  await removeComponent(access, 'components/helpers', ['rights.yaml', 'enforcement.yaml']);
  await removeComponent(access, 'components/cilium', ['policy.yaml']);
  const pods = ['-n', CAPTURE_NAMESPACE, 'delete', 'pods', '--all', '--grace-period=1'];
  await kubectl(access, ...pods);
}

/** Leaves nothing in the cluster that acts, or stands in the way, so that a file begins as the first one did. */
export async function withdrawAll(access: ClusterAccess): Promise<void> {
  await removeComponent(access, 'components/quarantine-protection');
  await removeComponent(access, 'components/cilium');
  await removeComponent(access, 'components/checkpoint');
  await removeComponent(access, 'components/comparison');
  await removeComponent(access, 'components/evidence');
  await removeComponent(access, 'components/restart');
  await removeHelpers(access);
  await withdrawEnforce(access);
}
