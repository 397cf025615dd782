// Pods and lists for tests of what images are worth.
import type { ImageFacts, PodFacts } from '../../../src/api/pod.ts';
import { compileApproved, type ApprovedList } from '../../../src/decide/approved-images.ts';
import { verifyImages, type SameImage, type VerificationMeans } from '../../../src/decide/verify-images.ts';
import { digest, pod as aPod } from './builders.ts';

export const [A, B, C] = [digest('a'), digest('b'), digest('c')];
export const REPOSITORY = 'registry.example/shop/web';
export const OWNER = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true };
const T0 = Date.UTC(2026, 0, 1);
export const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();
const nobody: SameImage = () => 'Nobody';

export function podWith(
  image: string,
  imageID: string | undefined,
  change: Partial<PodFacts> = {},
): PodFacts {
  const web: ImageFacts = { name: 'web', image, ...(imageID !== undefined && { imageID }) };
  return aPod({ containers: [{ ...web, terminated: false }], ownerReferences: [OWNER], ...change });
}

export const verify = (pod: PodFacts, means: Partial<VerificationMeans> = {}) =>
  verifyImages(pod, { siblings: [pod], lists: [], same: nobody, ...means });

export function listOf(digests: readonly string[], approves = true, name = 'web'): ApprovedList {
  const images = compileApproved(digests.map((one) => `${REPOSITORY}@${one}`));
  return { policy: { kind: 'DriftPolicy', name }, images, approves };
}

export const answers =
  (answer: ReturnType<SameImage>): SameImage =>
  () =>
    answer;
