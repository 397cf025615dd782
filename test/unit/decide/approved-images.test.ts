// What lists of approved images, init containers and containers for debugging mean for the proof of a replacement.
import { describe, expect, test } from 'vitest';
import { compileApproved, type ApprovedList, type Equivalent } from '../../../src/decide/approved-images.ts';
import { proveImages, repositoryOf } from '../../../src/decide/images.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { storedPolicy } from './builders.ts';
import { A, B, C, PINNED, replacementOf, siblingOf, TAGGED, targetOf, type Runs } from './image-builders.ts';

const NGINX = 'docker.io/library/nginx';
const list = (images: string[], change: Partial<ApprovedList> = {}): ApprovedList => ({
  policy: { kind: 'DriftPolicy', name: 'web' },
  images: compileApproved(images),
  approves: true,
  ...change,
});
const proveWith = (
  runs: Runs,
  lists: readonly ApprovedList[],
  { before = [], equivalent }: { before?: Runs[]; equivalent?: Equivalent } = {},
) =>
  proveImages({
    replacement: replacementOf(runs),
    target: targetOf(...before),
    siblings: [],
    lists,
    ...(equivalent && { equivalent }),
  });

describe('a list', () => {
  test.each<[string, Runs, ApprovedList[], Runs[], string]>([
    ['approves what nothing else proves', [TAGGED, A], [list([`${NGINX}@${A}`])], [], 'Approved'],
    [
      'approves a tag that was moved on purpose',
      [TAGGED, B],
      [list([`${NGINX}@${B}`])],
      [[TAGGED, A]],
      'Approved',
    ],
    [
      'approves nothing if it may not',
      [TAGGED, A],
      [list([`${NGINX}@${A}`], { approves: false })],
      [],
      'Unpinned',
    ],
    ['refuses what it does not name', [TAGGED, B], [list([`${NGINX}@${A}`])], [[TAGGED, B]], 'Mismatch'],
    [
      'refuses also if it may not approve',
      [TAGGED, B],
      [list([`${NGINX}@${A}`], { approves: false })],
      [[TAGGED, B]],
      'Mismatch',
    ],
    ['refuses what is pinned', [`nginx@${B}`, B], [list([`${NGINX}@${A}`])], [], 'Mismatch'],
    ['leaves what is pinned pinned', [PINNED, A], [list([`${NGINX}@${A}`])], [], 'Pinned'],
    [
      'says nothing of other repositories',
      [TAGGED, A],
      [list([`registry.example/nginx@${B}`])],
      [[TAGGED, A]],
      'Baseline',
    ],
    [
      'refuses what another one approves',
      [TAGGED, A],
      [list([`${NGINX}@${A}`]), list([`${NGINX}@${B}`])],
      [],
      'Mismatch',
    ],
    [
      'approves what each of them has',
      [TAGGED, A],
      [list([`${NGINX}@${A}`]), list([`${NGINX}@${B}`, `${NGINX}@${A}`])],
      [],
      'Approved',
    ],
  ])('%s', (...row) => {
    const [, runs, lists, before, verdict] = row;
    expect(proveWith(runs, lists, { before }).verdict).toBe(verdict);
  });

  test('is named in the message', () => {
    const cluster = list([`${NGINX}@${A}`], { policy: { kind: 'ClusterDriftPolicy', name: 'images' } });
    expect(proveWith([TAGGED, B], [cluster]).message).toContain(
      `container app runs ${B}, which is not on the list of approved images of ClusterDriftPolicy images`,
    );
  });

  test.each([
    ['nginx', NGINX],
    ['nginx:1.27', NGINX],
    [PINNED, NGINX],
    [`nginx:1.27@${A}`, NGINX],
    ['registry.example:5000/shop/web', 'registry.example:5000/shop/web'],
    ['registry.example:5000/shop/web:1', 'registry.example:5000/shop/web'],
    ['index.docker.io/shop/web:1', 'docker.io/shop/web'],
  ])('is about the repository of %s', (image, repository) => {
    expect(repositoryOf(image)).toBe(repository);
  });
});

describe('a policy', () => {
  const problems = (approvedImages: unknown) => {
    const responses = [{ name: 'any', actions: ['Label'] }];
    const compiled = compilePolicy(storedPolicy({ responses, approvedImages }));
    return compiled.accepted ? [] : compiled.problems.map(({ path, message }) => `${path}: ${message}`);
  };

  test('may approve images by their digests', () => {
    expect(problems([`${NGINX}@${A}`, `registry.example:5000/shop/web@${B}`])).toEqual([]);
  });

  test.each([
    ['a tag', 'registry.example/shop/web:1'],
    ['a tag besides', `registry.example/shop/web:1@${A}`],
    ['a pattern', `registry.example/shop/*@${A}`],
    ['no registry', `nginx@${A}`],
    ['a digest that is none', 'registry.example/shop/web@sha256:abc'],
    ['letters that no repository has', `registry.example/Shop/Web@${A}`],
  ])('may not with %s', (_, image) => {
    expect(problems([image])).toEqual([
      expect.stringMatching(/^spec\.approvedImages\[0\]: must be an image/),
    ]);
  });

  test('is told the whole name of what is short for another one', () => {
    expect(problems([`docker.io/nginx@${A}`])).toEqual([
      `spec.approvedImages[0]: "docker.io/nginx@${A}" is short for another name: write ${NGINX}@${A}`,
    ]);
  });
});

describe('an index and its manifest', () => {
  const equivalent: Equivalent = (repository, a, b) =>
    repository === NGINX ? [a, b].every((digest) => [A, B].includes(digest)) : undefined;

  test('are the same image where the registry says so', () => {
    expect(proveWith([PINNED, B], [], { equivalent }).verdict).toBe('Pinned');
    expect(proveWith([TAGGED, B], [], { before: [[TAGGED, A]], equivalent }).verdict).toBe('Baseline');
    expect(proveWith([TAGGED, B], [list([`${NGINX}@${A}`])], { equivalent }).verdict).toBe('Approved');
  });

  test('are two where it does not', () => {
    expect(proveWith([PINNED, C], [], { equivalent }).verdict).toBe('Mismatch');
    expect(proveWith([PINNED, B], []).verdict).toBe('Mismatch');
    expect(proveWith([PINNED, B], [], { equivalent: () => undefined }).verdict).toBe('Mismatch');
  });
});

describe('an init container', () => {
  const withInit = (digest: string | undefined) => ({
    ...replacementOf([PINNED, A]),
    initContainers: [
      {
        name: 'setup',
        image: 'tools:1',
        ...(digest !== undefined && { imageID: `docker.io/library/tools@${digest}` }),
      },
    ],
  });
  const before = {
    ...targetOf([PINNED, A]),
    initContainers: [{ name: 'setup', image: 'tools:1', imageID: `docker.io/library/tools@${B}` }],
  };

  test('is proven as any other', () => {
    const prove = (digest?: string) =>
      proveImages({ replacement: withInit(digest), target: before, siblings: [] });
    expect(prove(B).verdict).toBe('Baseline');
    expect(prove(C).verdict).toBe('Mismatch');
    expect(prove().verdict).toBe('Unpinned');
    expect(prove(C).message).toContain('init container setup runs');
    expect(prove(B).containers).toContainEqual({
      container: 'setup',
      kind: 'Init',
      imageID: `docker.io/library/tools@${B}`,
      proof: 'Baseline',
    });
  });

  test('is vouched for by those of older pods', () => {
    const sibling = siblingOf([[PINNED, A]], { initContainers: before.initContainers });
    const proof = proveImages({
      replacement: withInit(B),
      target: targetOf([PINNED, A]),
      siblings: [sibling],
    });
    expect(proof.verdict).toBe('Baseline');
  });
});

test('a container for debugging is a mismatch, whatever it runs', () => {
  const replacement = {
    ...replacementOf([PINNED, A]),
    ephemeralContainers: [{ name: 'debugger-1', image: PINNED, imageID: `docker.io/library/nginx@${A}` }],
  };
  const proof = proveImages({
    replacement,
    target: targetOf([PINNED, A]),
    siblings: [],
    lists: [list([`${NGINX}@${A}`])],
  });
  expect(proof.verdict).toBe('Mismatch');
  expect(proof.message).toContain('container debugger-1 was added for debugging and is in no template');
  expect(proof.containers).toContainEqual(expect.objectContaining({ kind: 'Ephemeral', proof: 'None' }));
});
