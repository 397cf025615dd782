// What is the same for every helper in the network of a pod: its image, whom it works on, and what it says at its end.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import { TerminalError } from '../controller/outcome.ts';
import { readHelperSettings } from '../helpers/helper-settings.ts';
import { readNetnsReport, type NetnsReport } from '../helpers/netns-report.ts';
import { awaitHelper, findHelper, type HelperContext, type HelperPod } from '../helpers/run.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resources.ts';

/** From the creation of the helper to its end; a cut takes about a second where its image is on the node. */
export const HELPER_WITHIN_MS = 60_000;

/** The image of these helpers. @throws TerminalError where they are not allowed; KubeError. */
export async function netnsImage(client: KubeClient): Promise<string> {
  const settings = await readHelperSettings(client);
  if (typeof settings === 'string') throw new TerminalError('HelperMissing', settings);
  if (settings.profiles.has('netns')) return settings.image;
  const message = 'the profile netns of helper pods is not allowed: add it to ConfigMap die-operator-helpers';
  throw new TerminalError('HelperMissing', message);
}

/** What a helper says at its end. @throws TerminalError when it says nothing, or does not end in time; KubeError. */
export async function reportOf(
  context: HelperContext,
  helper: HelperPod,
  node: string,
): Promise<NetnsReport> {
  const { ended } =
    (await awaitHelper(context, helper, (pod) => pod.ended !== undefined, HELPER_WITHIN_MS)) ?? {};
  if (ended) {
    const report = readNetnsReport(ended.message);
    if (report) return report;
    throw new TerminalError(
      'HelperFailed',
      `the helper on node ${node} ended without a word: ${ended.message}`,
    );
  }
  const now = context.stopping.aborted ? undefined : await findHelper(context.client, helper.name);
  const why = now?.waiting ?? (now ? 'it still runs' : 'it is gone');
  throw new TerminalError(
    'HelperTimeout',
    `the helper on node ${node} did not end within ${HELPER_WITHIN_MS / 1000} s (${why}): look at the node and at the image of ConfigMap die-operator-helpers`,
  );
}

/** The pod of the incident as it is now; undefined if it is gone or another one by now. @throws KubeError */
export async function readTarget(
  client: KubeClient,
  incident: DriftIncident,
): Promise<KubeObject | undefined> {
  const { namespace, name, uid } = incident.spec.target;
  try {
    const pod = await client.get<KubeObject>(PODS, { namespace, name });
    return pod.metadata.uid === uid ? pod : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Addresses of the pod, its first one first, and of its node. */
export function addressesOf(pod: KubeObject): { own: string[]; node: string[] } {
  const status = (pod['status'] ?? {}) as Partial<
    Record<'podIP' | 'hostIP', string> & Record<'podIPs' | 'hostIPs', { ip?: string }[]>
  >;
  const all = (one: string | undefined, several: { ip?: string }[] = []) => [
    ...new Set([one, ...several.map(({ ip }) => ip)].flatMap((ip) => ip || [])),
  ];
  return { own: all(status.podIP, status.podIPs), node: all(status.hostIP, status.hostIPs) };
}

/** What tells the network that a pod has from the one that it gets when its sandbox is made anew. */
export interface PodNetwork {
  podIP: string;
  /** Absent before Kubernetes 1.29. */
  sandboxAt?: string;
}

/** The network that the pod has now; undefined if it has none of its own. */
export function networkOf(pod: KubeObject): PodNetwork | undefined {
  const { sandboxAt } = podFacts(pod);
  const [podIP] = addressesOf(pod).own;
  return podIP === undefined ? undefined : { podIP, ...(sandboxAt !== undefined && { sandboxAt }) };
}
