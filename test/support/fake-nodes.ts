// Nodes that tell of what a test says: the part of a comparison that only a real node can do.
import { expect } from 'vitest';
import type { FileChange } from '../../src/api/file-change.ts';
import type { CollectContext } from '../../src/evidence/collector.ts';
import { sleep } from '../../src/kube/clock.ts';
import type { nodeCollector } from '../../src/respond/node-capture.ts';

/** One comparison. */
export interface Look {
  node: string;
  pod: string;
  began: number;
  ended: number;
  aborted: boolean;
}

/** Nodes that tell of these changes in each container, after some time. */
export function fakeNodes(tells: () => Partial<FileChange>[], tookMs = 5_000) {
  const looks: Look[] = [];
  const collectorOf: typeof nodeCollector = ({ collectors, contents }) => ({
    name: 'node',
    collect: async ({ target, clock, signal }: CollectContext, bundle) => {
      // Of a response.
      if (contents) return;
      expect(collectors).toEqual(['Filesystem']);
      const look = {
        node: target.nodeName ?? '',
        pod: target.uid,
        began: clock.now(),
        ended: Infinity,
        aborted: false,
      };
      looks.push(look);
      await sleep(clock, tookMs, signal);
      Object.assign(look, { ended: clock.now(), aborted: signal.aborted });
      const [container] = target.containers;
      const changes = tells().map((change) => ({
        container: container?.name,
        containerId: container?.containerID?.split('://')[1],
        where: 'Root',
        path: '/tmp/x',
        kind: 'Added',
        type: 'File',
        mode: 0o755,
        executable: true,
        content: 'Script',
        ...change,
      }));
      await bundle.add({
        path: 'node/filesystem.ndjson',
        content: changes.map((one) => `${JSON.stringify(one)}\n`).join(''),
        collector: 'filesystem',
        contentType: 'application/x-ndjson',
        source: 'the node',
        collectedAt: new Date(clock.now()).toISOString(),
      });
    },
  });
  return { looks, collectorOf };
}
