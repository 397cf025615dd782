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
  /** Part of it could not be read: what it has not may be approved all the same. */
  incomplete?: true;
  /** It is only tried out, beside others in Enforce: what it has not it does not approve, and does not refuse either. */
  audit?: true;
}

/** What the lists say of a digest: a name of a policy that does not have it, or whether one that may approves it. */
export type ListVerdict =
  | {
      refusedBy: string;
      /** Every list that refuses is one of which part could not be read. */
      incomplete?: true;
    }
  | {
      approved: boolean;
      /** A list that is only tried out, and would refuse. */
      refusedInAudit?: string;
    };

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

/** Two lists as one; undefined where neither is there. */
export function uniteApproved(
  a: ApprovedImages | undefined,
  b: ApprovedImages | undefined,
): ApprovedImages | undefined {
  if (!a || !b) return a ?? b;
  const repositories = new Set([...a.keys(), ...b.keys()]);
  return new Map(
    [...repositories].map((name) => [name, (a.get(name) ?? new Set()).union(b.get(name) ?? new Set())]),
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
  const refusing = asked.filter(({ has, audit }) => !has && audit !== true);
  const [first] = [...refusing.filter((one) => one.incomplete !== true), ...refusing];
  if (first) {
    const refusedBy = `${first.policy.kind} ${first.policy.name}`;
    return { refusedBy, ...(first.incomplete && { incomplete: first.incomplete }) };
  }
  // What could not be read whole may have it.
  const tried = asked.find(({ has, incomplete }) => !has && incomplete !== true);
  if (!tried) return { approved: asked.some(({ approves, has }) => approves && has) };
  return {
    approved: asked.some(({ approves, audit }) => approves && audit !== true),
    refusedInAudit: `${tried.policy.kind} ${tried.policy.name}`,
  };
}
