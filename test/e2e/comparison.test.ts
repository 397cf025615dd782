// What was changed in the containers of a pod on a real node is found, all of it and nothing else.
import { describe, expect } from 'vitest';
import type { FileChange } from '../../src/api/file-change.ts';
import { PODS } from '../../src/kube/resources.ts';
import { eventually } from '../support/real-api-test.ts';
import type { RunningPod } from './support/node-test.ts';
import { compare, tableOf } from './support/planted-compare.ts';
import { pushPlantedImage } from './support/planted-image.ts';
import { plant, SCRIPTS } from './support/planted-pod.ts';
import { plantedTest as test, type Captured } from './support/planted-test.ts';

const PATIENCE_MS = 420_000;
/** Changed files, of which captures are measured. */
const COUNTS = [10, 1_000, 100_000];
const say = (text: string) => void (process.env['DIE_PRINT'] === '1' && process.stdout.write(`${text}\n`));

const measured = ({ tookMs, peakBytes, summary, changes }: Captured) =>
  `${changes.length} lines, ${summary.bytes} bytes of evidence in ${tookMs} ms, at most ${((peakBytes ?? NaN) / 2 ** 20).toFixed(0)} MiB`;

describe('the comparison of containers with their images', () => {
  test(
    'finds what was planted, and nothing else',
    { timeout: PATIENCE_MS },
    async ({ access, client, node, images, namespace, captured }) => {
      const image = await pushPlantedImage(node, images, SCRIPTS);
      const { pod, planted } = await plant({ access, client, node, namespace, image });

      const result = await captured(pod);
      const comparison = compare(planted, result.changes);
      say(`${tableOf(comparison)}\n${measured(result)}`);
      say(['problems:', ...result.summary.problems, ...comparison.differences.slice(0, 100)].join('\n'));
      expect(comparison.differences.slice(0, 100)).toEqual([]);
      expect(comparison.total.planted).toBeGreaterThan(60);
      expect(result.summary.missing).toEqual([]);
      // Of the file that grows, the tar has what was there when it was listed.
      expect(result.summary.problems.filter((problem) => !problem.includes('"/img/growing"'))).toEqual([]);
      const isContent = ({ type, kind, sha256, size = 0 }: FileChange) =>
        type === 'File' && ['Added', 'Modified'].includes(kind) && sha256 !== undefined && size > 0;
      const notKept = result.changes.filter((change) => isContent(change) && change.kept === undefined);
      expect(notKept).toEqual([]);
    },
  );

  test(
    'takes any number of changed files',
    { timeout: PATIENCE_MS },
    async ({ client, node, images, namespace, captured, exec }) => {
      const image = await pushPlantedImage(node, images, SCRIPTS);
      for (const count of COUNTS) {
        const name = `many-${count}`;
        const containers = [{ name: 'peer', image }];
        const spec = { terminationGracePeriodSeconds: 1, containers };
        await client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
        const read = () => client.get<RunningPod>(PODS, { namespace, name });
        const pod = await eventually(
          'it runs',
          read,
          ({ status }) => status.containerStatuses?.[0]?.ready === true,
          60_000,
        );
        await exec(
          pod,
          'sh',
          '-c',
          `cd /img/bulk; n=0; while [ $n -lt ${count} ]; do echo $n >$n; n=$((n+1)); done`,
        );
        for (const contents of [false, true]) {
          const result = await captured(pod, { contents });
          say(`${count} files, ${contents ? 'with' : 'without'} contents: ${measured(result)}`);
          expect(result.summary.problems).toEqual([]);
          expect(result.changes).toHaveLength(count);
        }
      }
    },
  );
});
