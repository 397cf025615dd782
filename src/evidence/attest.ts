// What is said of a finished bundle that is found: a name of a key in it proves nothing, whoever may write to the store can put
// a bundle there first.
import type { BundleEnd, BundleOptions } from './bundle.ts';
import { messageOf } from './error-message.ts';
import { MANIFEST_FILE, MAX_SUMMARY_PROBLEMS, sha256, summarize } from './manifest.ts';
import type { Signer } from './sign.ts';
import type { BundleSummary } from './store.ts';
import { checkEnvelope } from './verify-signature.ts';

/**
 * The summary of a bundle that some run has finished. Where this one signs, it says who signed only if that is its own key, and
 * else has a problem.
 * @throws Error if that is no manifest, or no envelope of it.
 */
export async function attested(
  end: BundleEnd,
  location: string,
  signer: BundleOptions['signer'],
): Promise<BundleSummary> {
  const summary = summarize(end, location);
  if (!signer) return { ...summary, signedBy: [] };
  const why = await doubtOf(end, signer);
  if (why === undefined) return summary;
  const problem = `bundle: SUSPECT: it was found finished, and ${why}. Check it with the keys that you have: die-operator evidence verify`;
  const others = summary.problems.slice(0, MAX_SUMMARY_PROBLEMS - 1);
  return { ...summary, signedBy: [], problems: [problem.slice(0, 512), ...others] };
}

async function doubtOf(
  { manifest, envelope }: BundleEnd,
  signer: () => Promise<Signer>,
): Promise<string | undefined> {
  if (!envelope) return 'nobody signed it';
  try {
    const { signedBy, subjects } = checkEnvelope(envelope, [await signer()]);
    const isSigned = signedBy.length > 0 && subjects?.get(MANIFEST_FILE) === sha256(manifest);
    return isSigned ? undefined : 'it is not signed by the key with which evidence is signed now';
  } catch (error) {
    return `its signature could not be checked: ${messageOf(error)}`;
  }
}
