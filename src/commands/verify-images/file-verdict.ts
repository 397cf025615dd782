// What an image in a manifest is worth before anything runs: whether it is named by a digest, and by one that is approved.
import { askLists, type ApprovedList } from '../../decide/approved-images.ts';
import { pinnedDigest, repositoryOf } from '../../decide/images.ts';
import type { Registries } from './registries.ts';
import type { ImageRow } from './report.ts';

/** The judgement on one image. */
export type FileVerdict = Pick<
  ImageRow,
  'verdict' | 'reason' | 'approved' | 'runs' | 'unsure' | 'message'
> & {
  /** A registry was not asked yet. */
  isOpen?: true;
};

/** @param image as the manifest names it. @returns its message has the container as its subject. */
export function judgeFileImage(
  image: string,
  lists: readonly ApprovedList[],
  { same, has }: Pick<Registries, 'same' | 'has'>,
): FileVerdict {
  const repository = repositoryOf(image);
  const pinned = pinnedDigest(image);
  if (pinned === undefined) return unpinned(lists, repository);
  const answers: ReturnType<typeof same>[] = [];
  const listed = askLists(lists, repository, (digest) => {
    const answer = digest === pinned ? 'Same' : same(repository, digest, pinned);
    answers.push(answer);
    return answer === 'Same';
  });
  const named = { runs: pinned, unsure: false };
  if ('refusedBy' in listed) {
    if (answers.includes('Asking')) return asking(pinned);
    return {
      ...named,
      verdict: 'Unapproved',
      reason: 'NotListed',
      approved: onlyDigest(lists, repository),
      unsure: answers.includes('Nobody'),
      message: `names ${pinned}, which is not on the list of approved images of ${listed.refusedBy}`,
    };
  }
  const there = has(repository, pinned);
  if (there === 'Asking') return asking(pinned);
  if (there === 'No') {
    const message = `names ${pinned}, which its registry does not have`;
    return { ...named, verdict: 'Unapproved', reason: 'NotInRegistry', approved: null, message };
  }
  return listed.approved
    ? {
        ...named,
        verdict: 'Approved',
        reason: 'Listed',
        approved: pinned,
        message: `names ${pinned}, which a policy approves`,
      }
    : { ...named, verdict: 'Approved', reason: 'Pinned', approved: pinned, message: `names ${pinned}` };
}

function unpinned(lists: readonly ApprovedList[], repository: string): FileVerdict {
  const approved = onlyDigest(lists, repository);
  const cure = approved === null ? '' : `; ${approved} is approved`;
  return {
    verdict: 'MutableTag',
    reason: 'NoDigest',
    approved,
    runs: null,
    unsure: false,
    message: `names no digest: whoever may push decides what runs under this tag${cure}`,
  };
}

function asking(pinned: string): FileVerdict {
  return {
    verdict: 'Unverifiable',
    reason: 'NoRegistry',
    approved: null,
    runs: pinned,
    unsure: false,
    message: `names ${pinned}; its registry did not tell whether that is an approved image`,
    isOpen: true,
  };
}

function onlyDigest(lists: readonly ApprovedList[], repository: string): string | null {
  const all = new Set(lists.flatMap(({ images }) => [...(images.get(repository) ?? [])]));
  const [first] = all;
  return all.size === 1 && first !== undefined ? first : null;
}
