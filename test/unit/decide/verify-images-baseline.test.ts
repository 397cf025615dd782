// The baseline of a controller is worked out once for all of its pods: a DaemonSet has one on each of thousands of nodes.
import { expect, test } from 'vitest';
import type { PodFacts } from '../../../src/api/pod.ts';
import { verifyImages, type Baseline } from '../../../src/decide/verify-images.ts';
import { aPod, DIGEST } from '../../support/builders.ts';

const OTHER = `sha256:${'9'.repeat(64)}`;
const pod = (index: number, digest: string): PodFacts =>
  aPod({
    name: `web-${index}`,
    uid: `uid-${index}`,
    containers: ['web', 'side'].map((name) => ({
      name,
      image: `registry.example/${name}:1`,
      imageID: `registry.example/${name}@${digest}`,
      terminated: false,
    })),
  });

test('with the same result as for each by itself', () => {
  const pods = Array.from({ length: 50 }, (_, index) => pod(index, index === 7 ? OTHER : DIGEST));
  let looks = 0;
  const siblings = new Proxy(pods, {
    get: (target, key) => {
      if (key === 'filter') looks++;
      return Reflect.get(target, key) as unknown;
    },
  });
  const baselines = new Map<string, Baseline | undefined>();
  const means = { siblings, lists: [], same: () => 'Nobody' as const };
  const together = pods.map((one) => verifyImages(one, { ...means, baselines }));
  // One for each of the two containers.
  expect(looks).toBe(2);
  expect(together).toEqual(pods.map((one) => verifyImages(one, means)));
  expect(together.flat().filter(({ reason }) => reason === 'Outlier')).toHaveLength(2);
});
