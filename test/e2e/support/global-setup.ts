// One cluster for all suites on a real node: the one of `make e2e-up` if that is there, else one of this run. A Vitest
// global setup; tests reach it through node-test.ts.
import type { TestProject } from 'vitest/node';
import type { RealApi } from '../../support/real-api.ts';
import type { ProcessId } from '../../support/processes.ts';
import { findNode, startNode, stopNode, type NodeCluster } from './cluster.ts';
import type { ImageReferences } from './images.ts';
import { ensureNodeAssets } from './node-assets.ts';
import type { Places } from './places.ts';
import { missingRequirement } from './requirements.ts';

/** The node as plain data: what a worker makes its `Node` from. */
export interface ProvidedNode {
  places: Places;
  init: ProcessId;
  images: ImageReferences;
}

declare module 'vitest' {
  interface ProvidedContext {
    node: ProvidedNode;
    realApi: RealApi;
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** Provides the cluster, or why there is none: then the suites are skipped, except under `CI=true`. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const search = await findAssets();
  if (search.missing !== undefined) {
    if (process.env['CI'] === 'true') throw new Error(search.missing);
    project.provide('realApi', { missing: search.missing });
    return undefined;
  }
  const found = findNode();
  const cluster = found ?? (await startNode({ assets: search.assets, say, until: 'run' }));
  provide(project, cluster, search.assets.controlPlane);
  return found ? undefined : async () => void (await stopNode(say, cluster.node.places.id));
}

async function findAssets() {
  const missing = missingRequirement();
  if (missing !== undefined) return { missing };
  const search = await ensureNodeAssets(say);
  return search.found ? { assets: search.assets } : { missing: search.reason };
}

type Provided = Exclude<RealApi, { missing: string }>['assets'];

function provide(project: TestProject, { access, node, images }: NodeCluster, assets: Provided): void {
  project.provide('realApi', { access, assets });
  project.provide('node', { places: node.places, init: node.init, images });
}
