// What the images that a pod runs are worth: approved, or by which of several shortcomings not. Nothing here asks a registry.
import type { ImageFacts, PodFacts } from '../api/pod.ts';
import { VERIFICATION_VERDICTS, type VerificationVerdict } from '../api/verification.ts';
import { askLists, type ApprovedList } from './approved-images.ts';
import { isOfAnother, knownBaseline, type Baseline } from './image-baseline.ts';
import { imageDigest, imageRepository, pinnedDigest, repositoryOf } from './images.ts';

/** Why a verdict was given, in one word for programs. */
export type VerificationReason =
  /** It runs the digest that its approved image names. */
  | 'Pinned'
  /** A list of approved images has the digest. */
  | 'Listed'
  /** A list names the repository and has not what it runs. */
  | 'NotListed'
  /** The same by a list of which part could not be read. */
  | 'ListUnreadable'
  /** The runtime knows the image by another repository, whose digests are others also for the same image. */
  | 'OtherRepository'
  /** It is pinned to another digest, and a registry says that the two are not one image. */
  | 'OtherDigest'
  /** It differs from what the first pods of its controller run under the same tag. */
  | 'Outlier'
  /** Its image names no digest. */
  | 'NoDigest'
  /** The runtime knows it by its configuration only: it was built or loaded on the node. */
  | 'BuiltOnNode'
  /** Whether two digests are one image cannot be told without the registry. */
  | 'NoRegistry'
  /** The registry is being asked. */
  | 'AskingRegistry'
  /** The runtime tells no digest. */
  | 'NoImageID';

/** What is found of one container that was created. */
export interface VerifiedImage {
  container: string;
  /** Absent: one of the pod's containers proper. */
  kind?: 'Init' | 'Ephemeral';
  /** As the pod asks for it. */
  image: string;
  verdict: VerificationVerdict;
  reason: VerificationReason;
  /** Digest that it runs. */
  runs?: string;
  /** Digest that was approved in its place. */
  approved?: string;
  /** No registry could be asked, so an index may be taken for another image than its manifest. */
  unsure?: true;
  /** Only lists refuse it that are tried out beside others in Enforce: it is told, and makes no detection. */
  audit?: true;
  /** A clause for people, with the container as its subject. */
  message: string;
}

export type { Baseline } from './image-baseline.ts';

/** What a registry can tell. */
export type SameImage = (
  repository: string,
  expected: string,
  runs: string,
) => 'Same' | 'Other' | 'Asking' | 'Nobody';

/** What images are judged by. */
export interface VerificationMeans {
  /** Images of the containers in the template of the pod's controller, by name; absent: it has none that is known. */
  template?: ReadonlyMap<string, string> | undefined;
  /** Pods of the same controller; also the pod itself. */
  siblings: readonly PodFacts[];
  /** Keeps what was worked out of these siblings. Whoever judges many pods at once gives all of a controller the same one. */
  baselines?: Map<string, Baseline | undefined>;
  lists: readonly ApprovedList[];
  same: SameImage;
}

/**
 * Judges every container that was created, init and ephemeral ones too.
 *
 * In this order: what a list of approved images refuses is `Unapproved`; what one has, or what runs the digest that its
 * approved image names, is `Approved`. The approved image is that of the template, so that an image which was changed in
 * place does not approve itself. Without a digest in it, a pod that differs from the first pods of its controller is an
 * outlier and `Unapproved`; others are `LocalOnly` or `MutableTag`.
 */
export function verifyImages(pod: PodFacts, means: VerificationMeans): VerifiedImage[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod;
  const all: [ImageFacts, VerifiedImage['kind']][] = [
    ...containers.map((one): [ImageFacts, undefined] => [one, undefined]),
    ...initContainers.map((one): [ImageFacts, 'Init'] => [one, 'Init']),
    ...ephemeralContainers.map((one): [ImageFacts, 'Ephemeral'] => [one, 'Ephemeral']),
  ];
  return all.flatMap(([container, kind]) => {
    const { name, image, imageID } = container;
    if (imageID === undefined) return [];
    const { message, ...found } = judge(container, imageID, pod, means);
    const what = kind === undefined ? 'container' : `${kind.toLowerCase()} container`;
    return [
      { container: name, ...(kind && { kind }), image, ...found, message: `${what} ${name} ${message}` },
    ];
  });
}

/** The worst of some verdicts; Approved if there are none. */
export function worstVerdict(verdicts: readonly VerificationVerdict[]): VerificationVerdict {
  return VERIFICATION_VERDICTS.findLast((verdict) => verdicts.includes(verdict)) ?? 'Approved';
}

type Judgement = Omit<VerifiedImage, 'container' | 'kind' | 'image'>;

function judge(container: ImageFacts, imageID: string, pod: PodFacts, means: VerificationMeans): Judgement {
  const runs = imageDigest(imageID);
  if (runs === undefined)
    return { verdict: 'Unverifiable', reason: 'NoImageID', message: 'has no digest in its status' };
  const asked = means.template?.get(container.name) ?? container.image;
  const pinned = pinnedDigest(asked);
  const listed = byLists(repositoryOf(container.image), runs, means);
  const found =
    listed.found ??
    (pinned === undefined
      ? unpinned(container, { runs, isLocal: isLocal(imageID) }, pod, means)
      : byPin(repositoryOf(asked), pinned, runs, means));
  // Of an image that is told by another name no list can say that it has not the digest.
  if (isOfAnother(container.image, imageID))
    return found.verdict === 'Unapproved' ? elsewhere(found, imageID) : found;
  return listed.triedBy === undefined ? found : inAudit(found, runs, listed.triedBy);
}

// What only a list refuses that is tried out is told, and nobody acts on it.
function inAudit(found: Judgement, runs: string, policy: string): Judgement {
  if (found.verdict === 'Unapproved' || found.reason === 'AskingRegistry') return found;
  const message = `runs ${runs}, which is not on the list of approved images of ${policy}, which is in Audit`;
  return { verdict: 'Unapproved', reason: 'NotListed', runs, audit: true, message };
}

function elsewhere({ runs, approved }: Judgement, imageID: string): Judgement {
  const about = { ...(runs !== undefined && { runs }), ...(approved !== undefined && { approved }) };
  const message = `is told by its runtime as one of ${imageRepository(imageID)}, whose digest ${runs} says nothing of the repository that was asked for`;
  return { verdict: 'Unverifiable', reason: 'OtherRepository', ...about, message };
}

function byLists(
  repository: string,
  runs: string,
  { lists, same }: VerificationMeans,
): { found?: Judgement; triedBy?: string } {
  const answers = new Map<string, ReturnType<SameImage>>();
  const ask = (listed: string) => {
    const answer = listed === runs ? 'Same' : same(repository, listed, runs);
    answers.set(listed, answer);
    return answer === 'Same';
  };
  const verdict = askLists(lists, repository, ask);
  const all = [...answers.values()];
  if ('approved' in verdict) {
    const { approved, refusedInAudit: triedBy } = verdict;
    const message = `runs ${runs}, which a policy approves`;
    return {
      ...(approved && { found: { verdict: 'Approved', reason: 'Listed', runs, message } }),
      ...(triedBy !== undefined && !all.includes('Asking') && { triedBy }),
    };
  }
  return { found: all.includes('Asking') ? asking(runs) : refused(runs, verdict, answers) };
}

function refused(
  runs: string,
  verdict: { refusedBy: string; incomplete?: true },
  answers: ReadonlyMap<string, ReturnType<SameImage>>,
): Judgement {
  if (verdict.incomplete)
    return {
      verdict: 'Unverifiable',
      reason: 'ListUnreadable',
      runs,
      message: `runs ${runs}, which is not on what could be read of the list of ${verdict.refusedBy}`,
    };
  const [only] = [...answers.keys()];
  return {
    verdict: 'Unapproved',
    reason: 'NotListed',
    runs,
    ...(answers.size === 1 && only !== undefined && { approved: only }),
    ...([...answers.values()].includes('Nobody') && { unsure: true as const }),
    message: `runs ${runs}, which is not on the list of approved images of ${verdict.refusedBy}`,
  };
}

function byPin(repository: string, pinned: string, runs: string, { same }: VerificationMeans): Judgement {
  const answer = pinned === runs ? 'Same' : same(repository, pinned, runs);
  const about = { runs, approved: pinned };
  switch (answer) {
    case 'Same':
      return {
        verdict: 'Approved',
        reason: 'Pinned',
        ...about,
        message: `runs ${runs}, which it is pinned to`,
      };
    case 'Asking':
      return asking(runs);
    case 'Nobody':
      return {
        verdict: 'Unverifiable',
        reason: 'NoRegistry',
        ...about,
        message: `is pinned to ${pinned} and runs ${runs}: only its registry can tell whether these are one image`,
      };
    case 'Other':
      return {
        verdict: 'Unapproved',
        reason: 'OtherDigest',
        ...about,
        message: `is pinned to ${pinned} and runs ${runs}, which is another image`,
      };
  }
}

function unpinned(
  container: ImageFacts,
  { runs, isLocal: local }: { runs: string; isLocal: boolean },
  pod: PodFacts,
  means: VerificationMeans,
): Judgement {
  const first = knownBaseline(container, pod, means);
  const repository = repositoryOf(container.image);
  const answer =
    first === undefined || first.digest === runs ? 'Same' : means.same(repository, first.digest, runs);
  if (answer === 'Asking') return asking(runs);
  if (first !== undefined && answer !== 'Same')
    return {
      verdict: 'Unapproved',
      reason: 'Outlier',
      runs,
      approved: first.digest,
      ...(answer === 'Nobody' && { unsure: true as const }),
      message: `runs ${runs} under the tag by which ${first.pod}, one of the first pods of its controller, runs ${first.digest}: the tag was moved, or the images of a node were tampered with`,
    };
  const whose = pinnedDigest(container.image) === undefined ? 'image' : 'template';
  const besides = `and its ${whose} names no digest`;
  return local
    ? {
        verdict: 'LocalOnly',
        reason: 'BuiltOnNode',
        runs,
        message: `runs ${runs}, which was built or loaded on its node, ${besides}`,
      }
    : {
        verdict: 'MutableTag',
        reason: 'NoDigest',
        runs,
        message: `runs ${runs}, ${besides}: whoever may push can have another one run under this tag`,
      };
}

function asking(runs: string): Judgement {
  const message = `runs ${runs}; its registry is being asked whether that is the approved image`;
  return { verdict: 'Unverifiable', reason: 'AskingRegistry', runs, message };
}

// A digest alone, or that of cri-dockerd, is one of a configuration: no registry gave it.
function isLocal(imageID: string): boolean {
  return !imageID.includes('@');
}
