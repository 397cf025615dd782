// Image names and digests, and what the digests of a replacement prove.
import type { Target } from '../api/incident.ts';
import { controllerOf, type ContainerFacts, type PodFacts } from '../api/pod.ts';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const BARE_ID = /^[0-9a-f]{64}$/;
const SCHEME = /^[a-z-]+:\/\//;
const DEFAULT_REGISTRY = 'docker.io';
const LEGACY_REGISTRY = 'index.docker.io';
const OFFICIAL = 'library';
/** Notes of containers that fit into one message. */
const MAX_NOTES = 3;

/** What the images of a pod prove, from the best to the worst. */
const VERDICTS = ['Pinned', 'Baseline', 'Unpinned', 'Mismatch'] as const;
/** See {@link VERDICTS}. */
export type ImageVerdict = (typeof VERDICTS)[number];

/** What is proven of one container. */
export interface ContainerProof {
  container: string;
  /** As the runtime resolved it; empty before the container was created. */
  imageID: string;
  /** Pinned: runs the digest its image names. Baseline: runs what ran before. */
  proof: 'Pinned' | 'Baseline' | 'None';
}

/** What is proven of a pod: of each container, and of the worst of them. */
export interface ImageProof {
  containers: ContainerProof[];
  verdict: ImageVerdict;
  /** A clause for people, without a full stop. */
  message: string;
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

/**
 * Compares what the containers of a replacement run with what their images name and with what ran before. Call it once
 * the replacement is Ready: a container that was not created yet proves nothing.
 *
 * - Pinned: the image names a digest and the container runs it.
 * - Baseline: the container runs the digest that the target, or an older pod of the same controller, ran under the same
 *   container name and image text. For an image that names another digest only the target counts: without a registry an
 *   index cannot be told from its manifest for one platform, and the target's pull is the one that was accepted before.
 * - Mismatch: it runs neither. Unpinned: there is nothing to compare with.
 *
 * The pod's verdict is that of its worst container.
 * @param siblings pods to compare with; those that are not the controller's, or not older than the replacement, are left
 *   out: two replacements must not vouch for each other.
 */
export function proveImages(input: {
  replacement: PodFacts;
  target: Target;
  siblings: readonly PodFacts[];
}): ImageProof {
  const { replacement, target } = input;
  const witnesses = input.siblings.filter((pod) => canVouch(pod, replacement, target));
  const judged = replacement.containers.map((container) => judge(container, target, witnesses));
  const verdict = VERDICTS.findLast((level) => judged.some((one) => one.verdict === level)) ?? 'Unpinned';
  return {
    containers: judged.map(({ container, imageID, proof }) => ({ container, imageID, proof })),
    verdict,
    message: explain(
      verdict,
      judged.filter((one) => one.verdict === verdict).flatMap(({ note }) => note ?? []),
    ),
  };
}

interface Judgement extends ContainerProof {
  verdict: ImageVerdict;
  note?: string;
}

function judge(container: ContainerFacts, target: Target, witnesses: readonly PodFacts[]): Judgement {
  const { name, image, imageID = '' } = container;
  const conclude = (verdict: ImageVerdict, note?: string): Judgement => ({
    container: name,
    imageID,
    proof: verdict === 'Pinned' || verdict === 'Baseline' ? verdict : 'None',
    verdict,
    ...(note !== undefined && { note: `container ${name} ${note}` }),
  });
  const runs = imageDigest(imageID);
  if (runs === undefined) return conclude('Unpinned', 'has no image digest in its status');
  const pinned = pinnedDigest(image);
  if (pinned === runs) return conclude('Pinned');
  const before = digestsOf([target], container);
  if (pinned !== undefined) {
    return before.has(runs)
      ? conclude(
          'Baseline',
          `is pinned to ${pinned} and runs ${runs}, as the pod before it did: without the registry an index cannot be told from its manifest for one platform`,
        )
      : conclude('Mismatch', `is pinned to ${pinned} but runs ${runs}`);
  }
  const known = before.union(digestsOf(witnesses, container));
  if (known.has(runs)) return conclude('Baseline');
  return known.size === 0
    ? conclude('Unpinned', 'is not pinned by digest, and no earlier pod ran this image to compare with')
    : conclude(
        'Mismatch',
        `runs ${runs}, which no earlier pod ran under this tag: the tag may have been moved`,
      );
}

// What these pods ran in a container of the same name with the same image text.
function digestsOf(
  pods: readonly Pick<Target, 'containers'>[] | readonly PodFacts[],
  { name, image }: ContainerFacts,
): Set<string> {
  const same = pods.flatMap(({ containers }) =>
    containers.filter((other) => other.name === name && other.image === image),
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
  Baseline: 'every container runs its pinned digest or what ran before it',
  Unpinned: 'its images cannot be proven',
  Mismatch: 'it runs other images than expected',
};

function explain(verdict: ImageVerdict, notes: readonly string[]): string {
  const more = notes.length > MAX_NOTES ? [`${notes.length - MAX_NOTES} more containers likewise`] : [];
  const details = [...notes.slice(0, MAX_NOTES), ...more].join('; ');
  return details === '' ? SUMMARIES[verdict] : `${SUMMARIES[verdict]}: ${details}`;
}
