// Probes whether a quarantined pod is cut off, by a short-lived helper pod on its node that looks from within the pod's own
// network. Nothing is changed in the pod.
import { isDeepStrictEqual } from 'node:util';
import { changesNetwork } from '../api/firewall.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { isQuarantined, podFacts } from '../api/pod.ts';
import { TerminalError } from '../controller/outcome.ts';
import { netnsArgs, type NetnsReport } from '../helpers/netns-report.ts';
import { findHelper, removeHelper, startHelper } from '../helpers/run.ts';
import { KubeError } from '../kube/errors.ts';
import type { RespondContext } from './context.ts';
import { addressesOf, HELPER_WITHIN_MS, networkOf, readTarget, reportOf } from './netns-helper.ts';

/** What it takes. */
export type ProbeContext = Pick<RespondContext, 'client' | 'clock' | 'stopping' | 'log'>;

/** What came of a probe that ended at `at`, in milliseconds since the epoch; in words what got through, or why nothing is known. */
export interface ProbeResult {
  verdict: 'Closed' | 'Open' | 'Unknown';
  at: number;
  message: string;
}

/** The probe cannot say anything, and why. */
class Inconclusive extends Error {}

/**
 * Probes the pod of an incident, which takes ten to twenty seconds.
 * @param image of helpers, by digest.
 * @throws never for what the API server does.
 */
export async function probePod(
  context: ProbeContext,
  incident: DriftIncident,
  image: string,
): Promise<ProbeResult> {
  // What is known afterwards was true at the latest when it began: what is opened meanwhile counts as not probed.
  const at = context.clock.now();
  try {
    const before = await readProbed(context, incident);
    const report = await order(context, incident, before, image);
    const after = await readProbed(context, incident);
    if (!isDeepStrictEqual(networkOf(after), networkOf(before)))
      throw new Inconclusive('the pod got another network meanwhile');
    return resultOf(report, at, changesNetwork(before) ?? changesNetwork(after));
  } catch (error) {
    const isExpected =
      error instanceof Inconclusive || error instanceof KubeError || error instanceof TerminalError;
    if (!isExpected) throw error;
    return { verdict: 'Unknown', at, message: error.message };
  }
}

async function readProbed({ client }: ProbeContext, incident: DriftIncident): Promise<KubeObject> {
  const pod = await readTarget(client, incident);
  if (!pod) throw new Inconclusive('the pod is gone');
  const facts = podFacts(pod);
  if (!isQuarantined(facts)) throw new Inconclusive('the pod is not in quarantine any more');
  if (facts.phase !== 'Running' || facts.deletionTimestamp !== undefined)
    throw new Inconclusive('the pod ends');
  if (facts.hostNetwork || facts.nodeName === undefined || facts.ip === undefined)
    throw new Inconclusive('the pod has no network of its own');
  return pod;
}

async function order(
  context: ProbeContext,
  { spec: { target } }: DriftIncident,
  pod: KubeObject,
  image: string,
): Promise<NetnsReport> {
  const { client, log } = context;
  const { nodeName: node = '' } = podFacts(pod);
  // Not the name of the helper that cuts, which must never wait for this one.
  const name = `probe-${target.uid}`;
  const earlier = await findHelper(client, name);
  if (earlier) {
    await removeHelper(client, name, earlier.uid);
    throw new Inconclusive('the helper of an earlier probe was still there');
  }
  const args = netnsArgs({
    action: 'probe',
    podUid: target.uid,
    podAddresses: addressesOf(pod).own,
    nodeAddresses: [],
    probePorts: [],
  });
  const lifetimeSeconds = HELPER_WITHIN_MS / 1000;
  const helper = await startHelper(context, { name, profile: 'netns', image, node, args, lifetimeSeconds });
  try {
    return await reportOf(context, helper, node);
  } finally {
    await removeHelper(client, name, helper.uid).catch((error: unknown) =>
      log.warn({ pod: name, err: error }, 'a helper could not be removed; it ends by itself'),
    );
  }
}

function resultOf(report: NetnsReport, at: number, madeUpBy: string | undefined): ProbeResult {
  switch (report.result) {
    case 'Open':
      return { verdict: 'Open', at, message: report.ways.join(', ') };
    case 'Closed':
      return madeUpBy === undefined
        ? { verdict: 'Closed', at, message: 'nothing got through' }
        : { verdict: 'Unknown', at, message: `nothing got through, which counts for nothing: ${madeUpBy}` };
    case 'Refused':
      return { verdict: 'Unknown', at, message: report.message };
    case 'Cut':
    case 'Uncut':
      return { verdict: 'Unknown', at, message: 'the helper did something else' };
  }
}
