// What the images of a replacement prove of it: pinned, as before, unknown, or wrong; and how that is told.
import { describe, expect, test } from 'vitest';
import type { Target } from '../../../src/api/incident.ts';
import { target } from './builders.ts';
import {
  A,
  B,
  C,
  PINNED,
  TAGGED,
  prove,
  replacementOf,
  siblingOf,
  targetOf,
  type Runs,
} from './image-builders.ts';

/** What the target ran before, and what a sibling runs. */
interface Known {
  before?: Runs[];
  beside?: Runs[];
}

describe('one container', () => {
  test.each<[string, Runs, Known, string]>([
    ['runs the digest it is pinned to', [PINNED, A], {}, 'Pinned'],
    ['is pinned and has a tag as well', [`nginx:1@${A}`, A], {}, 'Pinned'],
    ['runs what the target ran', [TAGGED, A], { before: [[TAGGED, A]] }, 'Baseline'],
    ['runs what a sibling runs', [TAGGED, A], { beside: [[TAGGED, A]] }, 'Baseline'],
    [
      'runs what a sibling runs, unlike the target',
      [TAGGED, A],
      { before: [[TAGGED, B]], beside: [[TAGGED, A]] },
      'Baseline',
    ],
    [
      'is pinned and runs what the target ran under that pin',
      [PINNED, B],
      { before: [[PINNED, B]] },
      'Baseline',
    ],
    ['has nothing to be compared with', [TAGGED, A], {}, 'Unpinned'],
    [
      'has another tag than before',
      [TAGGED, A],
      { before: [['nginx:1.28', A]], beside: [['nginx', A]] },
      'Unpinned',
    ],
    [
      'has another name than before',
      [TAGGED, A],
      { before: [[TAGGED, A, 'x']], beside: [[TAGGED, A, 'y']] },
      'Unpinned',
    ],
    ['was not created yet', [TAGGED, undefined], { before: [[TAGGED, A]] }, 'Unpinned'],
    ['is pinned but was not created yet', [PINNED, undefined], { before: [[PINNED, A]] }, 'Unpinned'],
    ['names a digest that is none', ['nginx@sha256:beef', A], {}, 'Unpinned'],
    [
      'has only pods before it that were not created',
      [TAGGED, A],
      { before: [[TAGGED, undefined]] },
      'Unpinned',
    ],
    ['runs another digest than the target', [TAGGED, B], { before: [[TAGGED, A]] }, 'Mismatch'],
    ['runs another digest than the sibling', [TAGGED, B], { beside: [[TAGGED, A]] }, 'Mismatch'],
    [
      'runs another digest than either',
      [TAGGED, C],
      { before: [[TAGGED, A]], beside: [[TAGGED, B]] },
      'Mismatch',
    ],
    ['is pinned but runs another digest', [PINNED, B], {}, 'Mismatch'],
    [
      'is pinned but runs another one than the target did',
      [PINNED, C],
      { before: [[PINNED, B]] },
      'Mismatch',
    ],
    ['is pinned, runs what the target ran under a tag', [PINNED, B], { before: [[TAGGED, B]] }, 'Mismatch'],
    [
      'is pinned, runs what only a sibling runs under that pin',
      [PINNED, B],
      { beside: [[PINNED, B]] },
      'Mismatch',
    ],
  ])('that %s', (_, runs, { before = [], beside = [] }, verdict) => {
    const proof = prove(replacementOf(runs), targetOf(...before), [siblingOf(beside)]);
    expect(proof.verdict).toBe(verdict);
    expect(proof.containers).toEqual([
      {
        container: 'app',
        imageID: runs[1] === undefined ? '' : `docker.io/library/nginx@${runs[1]}`,
        proof: verdict === 'Pinned' || verdict === 'Baseline' ? verdict : 'None',
      },
    ]);
  });

  test('is compared by digest, however the runtimes write it', () => {
    const before = target({
      containers: [{ name: 'app', image: TAGGED, imageID: `docker-pullable://nginx@${A}` }],
    });
    expect(prove(replacementOf([TAGGED, A]), before).verdict).toBe('Baseline');
  });
});

describe('the message', () => {
  test.each<[Runs, Target, string]>([
    [[PINNED, A], targetOf(), 'every container runs the digest that its image names'],
    [[TAGGED, A], targetOf([TAGGED, A]), 'every container runs its pinned digest or what ran before it'],
    [
      [PINNED, B],
      targetOf([PINNED, B]),
      `every container runs its pinned digest or what ran before it: container app is pinned to ${A} and runs ${B}, as the pod before it did: without the registry an index cannot be told from its manifest for one platform`,
    ],
    [
      [TAGGED, A],
      targetOf(),
      'its images cannot be proven: container app is not pinned by digest, and no earlier pod ran this image to compare with',
    ],
    [
      [TAGGED, undefined],
      targetOf(),
      'its images cannot be proven: container app has no image digest in its status',
    ],
    [
      [TAGGED, B],
      targetOf([TAGGED, A]),
      `it runs other images than expected: container app runs ${B}, which no earlier pod ran under this tag: the tag may have been moved`,
    ],
    [
      [PINNED, B],
      targetOf(),
      `it runs other images than expected: container app is pinned to ${A} but runs ${B}`,
    ],
  ])('of %j', (runs, before, message) => {
    expect(prove(replacementOf(runs), before).message).toBe(message);
  });

  test('names only the containers that made the verdict', () => {
    const before = targetOf([TAGGED, A]);
    const { message } = prove(replacementOf([TAGGED, B], [TAGGED, C, 'added']), before);
    expect(message).toContain('container app');
    expect(message).not.toContain('added');
  });

  test('fits into a status, however many containers there are', () => {
    const names = Array.from({ length: 32 }, (_, index) => `${'c'.repeat(60)}${index}`);
    const wrong = names.map((name): Runs => [PINNED, B, name]);
    const { message } = prove(replacementOf(...wrong));
    expect(message).toMatch(/; 29 more containers likewise$/);
    expect(message.length).toBeLessThanOrEqual(1024);
  });
});
