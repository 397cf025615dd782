// Asks the API server who the caller is, as `kubectl auth whoami` does.
import type { KubeObject } from '../api/meta.ts';
import type { KubeClient } from './client.ts';
import { brokenAnswer } from './errors.ts';
import { apiVersionOf, SELF_SUBJECT_REVIEWS } from './resources.ts';

/** Who asked, as the API server says. */
export interface Self {
  username: string;
  /** When it answered by its own clock, in milliseconds since the epoch (whole seconds); undefined: it did not say. */
  at: number | undefined;
}

interface Review extends KubeObject {
  status?: { userInfo?: { username?: string } };
}

/** See the file's first line. @throws KubeError, also where the answer names nobody, or reviews are not served (404). */
export async function askSelf(client: Pick<KubeClient, 'create'>): Promise<Self> {
  const { kind } = SELF_SUBJECT_REVIEWS;
  const body = { apiVersion: apiVersionOf(SELF_SUBJECT_REVIEWS), kind };
  const { metadata, status } = await client.create<Review>(SELF_SUBJECT_REVIEWS, {}, body);
  const username = status?.userInfo?.username ?? '';
  if (username === '') throw brokenAnswer(`create ${kind}`, 'the answer does not say who asked');
  const at = Date.parse((metadata as Partial<Review['metadata']> | undefined)?.creationTimestamp ?? '');
  return { username, at: Number.isNaN(at) ? undefined : at };
}
