// Cut: a firewall in the network of the pod itself, which stops also connections that are open, on any network plugin; and its
// removal. Both by a short-lived helper pod on the pod's node.
import { isDeepStrictEqual } from 'node:util';
import { probePorts } from '../api/firewall.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import { TerminalError, WaitingError } from '../controller/outcome.ts';
import { MAX_PROBE_PORTS, netnsArgs, type NetnsAction, type NetnsReport } from '../helpers/netns-report.ts';
import { awaitHelper, findHelper, removeHelper, startHelper } from '../helpers/run.ts';
import type { RespondContext } from './context.ts';
import {
  addressesOf,
  HELPER_WITHIN_MS,
  netnsImage,
  networkOf,
  readTarget,
  reportOf,
  type PodNetwork,
} from './netns-helper.ts';

/** An older helper for the same pod is ended in this time. */
const CLEAR_MS = 10_000;
const RELEASE_RETRY_MS = 15_000;
/** After it was sent; an API server gives up on a request after 60 s (`--request-timeout`). */
const LATEST_ARRIVAL_MS = 65_000;

type Context = Pick<RespondContext, 'client' | 'clock' | 'stopping' | 'log'>;

/**
 * Puts the firewall in. It lets through what the node sends to the ports of its probes, and the answers.
 * @param pod as it was read just now; it runs, in a network of its own.
 * @param begins called right before anything can happen in the pod; resolves to whether it is still wanted.
 * @returns the network that it is in; undefined if the pod is gone or another one by now, or it is not
 * wanted any more.
 * @throws TerminalError when a person is needed or the helper did not end in time; KubeError.
 */
export async function cut(
  context: Context,
  incident: DriftIncident,
  pod: KubeObject,
  begins: () => Promise<boolean>,
): Promise<PodNetwork | undefined> {
  const network = networkOf(pod);
  if (podFacts(pod).hostNetwork || network === undefined)
    throw new TerminalError('NoOwnNetwork', 'the pod has no network of its own that could be cut off');
  const report = await order(context, incident, pod, { action: 'cut', begins });
  if (!report) return undefined;
  if (report.result === 'Refused') throw refusalOf(report);
  const now = await readTarget(context.client, incident);
  if (now && !isDeepStrictEqual(networkOf(now), network))
    throw new Error('the pod got another network meanwhile');
  return now && network;
}

/**
 * Takes the firewall away; that there is none is no error.
 * @param pod as it was read just now.
 * @throws WaitingError with what is in the way: the pod must not be called released before.
 */
export async function uncut(context: Context, incident: DriftIncident, pod: KubeObject): Promise<void> {
  const { phase } = podFacts(pod);
  // The network of a pod that has ended is taken down by the kubelet.
  if (phase === 'Succeeded' || phase === 'Failed') return;
  const underWayMs = mayArriveWithin(incident, context.clock.now());
  if (underWayMs > 0) {
    const message = `the firewall in the network of pod ${incident.spec.target.name} cannot be taken away yet: an order to put it in may still arrive, for ${Math.ceil(underWayMs / 1000)} s at the most`;
    throw new WaitingError('FirewallRemains', message, underWayMs);
  }
  try {
    const report = await order(context, incident, pod, { action: 'uncut', begins: async () => true });
    if (report?.result === 'Refused') throw refusalOf(report);
  } catch (error) {
    if (context.stopping.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const { name } = incident.spec.target;
    const message = `the firewall in the network of pod ${name} cannot be taken away yet: ${why}. It is tried again every ${RELEASE_RETRY_MS / 1000} s; if its node is lost, delete the pod`;
    throw new WaitingError('FirewallRemains', message, RELEASE_RETRY_MS, { cause: error });
  }
}

// An order without an answer may be carried out later, by a process that died since or an API server that is busy. What came
// before it would take nothing away.
function mayArriveWithin({ status }: DriftIncident, now: number): number {
  const { begunAt, at } = status?.isolation?.cut ?? {};
  if (begunAt === undefined || at !== undefined) return 0;
  const agoMs = now - Date.parse(begunAt);
  // One that is yet to come was written by a clock that was wrong.
  return agoMs < 0 ? 0 : Math.max(0, LATEST_ARRIVAL_MS - agoMs);
}

async function order(
  context: Context,
  incident: DriftIncident,
  pod: KubeObject,
  { action, begins }: { action: NetnsAction; begins: () => Promise<boolean> },
): Promise<NetnsReport | undefined> {
  const { client } = context;
  const { uid } = incident.spec.target;
  const { nodeName } = podFacts(pod);
  if (nodeName === undefined) throw new TerminalError('NotScheduled', 'the pod is on no node');
  const image = await netnsImage(context.client);
  // One at a time for a pod: what a former process started must not come after what this one does.
  const name = `netns-${uid}`;
  await clearWay(context, name);
  if (!(await begins())) return undefined;
  const { own, node } = addressesOf(pod);
  const args = netnsArgs({
    action,
    podUid: uid,
    podAddresses: own,
    nodeAddresses: node,
    probePorts: probePorts(pod).slice(0, MAX_PROBE_PORTS),
  });
  const spec = {
    name,
    profile: 'netns',
    image,
    node: nodeName,
    args,
    lifetimeSeconds: HELPER_WITHIN_MS / 1000,
  };
  const helper = await startHelper(context, { ...spec, profile: 'netns' });
  try {
    return await reportOf(context, helper, nodeName);
  } finally {
    await removeHelper(client, name, helper.uid).catch((error: unknown) =>
      context.log.warn({ pod: name, err: error }, 'a helper could not be removed; it ends by itself'),
    );
  }
}

async function clearWay(context: Context, name: string): Promise<void> {
  const before = await findHelper(context.client, name);
  if (!before) return;
  await removeHelper(context.client, name, before.uid);
  await awaitHelper(context, before, () => false, CLEAR_MS);
  if (await findHelper(context.client, name))
    throw new TerminalError(
      'HelperBusy',
      `helper pod ${name} of an earlier try does not end: look at its node`,
    );
}

function refusalOf({ reason, message }: NetnsReport & { result: 'Refused' }): Error {
  // Containers come and go; the rest needs a person.
  const passes = reason === 'NoProcess' || reason === 'Changed';
  return passes ? new Error(message) : new TerminalError(`Cut${reason}`, message);
}
