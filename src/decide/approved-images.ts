// The lists of images that policies approve: which digests a replacement may run of a repository that one of them names.
import type { PolicyKind } from '../api/policy.ts';

/** Digests by repository. */
export type ApprovedImages = ReadonlyMap<string, ReadonlySet<string>>;

/** The list of one policy. */
export interface ApprovedList {
  /** Whose it is, for people. */
  policy: { kind: PolicyKind; name: string };
  images: ApprovedImages;
  /** Whether it may approve what nothing else proves; every list may refuse. */
  approves: boolean;
}

/** What the lists say of a digest: a name of a policy that does not have it, or whether one that may approves it. */
export type ListVerdict = { refusedBy: string } | { approved: boolean };

/**
 * Whether two digests name the same image: an index, its manifest for one platform, and the configuration of that.
 * Undefined: not known.
 */
export type Equivalent = (repository: string, a: string, b: string) => boolean | undefined;

/** Makes a list ready to be asked. @param images `registry/repository@digest`, each complete. */
export function compileApproved(images: readonly string[]): ApprovedImages {
  const split = images.map((image) => {
    const at = image.lastIndexOf('@');
    return [image.slice(0, at), image.slice(at + 1)] as const;
  });
  return new Map(
    [...Map.groupBy(split, ([repository]) => repository)].map(([repository, all]) => [
      repository,
      new Set(all.map(([, digest]) => digest)),
    ]),
  );
}

/** What the lists say of a digest of that repository. Each list that names the repository has to have it. */
export function askLists(
  lists: readonly ApprovedList[],
  repository: string,
  isOne: (listed: string) => boolean,
): ListVerdict {
  const asked = lists.flatMap(({ images, ...list }) => {
    const digests = images.get(repository);
    return digests ? [{ ...list, has: [...digests].some(isOne) }] : [];
  });
  const refusing = asked.find(({ has }) => !has);
  if (refusing) return { refusedBy: `${refusing.policy.kind} ${refusing.policy.name}` };
  return { approved: asked.some(({ approves }) => approves) };
}
