// What a real registry says of digests: an index, its manifest for a platform and the configuration of that are one image.
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { REGISTRY } from './support/node-config.ts';
import { nodeTest as test } from './support/node-test.ts';

const PROGRAM = join(import.meta.dirname, 'support/ask-registry.ts');
const NOWHERE = `sha256:${'0'.repeat(64)}`;

describe('a registry', () => {
  test(
    'tells which digests are one image, and which are not',
    { timeout: 120_000 },
    async ({ node, images }) => {
      const repository = `${REGISTRY}/several`;
      const crane = (...args: string[]) => node.run('crane', ...args);
      const digestOf = async (tag: string) => (await crane('digest', `${repository}:${tag}`)).trim();
      const configOf = async (tag: string) => {
        const manifest = await crane('manifest', `${repository}:${tag}`);
        return (JSON.parse(manifest) as { config: { digest: string } }).config.digest;
      };
      await crane('copy', images.peer, `${repository}:peer`);
      await crane('copy', images.pause, `${repository}:pause`);
      const parts = ['-m', `${repository}:peer`, '-t', `${repository}:index`];
      await crane('index', 'append', ...parts);

      const [index, peer, pause] = await Promise.all(['index', 'peer', 'pause'].map(digestOf));
      const [config, other] = await Promise.all(['peer', 'pause'].map(configOf));
      const asked = async (...pairs: [string | undefined, string | undefined][]) =>
        JSON.parse(
          await node.run(process.execPath, PROGRAM, REGISTRY, repository, ...pairs.map(String)),
        ) as unknown;
      expect(await asked([index, peer], [index, config], [peer, config])).toEqual([true, true, true]);
      expect(await asked([index, pause], [index, other], [peer, pause])).toEqual([false, false, false]);
      expect(await asked([index, NOWHERE])).toEqual([false]);
    },
  );
});
