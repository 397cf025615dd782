// Which earlier pods may vouch for a replacement, and what holds for any containers.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PodFacts } from '../../../src/api/pod.ts';
import {
  A,
  B,
  C,
  OWNER,
  PINNED,
  TAGGED,
  prove,
  replacementOf,
  siblingOf,
  targetOf,
  type Runs,
} from './image-builders.ts';

describe('siblings vouch only', () => {
  const runs: Runs[] = [[TAGGED, A]];
  test.each<[string, PodFacts, string]>([
    ['if they are older pods of the controller', siblingOf(runs), 'Baseline'],
    ['if they are not the replacement itself', replacementOf([TAGGED, A]), 'Unpinned'],
    [
      'if they are not as new as the replacement',
      siblingOf(runs, { createdAt: '2026-11-22T01:00:00Z' }),
      'Unpinned',
    ],
    ['if they are not newer', siblingOf(runs, { createdAt: '2026-11-22T02:00:00Z' }), 'Unpinned'],
    ['if their age is known', siblingOf(runs, { createdAt: '' }), 'Unpinned'],
    [
      'if they are of the same controller',
      siblingOf(runs, { ownerReferences: [{ ...OWNER, uid: 'owner-2' }] }),
      'Unpinned',
    ],
    [
      'if that owner manages them',
      siblingOf(runs, { ownerReferences: [{ ...OWNER, controller: false }] }),
      'Unpinned',
    ],
    ['if they have a controller', siblingOf(runs, { ownerReferences: [] }), 'Unpinned'],
  ])('%s', (_, sibling, verdict) => {
    expect(prove(replacementOf([TAGGED, A]), targetOf(), [sibling]).verdict).toBe(verdict);
  });

  test('for a target with a controller: bare pods have no siblings', () => {
    const { workload: _, ...bare } = targetOf();
    expect(prove(replacementOf([TAGGED, A]), bare, [siblingOf(runs, { ownerReferences: [] })]).verdict).toBe(
      'Unpinned',
    );
  });
});

describe('several containers', () => {
  const before = targetOf([TAGGED, A], [TAGGED, B, 'proxy']);

  test.each<[string, Runs[], string]>([
    [
      'all pinned',
      [
        [PINNED, A],
        [PINNED, A, 'proxy'],
      ],
      'Pinned',
    ],
    [
      'pinned and as before',
      [
        [PINNED, A],
        [TAGGED, B, 'proxy'],
      ],
      'Baseline',
    ],
    [
      'as before and unknown',
      [
        [TAGGED, A],
        [TAGGED, C, 'added'],
      ],
      'Unpinned',
    ],
    [
      'pinned and unknown',
      [
        [PINNED, A],
        [TAGGED, C, 'added'],
      ],
      'Unpinned',
    ],
    [
      'unknown and wrong',
      [
        [TAGGED, C, 'added'],
        [TAGGED, C],
      ],
      'Mismatch',
    ],
    [
      'pinned and wrong',
      [
        [PINNED, A, 'proxy'],
        [TAGGED, C],
      ],
      'Mismatch',
    ],
    [
      'each other’s images',
      [
        [TAGGED, B],
        [TAGGED, A, 'proxy'],
      ],
      'Mismatch',
    ],
  ])('%s: the worst counts', (_, runs, verdict) => {
    const proof = prove(replacementOf(...runs), before);
    expect(proof.verdict).toBe(verdict);
    expect(proof.containers).toHaveLength(runs.length);
  });

  test('are told one by one', () => {
    expect(
      prove(replacementOf([PINNED, A], [TAGGED, B, 'proxy'], [TAGGED, C, 'added']), before).containers,
    ).toEqual([
      { container: 'app', imageID: expect.stringContaining(A), proof: 'Pinned' },
      { container: 'proxy', imageID: expect.stringContaining(B), proof: 'Baseline' },
      { container: 'added', imageID: expect.stringContaining(C), proof: 'None' },
    ]);
  });

  test('none at all prove nothing', () => {
    expect(prove(replacementOf(), before)).toEqual({
      containers: [],
      verdict: 'Unpinned',
      message: 'its images cannot be proven',
    });
  });
});

describe('for any containers', () => {
  const runs = fc.uniqueArray(
    fc.tuple(
      fc.constantFrom(TAGGED, PINNED, `nginx@${B}`),
      fc.constantFrom(A, B, C, undefined),
      fc.constantFrom('app', 'proxy', 'log'),
    ),
    { maxLength: 3, selector: ([, , name]) => name },
  );

  test('a verdict needs every container, and Pinned needs neither target nor siblings', () => {
    fc.assert(
      fc.property(runs, runs, runs, (now, before, beside) => {
        const proof = prove(replacementOf(...now), targetOf(...before), [siblingOf(beside)]);
        const proofs = proof.containers.map((one) => one.proof);
        const proven = proofs.length > 0 && proofs.every((one) => one !== 'None');
        expect(proof.verdict === 'Pinned' || proof.verdict === 'Baseline').toBe(proven);
        const alone = prove(replacementOf(...now));
        expect(alone.verdict === 'Pinned').toBe(proof.verdict === 'Pinned');
      }),
    );
  });

  test('the order of the containers changes no verdict', () => {
    fc.assert(
      fc.property(runs, runs, (now, before) => {
        expect(prove(replacementOf(...now.toReversed()), targetOf(...before)).verdict).toBe(
          prove(replacementOf(...now), targetOf(...before)).verdict,
        );
      }),
    );
  });

  test('a tag-only container is proven exactly if an earlier pod ran that digest under that tag', () => {
    fc.assert(
      fc.property(runs, runs, (now, before) => {
        const tagged = now.filter(([image, digestNow]) => image === TAGGED && digestNow !== undefined);
        const known = tagged.map((one) => before.some((other) => other.join() === one.join()));
        const { containers } = prove(replacementOf(...tagged), targetOf(...before));
        expect(containers.map(({ proof }) => proof === 'Baseline')).toEqual(known);
      }),
    );
  });
});
