// Which kinds an API server serves: those of other projects come and go with their installation.
import { z } from 'zod';
import type { KubeClient } from './client.ts';
import { brokenAnswer, KubeError } from './errors.ts';

/** A version of a group has some dozens of kinds, each in some hundred bytes. */
const MAX_BYTES = 1024 * 1024;

const ResourceListSchema = z.object({ resources: z.array(z.object({ name: z.string() })).nullish() });

/**
 * The plurals that are served under a version of a group, subresources left out; none if there is no such version. Every
 * authenticated account may ask, by the ClusterRole system:discovery.
 * @throws KubeError when the API server does not tell.
 */
export async function servedPlurals(
  client: KubeClient,
  { group, version }: { group: string; version: string },
): Promise<ReadonlySet<string>> {
  const doing = `discover ${group}/${version}`;
  const all = { group, version, plural: '', kind: 'APIResourceList', namespaced: false };
  try {
    const { bytes, truncated, failure } = await client.readText(all, {}, {}, MAX_BYTES);
    if (failure) throw failure;
    const parsed = ResourceListSchema.safeParse(truncated ? undefined : parse(bytes));
    if (!parsed.success) throw brokenAnswer(doing, 'the answer is no list of kinds');
    const names = parsed.data.resources?.map(({ name }) => name) ?? [];
    return new Set(names.filter((name) => !name.includes('/')));
  } catch (error) {
    // An API server says so in plain text. A proxy's 404 looks the same, but would have ended every watch as well.
    if (error instanceof KubeError && error.status === 404) return new Set();
    throw error;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
