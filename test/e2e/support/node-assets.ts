// Finds the binaries of a real node: the cached builds, made now where they are missing.
import { join } from 'node:path';
import { buildAssets, goVersion, type Say } from '../../cluster/build-assets.ts';
import { NODE_PARTS } from '../../cluster/node-parts.ts';
import { ensureAssets, type Assets } from '../../support/assets.ts';

/** Gives the path of a binary of that part. */
type Part = (binary: string) => string;

/** Paths of everything that a cluster runs. */
export interface NodeAssets extends Record<keyof typeof NODE_PARTS, Part> {
  readonly controlPlane: Required<Pick<Assets, 'controllerManager' | 'kubectl'>> & Assets;
}

/** The binaries, or why there are none and what to do, in words for people. */
export type NodeAssetsSearch = { found: true; assets: NodeAssets } | { found: false; reason: string };

/** Builds what is missing, part by part. Rejects when a build fails. */
export async function ensureNodeAssets(
  say: Say,
  env: NodeJS.ProcessEnv = process.env,
): Promise<NodeAssetsSearch> {
  const version = await goVersion(env);
  if (version === undefined) {
    return { found: false, reason: 'A real node is built with Go: install it (https://go.dev/doc/install).' };
  }
  const search = await ensureAssets(say, env);
  if (!search.found) return search;
  const { controllerManager, kubectl } = search.assets;
  if (controllerManager === undefined || kubectl === undefined) {
    const reason =
      'A real node needs kube-controller-manager and kubectl, which KUBEBUILDER_ASSETS does not hold.';
    return { found: false, reason };
  }
  const parts: [string, Part][] = [];
  for (const [name, group] of Object.entries(NODE_PARTS)) {
    const folder = await buildAssets(env, version, say, group);
    parts.push([name, (binary) => join(folder, binary)]);
  }
  const controlPlane = { ...search.assets, controllerManager, kubectl };
  return {
    found: true,
    assets: { controlPlane, ...(Object.fromEntries(parts) as Omit<NodeAssets, 'controlPlane'>) },
  };
}
