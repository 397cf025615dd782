// Image names and digests, and what the digests of a replacement prove.
import type { Target } from '../api/incident.ts';
import { controllerOf, type ImageFacts, type PodFacts } from '../api/pod.ts';
import { askLists, type ApprovedList, type Equivalent } from './approved-images.ts';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const BARE_ID = /^[0-9a-f]{64}$/;
const SCHEME = /^[a-z-]+:\/\//;
const DEFAULT_REGISTRY = 'docker.io';
const LEGACY_REGISTRY = 'index.docker.io';
const OFFICIAL = 'library';
/** Notes of containers that fit into one message. */
const MAX_NOTES = 3;

/** What the images of a pod prove, from the best to the worst. */
const VERDICTS = ['Pinned', 'Approved', 'Baseline', 'Unpinned', 'Mismatch'] as const;
/** See {@link VERDICTS}. */
export type ImageVerdict = (typeof VERDICTS)[number];

/** What is proven of one container. */
export interface ContainerProof {
  container: string;
  /** Absent: one of the pod's containers proper. */
  kind?: 'Init' | 'Ephemeral';
  /** As the runtime resolved it; empty before the container was created. */
  imageID: string;
  /** Pinned: runs the digest its image names. Approved: is on a policy's list. Baseline: runs what ran before. */
  proof: 'Pinned' | 'Approved' | 'Baseline' | 'None';
}

/** What is proven of a pod: of each container, and of the worst of them. */
export interface ImageProof {
  containers: ContainerProof[];
  verdict: ImageVerdict;
  /** A clause for people, without a full stop. */
  message: string;
  /** Whether digests that differ name one image is not known yet: a registry is asked. */
  undecided?: true;
}

/**
 * The digest in an `imageID` of a container status: of an index or manifest where the runtime knows the image from a
 * registry, else of the image's configuration (an image that was built or loaded on the node).
 * Takes what containerd, CRI-O (also its bare 64 digits) and cri-dockerd write; undefined if there is no digest in it.
 */
export function imageDigest(imageID: string): string | undefined {
  const name = imageID.replace(SCHEME, '');
  const digest = name.slice(name.lastIndexOf('@') + 1);
  if (DIGEST.test(digest)) return digest;
  return BARE_ID.test(name) ? `sha256:${name}` : undefined;
}

/** The repository in an `imageID`, with its registry; undefined where it has none, as an image that was built on the node. */
export function imageRepository(imageID: string): string | undefined {
  const name = imageID.replace(SCHEME, '');
  const at = name.lastIndexOf('@');
  return at > 0 ? repositoryOf(name.slice(0, at)) : undefined;
}

/** The digest that an image in a pod spec names; undefined if it names none. */
export function pinnedDigest(image: string): string | undefined {
  const at = image.lastIndexOf('@');
  const digest = image.slice(at + 1);
  return at > 0 && DIGEST.test(digest) ? digest : undefined;
}

/**
 * The image with everything that runtimes fill in: `nginx` is `docker.io/library/nginx:latest` (the rules of
 * distribution/reference, `splitDockerDomain` and `TagNameOnly`). Splits only, and accepts any text: an image in a pod
 * spec is the tenant's, and the regular expressions of the reference grammar need exponential time on a hostile one.
 */
export function qualifiedName(image: string): string {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(slash, 0));
  const named = /[.:A-Z]/.test(first) || first === 'localhost';
  const registry = named && first !== LEGACY_REGISTRY ? first : DEFAULT_REGISTRY;
  const rest = named ? image.slice(slash + 1) : image;
  const repository = registry === DEFAULT_REGISTRY && !rest.includes('/') ? `${OFFICIAL}/${rest}` : rest;
  // A tag has ':' after the repository, a digest '@'.
  const complete = /[:@]/.test(repository);
  return `${registry}/${repository}${complete ? '' : ':latest'}`;
}

/** The repository that an image is of, with its registry and without tag and digest. */
export function repositoryOf(image: string): string {
  const name = qualifiedName(image);
  const [repository = ''] = name.split('@', 1);
  const slash = repository.lastIndexOf('/');
  const colon = repository.indexOf(':', slash);
  return colon < 0 ? repository : repository.slice(0, colon);
}

/**
 * Compares what the containers of a replacement run with what their images name and with what ran before. Call it once
 * the replacement is Ready: a container that was not created yet proves nothing.
 *
 * Init containers are proven like others. A container for debugging is a mismatch: no template has it, and nobody can say
 * what is done in it.
 *
 * - Pinned: the image names a digest and the container runs it.
 * - Approved: a list that may approve has the digest, and every list that names the repository.
 * - Baseline: the container runs the digest that the target, or an older pod of the same controller, ran under the same
 *   container name and image text. For an image that names another digest only the target counts: without a registry an
 *   index cannot be told from its manifest for one platform, and the target's pull is the one that was accepted before.
 * - Mismatch: it runs neither, or a list that names the repository has not what it runs. Unpinned: there is nothing to
 *   compare with.
 *
 * The pod's verdict is that of its worst container.
 * @param siblings pods to compare with; those that are not the controller's, or not older than the replacement, are left
 *   out: two replacements must not vouch for each other.
 * @param lists of the policies that select the replacement. @param equivalent absent: only equal digests are the same.
 */
export function proveImages(input: {
  replacement: PodFacts;
  target: Target;
  siblings: readonly PodFacts[];
  lists?: readonly ApprovedList[];
  equivalent?: Equivalent;
}): ImageProof {
  const { replacement, target, lists = [], equivalent } = input;
  const witnesses = input.siblings.filter((pod) => canVouch(pod, replacement, target));
  const asked = { undecided: false };
  const asking: Equivalent = (...about) => {
    const answer = equivalent?.(...about);
    asked.undecided ||= equivalent !== undefined && answer === undefined;
    return answer;
  };
  const known = { target, witnesses, lists, equivalent: asking };
  const judged = [
    ...replacement.containers.map((container) => judge(container, known)),
    ...(replacement.initContainers ?? []).map((container) => judge(container, known, 'Init')),
    ...(replacement.ephemeralContainers ?? []).map(debugging),
  ];
  const verdict = VERDICTS.findLast((level) => judged.some((one) => one.verdict === level)) ?? 'Unpinned';
  return {
    containers: judged.map(({ verdict: _verdict, note: _note, ...proof }) => proof),
    verdict,
    message: explain(
      verdict,
      judged.filter((one) => one.verdict === verdict).flatMap(({ note }) => note ?? []),
    ),
    ...(asked.undecided && { undecided: true }),
  };
}

interface Judgement extends ContainerProof {
  verdict: ImageVerdict;
  note?: string;
}

interface Known {
  target: Target;
  witnesses: readonly PodFacts[];
  lists: readonly ApprovedList[];
  equivalent?: Equivalent;
}

function judge(container: ImageFacts, known: Known, kind?: 'Init'): Judgement {
  const { name, imageID = '' } = container;
  const runs = imageDigest(imageID);
  const { verdict, note } = runs === undefined ? NO_DIGEST : compare(container, runs, known);
  return {
    container: name,
    ...(kind && { kind }),
    imageID,
    proof: verdict === 'Unpinned' || verdict === 'Mismatch' ? 'None' : verdict,
    verdict,
    ...(note !== undefined && { note: `${kind ? 'init container' : 'container'} ${name} ${note}` }),
  };
}

const NO_DIGEST: Compared = { verdict: 'Unpinned', note: 'has no image digest in its status' };

interface Compared {
  verdict: ImageVerdict;
  note?: string;
}

// What refuses comes first: nothing that approves outranks it.
function compare(container: ImageFacts, runs: string, known: Known): Compared {
  const repository = repositoryOf(container.image);
  const isSame = (digest: string) => digest === runs || known.equivalent?.(repository, digest, runs) === true;
  const listed = askLists(known.lists, repository, isSame);
  if ('refusedBy' in listed)
    return {
      verdict: 'Mismatch',
      note: `runs ${runs}, which is not on the list of approved images of ${listed.refusedBy}`,
    };
  const pinned = pinnedDigest(container.image);
  if (pinned !== undefined && isSame(pinned)) return { verdict: 'Pinned' };
  if (listed.approved) return { verdict: 'Approved' };
  const before = digestsOf([known.target], container);
  return pinned === undefined
    ? unpinned(runs, before.union(digestsOf(known.witnesses, container)), isSame)
    : pinnedElsewhere(runs, pinned, [...before].some(isSame));
}

function pinnedElsewhere(runs: string, pinned: string, ranBefore: boolean): Compared {
  return ranBefore
    ? {
        verdict: 'Baseline',
        note: `is pinned to ${pinned} and runs ${runs}, as the pod before it did: without the registry an index cannot be told from its manifest for one platform`,
      }
    : { verdict: 'Mismatch', note: `is pinned to ${pinned} but runs ${runs}` };
}

function unpinned(runs: string, before: ReadonlySet<string>, isSame: (digest: string) => boolean): Compared {
  if ([...before].some(isSame)) return { verdict: 'Baseline' };
  return before.size === 0
    ? {
        verdict: 'Unpinned',
        note: 'is not pinned by digest, and no earlier pod ran this image to compare with',
      }
    : {
        verdict: 'Mismatch',
        note: `runs ${runs}, which no earlier pod ran under this tag: the tag may have been moved`,
      };
}

function debugging({ name, imageID = '' }: ImageFacts): Judgement {
  return {
    container: name,
    kind: 'Ephemeral',
    imageID,
    proof: 'None',
    verdict: 'Mismatch',
    note: `container ${name} was added for debugging and is in no template`,
  };
}

type Runs = Pick<PodFacts, 'initContainers'> & { containers: readonly ImageFacts[] };

// What these pods ran in a container of the same name with the same image text.
function digestsOf(pods: readonly (Target | Runs)[], { name, image }: ImageFacts): Set<string> {
  const same = pods.flatMap(({ containers, initContainers = [] }) =>
    [...containers, ...initContainers].filter((other) => other.name === name && other.image === image),
  );
  return new Set(same.flatMap(({ imageID = '' }) => imageDigest(imageID) ?? []));
}

// Older, so never the replacement itself.
function canVouch(pod: PodFacts, replacement: PodFacts, target: Target): boolean {
  const controller = controllerOf(pod)?.uid;
  const older = Date.parse(pod.createdAt) < Date.parse(replacement.createdAt);
  return older && controller !== undefined && controller === target.workload?.uid;
}

const SUMMARIES: Readonly<Record<ImageVerdict, string>> = {
  Pinned: 'every container runs the digest that its image names',
  Approved: 'every container runs its pinned digest or one that a policy approves',
  Baseline: 'every container runs its pinned digest or what ran before it',
  Unpinned: 'its images cannot be proven',
  Mismatch: 'it runs other images than expected',
};

function explain(verdict: ImageVerdict, notes: readonly string[]): string {
  const more = notes.length > MAX_NOTES ? [`${notes.length - MAX_NOTES} more containers likewise`] : [];
  const details = [...notes.slice(0, MAX_NOTES), ...more].join('; ');
  return details === '' ? SUMMARIES[verdict] : `${SUMMARIES[verdict]}: ${details}`;
}
