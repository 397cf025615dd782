// Builds what a real node is made of into the user's cache, once, part by part: node test/cluster/build-node.ts
import { buildAssets, goVersion } from './build-assets.ts';
import { NODE_PARTS } from './node-parts.ts';
import { CONTROL_PLANE } from './pins.ts';

const version = await goVersion(process.env);
if (version === undefined) throw new Error('Go is not installed: see https://go.dev/doc/install');
for (const group of [CONTROL_PLANE, ...Object.values(NODE_PARTS)]) {
  console.log(await buildAssets(process.env, version, (line) => console.error(line), group));
}
