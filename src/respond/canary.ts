// Finds out whether a node does what NetworkPolicies say: of two throw-away pods there that are connected, one gets the
// quarantine label, and after that no connection between them must work.
import { HELPER_LABEL, CAPTURE_NAMESPACE, QUARANTINE_LABEL, QUARANTINE_POLICY } from '../api/names.ts';
import { networkPolicyFacts, readNetworkPolicySpec } from '../api/network-policy.ts';
import type { KubeObject } from '../api/meta.ts';
import { TerminalError } from '../controller/outcome.ts';
import { compileSelector } from '../decide/selector.ts';
import { CANARY_PORT, latestReport, type CanaryReport } from '../helpers/canary-report.ts';
import { awaitHelper, findHelper, removeHelper, startHelper } from '../helpers/run.ts';
import type { HelperContext, HelperPod } from '../helpers/run.ts';
import { sleep } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import { NETWORK_POLICIES, PODS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';
import { cutOf, openWaysOf, SIDES, type Cut, type Readings, type Side } from './canary-verdict.ts';
import { ensureDenyPolicy, isDenyPolicy } from './deny-policy.ts';

/** What a test takes. */
export interface CanaryContext extends HelperContext {
  log: Logger;
}

/** Which node is tested, and with what. */
export interface CanaryRequest {
  node: string;
  /** Of the helper pods, by digest. */
  image: string;
  /** Names the pods; lower-case letters and digits that no other test has. */
  id: string;
}

/**
 * What came of a test that ended at `at`, in milliseconds since the epoch. Messages are for people. `tookMs` of a node that
 * does not enforce is how long was waited for it.
 */
export type CanaryResult =
  | ({ verdict: 'Enforced' | 'Unenforced'; at: number; message: string } & Cut)
  | { verdict: 'Unknown'; at: number; message: string };

/** From the start until both are connected; an image that is not on the node yet is pulled in this time. */
const CONNECT_MS = 60_000;
/** From the label until both are cut. Cilium with its defaults takes 32 s. */
const CUT_MS = 60_000;
const POLL_MS = 500;
/** Of everything together; the kubelet ends them then, whatever becomes of us. */
const LIFETIME_S = 240;
const MAX_LOG = 16_384;
const LABELS = { [QUARANTINE_LABEL]: 'true', [HELPER_LABEL]: 'canary' };

type Pair = Readonly<Record<Side, HelperPod>>;

/** The test cannot say anything, and why. */
class Inconclusive extends Error {}

/** Tests one node, which takes some seconds to two minutes. Its pods are removed in every case. @throws never for what the API server does. */
export async function runCanary(context: CanaryContext, request: CanaryRequest): Promise<CanaryResult> {
  try {
    const pair = await connectPair(context, request);
    return await watchCut(context, request, pair);
  } catch (error) {
    const isExpected =
      error instanceof Inconclusive || error instanceof KubeError || error instanceof TerminalError;
    if (!isExpected) throw error;
    return { verdict: 'Unknown', at: context.clock.now(), message: error.message };
  } finally {
    for (const side of SIDES) await removeCanary(context, nameOf(request, side));
  }
}

function nameOf({ id }: CanaryRequest, side: Side): string {
  return `canary-${id}-${side}`;
}

// By name, since the answer to a creation can get lost; nobody else has the name.
async function removeCanary({ client, log }: CanaryContext, name: string): Promise<void> {
  try {
    const pod = await findHelper(client, name);
    if (pod) await removeHelper(client, name, pod.uid);
  } catch (error) {
    log.warn({ pod: name, err: error }, 'a canary could not be removed; that is made up for later');
  }
}

async function connectPair(context: CanaryContext, request: CanaryRequest): Promise<Pair> {
  const { clock } = context;
  const end = clock.elapsed() + CONNECT_MS;
  await ensureDenyPolicy(context.client, CAPTURE_NAMESPACE);
  const waiting = await start(context, request, 'peer', []);
  const isUp = (pod: HelperPod) => pod.ended !== undefined || (pod.running && pod.ip !== undefined);
  const peer = await awaitHelper(context, waiting, isUp, end - clock.elapsed());
  if (peer?.ip === undefined || peer.ended) throw await whyNot(context, { peer: waiting });
  const pair = { peer, subject: await start(context, request, 'subject', ['--peer', peer.ip]) };
  for (let isOver = false; !isOver; await pause(context)) {
    isOver = clock.elapsed() >= end;
    const reports = await Promise.all(SIDES.map((side) => reportOf(context, pair[side])));
    if (reports.every((report) => report?.state === 'Connected')) return pair;
  }
  throw await whyNot(context, pair);
}

function start(
  context: CanaryContext,
  request: CanaryRequest,
  side: Side,
  more: readonly string[],
): Promise<HelperPod> {
  const { node, image, id } = request;
  return startHelper(context, {
    name: nameOf(request, side),
    profile: 'canary',
    image,
    node,
    args: [`canary-${side}`, '--pair', id, ...more],
    lifetimeSeconds: LIFETIME_S,
  });
}

async function pause({ clock, stopping }: CanaryContext): Promise<void> {
  await sleep(clock, POLL_MS, stopping);
  if (stopping.aborted) throw new Inconclusive('the responder was stopped meanwhile');
}

// A log that cannot be read, say because the container does not run yet, says nothing; what is in the way is found later.
async function reportOf({ client }: CanaryContext, { name }: HelperPod): Promise<CanaryReport | undefined> {
  const at = { namespace: CAPTURE_NAMESPACE, name, subresource: 'log' };
  try {
    const { bytes } = await client.readText(PODS, at, { tailLines: '20' }, MAX_LOG, { timeoutMs: 5_000 });
    return latestReport(Buffer.from(bytes).toString());
  } catch (error) {
    if (error instanceof KubeError) return undefined;
    throw error;
  }
}

async function watchCut(context: CanaryContext, { node }: CanaryRequest, pair: Pair): Promise<CanaryResult> {
  const { client, clock } = context;
  // Whatever took it away since is undone.
  await ensureDenyPolicy(client, CAPTURE_NAMESPACE);
  await client.jsonPatch(PODS, { namespace: CAPTURE_NAMESPACE, name: pair.subject.name }, [
    { op: 'test', path: '/metadata/uid', value: pair.subject.uid },
    { op: 'add', path: '/metadata/labels', value: LABELS },
  ]);
  const since = clock.elapsed();
  const readings = await readUntilCut(context, pair, since);
  await mustBeThere(context, pair);
  const at = clock.now();
  const cut = cutOf(readings);
  if (cut) {
    const held = cut.establishedCut ? '' : '; a connection that was open before carries on';
    const message = `no new connection worked ${cut.tookMs} ms after the label or later${held}`;
    return { verdict: 'Enforced', at, ...cut, message };
  }
  const open = openWaysOf(readings);
  if (open === undefined)
    throw new Inconclusive(`the canaries on node ${node} stopped saying how they are connected`);
  await mustBeDenied(context);
  const message = `new connections ${open} still worked ${CUT_MS / 1000} s after the label, though the NetworkPolicy denies them`;
  return { verdict: 'Unenforced', at, tookMs: CUT_MS, establishedCut: false, message };
}

/** Until both are cut, and still are at the next look, or it takes too long. Times count from `since`. */
async function readUntilCut(context: CanaryContext, pair: Pair, since: number): Promise<Readings> {
  const { clock } = context;
  const first = new Map<Side, Readings[Side]>();
  for (let before: Cut | undefined; ; await pause(context)) {
    const isOver = clock.elapsed() - since >= CUT_MS;
    for (const side of SIDES) {
      const report = await reportOf(context, pair[side]);
      const known = first.get(side);
      // The sooner a report is read, the closer it bounds what it tells.
      if (known?.report?.state === 'Cut' && isSameCut(known.report, report)) continue;
      first.set(side, { report, readAt: clock.elapsed() - since });
    }
    const readings = Object.fromEntries(first) as Record<Side, Readings[Side]>;
    const cut = cutOf(readings);
    if (isOver || (cut && before)) return readings;
    before = cut;
  }
}

function isSameCut(one: CanaryReport & { state: 'Cut' }, other: CanaryReport | undefined): boolean {
  return (
    other?.state === 'Cut' &&
    other.lastSuccessAgoMs === one.lastSuccessAgoMs &&
    other.established === one.established
  );
}

/** Connections also end with a pod, and with its label the policy. */
async function mustBeThere({ client }: CanaryContext, pair: Pair): Promise<void> {
  for (const side of SIDES) {
    const { name, uid } = pair[side];
    const pod = await findHelper(client, name);
    if (pod?.uid !== uid || !pod.running)
      throw new Inconclusive(`pod ${CAPTURE_NAMESPACE}/${name} ended during the test`);
    if (side === 'subject' && pod.labels[QUARANTINE_LABEL] !== 'true')
      throw new Inconclusive(`somebody took the quarantine label off pod ${CAPTURE_NAMESPACE}/${name}`);
  }
}

/** That nothing was cut says something only if a policy said so, and no other one allowed it. */
async function mustBeDenied({ client }: CanaryContext): Promise<void> {
  const { items } = await client.list<KubeObject>(NETWORK_POLICIES, { namespace: CAPTURE_NAMESPACE });
  const policies = items.map(networkPolicyFacts);
  if (!policies.some(({ name, spec }) => name === QUARANTINE_POLICY && isDenyPolicy(spec)))
    throw new Inconclusive('somebody removed or changed the deny policy of the canaries during the test');
  const other = policies.find(({ name, spec }) => {
    const read = readNetworkPolicySpec(spec);
    return name !== QUARANTINE_POLICY && (!read || compileSelector(read.podSelector)(LABELS));
  });
  if (other)
    throw new Inconclusive(
      `NetworkPolicy ${CAPTURE_NAMESPACE}/${other.name} selects pods with the quarantine label and may allow what the test expects to be denied: remove it`,
    );
}

async function whyNot(
  { client, stopping }: CanaryContext,
  pods: Partial<Record<Side, HelperPod>>,
): Promise<Inconclusive> {
  if (stopping.aborted) return new Inconclusive('the responder was stopped meanwhile');
  for (const { name, uid } of Object.values(pods)) {
    const pod = await findHelper(client, name);
    const what = `pod ${CAPTURE_NAMESPACE}/${name}`;
    if (pod?.uid !== uid) return new Inconclusive(`${what} was removed by somebody`);
    if (pod.ended) return new Inconclusive(`${what} ended: ${pod.ended.message || 'no reason is told'}`);
    if (!pod.running)
      return new Inconclusive(`${what} did not start in ${CONNECT_MS / 1000} s: ${pod.waiting}`);
  }
  return new Inconclusive(
    `the canaries run and did not reach each other on port ${CANARY_PORT} within ${CONNECT_MS / 1000} s, or what they say cannot be read: does a policy of the cluster keep pods in ${CAPTURE_NAMESPACE} from connecting?`,
  );
}
