// What the images of a running pod are worth: the table of verdicts, and what is never called approved.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { worstVerdict, type SameImage, type VerificationMeans } from '../../../src/decide/verify-images.ts';
import { A, answers, B, C, listOf, podWith, REPOSITORY, verify } from './verify-images-support.ts';

describe('the image of a container', () => {
  test.each<[string, string, string, Partial<VerificationMeans>, string]>([
    ['runs its pin', `${REPOSITORY}@${A}`, `${REPOSITORY}@${A}`, {}, 'Approved/Pinned'],
    [
      'runs its pin, under another name',
      `${REPOSITORY}:1@${A}`,
      `mirror.example/x@${A}`,
      {},
      'Approved/Pinned',
    ],
    ['runs its pin, by cri-dockerd', `${REPOSITORY}@${A}`, `docker-pullable://x@${A}`, {}, 'Approved/Pinned'],
    ['runs its pin, by the digits of CRI-O', `${REPOSITORY}@${A}`, A.slice(7), {}, 'Approved/Pinned'],
    [
      'runs the manifest of its index',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${B}`,
      { same: answers('Same') },
      'Approved/Pinned',
    ],
    [
      'runs another image than its pin',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${B}`,
      { same: answers('Other') },
      'Unapproved/OtherDigest',
    ],
    [
      'runs another digest, and nobody can tell',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${B}`,
      {},
      'Unverifiable/NoRegistry',
    ],
    [
      'runs another digest, and the registry is asked',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${B}`,
      { same: answers('Asking') },
      'Unverifiable/AskingRegistry',
    ],
    [
      'is on the list',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([B, A])] },
      'Approved/Listed',
    ],
    [
      'is not on the list',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([B])] },
      'Unapproved/NotListed',
    ],
    [
      'is pinned and not on the list',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([B])] },
      'Unapproved/NotListed',
    ],
    [
      'is on one of two lists that name its repository',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([A]), listOf([B], true, 'other')] },
      'Unapproved/NotListed',
    ],
    [
      'is on a list that may not approve',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([A], false)] },
      'MutableTag/NoDigest',
    ],
    [
      'may be on the list, which its registry is asked',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [listOf([B])], same: answers('Asking') },
      'Unverifiable/AskingRegistry',
    ],
    [
      'is not on what could be read of the list',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [{ ...listOf([B]), incomplete: true }] },
      'Unverifiable/ListUnreadable',
    ],
    [
      'is not on a list that was read, whatever another one lacks',
      `${REPOSITORY}:1`,
      `${REPOSITORY}@${A}`,
      { lists: [{ ...listOf([B]), incomplete: true }, listOf([C], true, 'whole')] },
      'Unapproved/NotListed',
    ],
    [
      'is not on the list, by a digest of another repository',
      `${REPOSITORY}:1`,
      `aaa.example/x@${A}`,
      { lists: [listOf([B])] },
      'Unverifiable/OtherRepository',
    ],
    [
      'runs another digest than its pin, of another repository',
      `${REPOSITORY}@${A}`,
      `aaa.example/x@${B}`,
      { same: answers('Other') },
      'Unverifiable/OtherRepository',
    ],
    [
      'is not on what could be read of a list that is in Audit',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${A}`,
      { lists: [{ ...listOf([B]), audit: true, incomplete: true }] },
      'Approved/Pinned',
    ],
    [
      'is not on a list that is in Audit, by a digest of another repository',
      `${REPOSITORY}@${B}`,
      `aaa.example/x@${A}`,
      { lists: [{ ...listOf([C]), audit: true }] },
      'Unverifiable/NoRegistry',
    ],
    [
      'is refused by a list in Audit beside others in Enforce',
      `${REPOSITORY}@${A}`,
      `${REPOSITORY}@${A}`,
      { lists: [{ ...listOf([B]), audit: true }] },
      'Unapproved/NotListed',
    ],
    ['has a tag', `${REPOSITORY}:1`, `${REPOSITORY}@${A}`, {}, 'MutableTag/NoDigest'],
    ['has a tag, and was built on the node', `${REPOSITORY}:1`, A, {}, 'LocalOnly/BuiltOnNode'],
    [
      'has a tag, and was built there, by docker',
      `${REPOSITORY}:1`,
      `docker://${A}`,
      {},
      'LocalOnly/BuiltOnNode',
    ],
    ['has no digest in its status', `${REPOSITORY}:1`, 'something', {}, 'Unverifiable/NoImageID'],
    [
      'was changed in place to another pin than its template has',
      `${REPOSITORY}@${B}`,
      `${REPOSITORY}@${B}`,
      { template: new Map([['web', `${REPOSITORY}@${A}`]]), same: answers('Other') },
      'Unapproved/OtherDigest',
    ],
  ])('that %s', (...[, image, imageID, means, expected]) => {
    const [found] = verify(podWith(image, imageID), means);
    expect(`${found?.verdict}/${found?.reason}`).toBe(expected);
  });

  test('that was not created yet is not judged', () => {
    expect(verify(podWith(`${REPOSITORY}:1`, undefined))).toEqual([]);
  });

  test('is judged for init and ephemeral containers, too, and says which it is', () => {
    const pod = podWith(`${REPOSITORY}@${A}`, `${REPOSITORY}@${A}`, {
      initContainers: [{ name: 'setup', image: `${REPOSITORY}:1`, imageID: `${REPOSITORY}@${B}` }],
      ephemeralContainers: [
        { name: 'debugger', image: 'busybox', imageID: `docker.io/library/busybox@${C}` },
      ],
    });
    const found = verify(pod);
    expect(found.map(({ container, kind, verdict }) => [container, kind, verdict])).toEqual([
      ['web', undefined, 'Approved'],
      ['setup', 'Init', 'MutableTag'],
      ['debugger', 'Ephemeral', 'MutableTag'],
    ]);
    expect(found[2]?.message).toMatch(/^ephemeral container debugger runs/);
  });

  test('tells what was approved and what runs', () => {
    const [found] = verify(podWith(`${REPOSITORY}@${A}`, `${REPOSITORY}@${B}`), { same: answers('Other') });
    expect(found).toMatchObject({ approved: A, runs: B });
    expect(found?.message).toBe(`container web is pinned to ${A} and runs ${B}, which is another image`);
  });
});

test('no answer of a registry makes an image approved that a list refuses, or that nothing names', () => {
  const texts = fc.constantFrom(`${REPOSITORY}:1`, `${REPOSITORY}@${A}`, `${REPOSITORY}@${B}`);
  const ids = fc.constantFrom(A, B, `${REPOSITORY}@${A}`, `${REPOSITORY}@${B}`, `docker://${C}`, 'x');
  const answer = fc.constantFrom<ReturnType<SameImage>>('Other', 'Asking', 'Nobody');
  fc.assert(
    fc.property(texts, ids, answer, fc.subarray([A, B, C]), (image, imageID, told, listed) => {
      const lists = listed.length > 0 ? [listOf(listed)] : [];
      const [found] = verify(podWith(image, imageID), { lists, same: answers(told) });
      const isOn = listed.includes(found?.runs ?? '');
      const isPinned = found?.runs !== undefined && image.endsWith(found.runs);
      expect(found?.verdict === 'Approved').toBe(listed.length > 0 ? isOn : isPinned);
    }),
  );
});

test('of several verdicts the worst counts', () => {
  expect(worstVerdict([])).toBe('Approved');
  expect(worstVerdict(['LocalOnly', 'Approved', 'MutableTag'])).toBe('LocalOnly');
  expect(worstVerdict(['Unapproved', 'Unverifiable'])).toBe('Unapproved');
});
