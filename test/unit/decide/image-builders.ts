// Pods by what their containers run, for tests of what images prove.
import type { Target } from '../../../src/api/incident.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { proveImages } from '../../../src/decide/images.ts';
import { container, digest, pod, target, workload } from './builders.ts';

export const [A, B, C] = [digest('a'), digest('b'), digest('c')];
export const TAGGED = 'nginx:1.27';
export const PINNED = `nginx@${A}`;
export const OWNER = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web',
  uid: 'owner-1',
  controller: true,
};

export type Runs = readonly [image: string, runs: string | undefined, name?: string];

export const containersOf = (runs: readonly Runs[]) =>
  runs.map(([image, imageDigest, name = 'app']) =>
    container({
      name,
      image,
      ...(imageDigest !== undefined && { imageID: `docker.io/library/nginx@${imageDigest}` }),
    }),
  );
export const replacementOf = (...runs: Runs[]) =>
  pod({
    name: 'web-9',
    uid: 'uid-9',
    createdAt: '2026-11-22T01:00:00Z',
    ownerReferences: [OWNER],
    containers: containersOf(runs),
  });
export const siblingOf = (runs: readonly Runs[], overrides: Partial<PodFacts> = {}) =>
  pod({
    name: 'web-2',
    uid: 'uid-2',
    ownerReferences: [OWNER],
    containers: containersOf(runs),
    ...overrides,
  });
export const targetOf = (...runs: Runs[]): Target =>
  target({
    workload: workload('apps/v1', 'ReplicaSet'),
    containers: containersOf(runs).map(({ name, image, imageID }) => ({
      name,
      image,
      ...(imageID && { imageID }),
    })),
  });

export const prove = (
  replacement: PodFacts,
  before: Target = targetOf(),
  siblings: readonly PodFacts[] = [],
) => proveImages({ replacement, target: before, siblings });
