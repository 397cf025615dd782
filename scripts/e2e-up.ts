// Brings up a cluster with one real node that stays until `make e2e-down`, and says how to use it. Where there is one it
// only says so.
import { findNode, startNode, type NodeCluster } from '../test/e2e/support/cluster.ts';
import { ensureNodeAssets } from '../test/e2e/support/node-assets.ts';
import { missingRequirement } from '../test/e2e/support/requirements.ts';

const say = (line: string) => console.error(line);

async function up(): Promise<NodeCluster> {
  const found = findNode();
  if (found) return found;
  const missing = missingRequirement();
  if (missing !== undefined) throw new Error(missing);
  const search = await ensureNodeAssets(say);
  if (!search.found) throw new Error(search.reason);
  return startNode({ assets: search.assets, say, until: 'node' });
}

function howToUse({ access, node, images }: NodeCluster): string {
  const [program, ...args] = node.command('sh');
  return [
    `cluster ${node.places.id} is up, with the node ${node.places.nodeName}`,
    `  export KUBECONFIG=${access.adminKubeconfig}`,
    `  kubectl is ${access.kubectl}`,
    `  a shell in the node: ${[program, ...args].join(' ')}`,
    `  an image for pods: ${images.peer}`,
    `  logs: ${node.places.folder}/*.log`,
  ].join('\n');
}

try {
  console.log(howToUse(await up()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
