// Capture: evidence of the pod before it goes. The snapshot of API objects begins beside the isolation patch, because
// that patch changes what it would show; it never holds the patch up.
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import type { CollectorName } from '../api/policy.ts';
import { captureRound } from '../decide/evidence.ts';
import type { BundleWriter } from '../evidence/bundle.ts';
import { capture } from '../evidence/capture.ts';
import type { CollectContext, Collector } from '../evidence/collector.ts';
import { apiSnapshot, readSnapshot, type Snapshot } from '../evidence/collectors/api-snapshot.ts';
import { podLogs } from '../evidence/collectors/logs.ts';
import type { BundleSummary } from '../evidence/store.ts';
import { NODE_COLLECTORS } from '../helpers/capture-order.ts';
import { deadline } from '../kube/clock.ts';
import type { RespondContext } from './context.ts';
import { checkpointCollector } from './checkpoint.ts';
import { execCollector, type ExecCommand } from './exec-evidence.ts';
import { nodeCollector, type NodeRequest } from './node-capture.ts';

/** The pod as it was read before it was changed, and what was read beside the change. */
export interface BegunSnapshot {
  pod: KubeObject;
  snapshot: Promise<Snapshot>;
}

/** What is wanted of the node. */
export interface NodeEvidence extends Pick<NodeRequest, 'contents' | 'maxBytes'> {
  collectors: readonly CollectorName[];
}

// Reading a dozen small objects; more than this is an API server that does not answer.
const SNAPSHOT_DEADLINE_MS = 15_000;
/** Kept for logs, which come after the node: as long as they take at the most. */
const LOGS_MS = 60_000;

/** Starts to read what the API server knows. Resolves in the background and never rejects. */
export function beginSnapshot(
  context: RespondContext,
  incident: DriftIncident,
  pod: KubeObject,
): BegunSnapshot {
  const limit = deadline(context.clock, SNAPSHOT_DEADLINE_MS);
  const snapshot = readSnapshot(collectContext(context, incident, pod, limit.signal)).finally(limit.done);
  return { pod, snapshot };
}

/**
 * Captures everything within `deadlineMs`; an incident whose evidence is there already is not captured again. What goes
 * first is read first: processes and files of the node, while the API server is asked; then logs, which the node keeps.
 * @param given `node`: what to read on the node; undefined: nothing.
 * @throws EvidenceStoreError if anything could not be stored, or the reason of `stopping` when that fired.
 */
export async function captureEvidence(
  context: RespondContext,
  incident: DriftIncident,
  {
    pod,
    begun,
    deadlineMs,
    node,
    exec = [],
  }: {
    pod: KubeObject | undefined;
    begun: BegunSnapshot | undefined;
    deadlineMs: number;
    node?: NodeEvidence | undefined;
    /** Commands to run in the pod, last of all; those that are too many are named as problems. */
    exec?: readonly ExecCommand[] | undefined;
  },
): Promise<BundleSummary> {
  const limit = deadline(context.clock, deadlineMs, context.stopping);
  try {
    const given = collectContext(context, incident, begun?.pod ?? pod, limit.signal);
    const apis = node ? withNode(begun, ofNode(context, node, deadlineMs)) : [apiSnapshot(begun?.snapshot)];
    const commands = exec.length > 0 ? [execCollector(exec, context.podExec)] : [];
    return await capture([...apis, podLogs, ...commands], given, context.evidence);
  } finally {
    limit.done();
  }
}

function ofNode(
  { clock, evidence, log, kubelets, nodeCollector: collectorOf = nodeCollector }: RespondContext,
  node: NodeEvidence,
  deadlineMs: number,
): Collector[] {
  const withinMs = Math.max(deadlineMs / 2, deadlineMs - LOGS_MS);
  const { recipients } = evidence;
  const collectors = NODE_COLLECTORS.filter((name) => node.collectors.includes(name));
  const read = (ms: number) => collectorOf({ ...node, collectors, withinMs: ms, recipients }, { log });
  if (!node.collectors.includes('Checkpoint')) return [read(withinMs)];
  // A checkpoint stops the containers, and may take long: first what leaves them alone, in half of the time.
  const until = clock.elapsed() + withinMs;
  const first = counted(read(withinMs / 2));
  const request = {
    maxBytes: () => node.maxBytes - first.bytes(),
    withinMs: () => until - clock.elapsed(),
    recipients,
  };
  const checkpoint = checkpointCollector(request, { log, kubelets });
  return collectors.length > 0 ? [first.collector, checkpoint] : [checkpoint];
}

/** Counts the bytes that it keeps: what comes after it finds the room that is left. */
function counted(inner: Collector): { collector: Collector; bytes: () => number } {
  let bytes = 0;
  const counting = (bundle: BundleWriter): BundleWriter => ({
    add: async (file) => {
      const stored = await bundle.add(file);
      bytes += stored?.plain?.size ?? stored?.size ?? 0;
      return stored;
    },
    problem: (collector, message) => bundle.problem(collector, message),
    failed: (collector, message) => bundle.failed(collector, message),
  });
  return {
    collector: { name: inner.name, collect: (given, bundle) => inner.collect(given, counting(bundle)) },
    bytes: () => bytes,
  };
}

/** The node first; the API server, where it was not asked before, is asked meanwhile. */
function withNode(begun: BegunSnapshot | undefined, ofNodes: readonly Collector[]): Collector[] {
  let snapshot = begun?.snapshot;
  return [
    ...ofNodes.map((node) => ({
      name: node.name,
      collect: (given: CollectContext, bundle: BundleWriter) => {
        snapshot ??= readSnapshot(given);
        return node.collect(given, bundle);
      },
    })),
    { name: apiSnapshot().name, collect: (given, bundle) => apiSnapshot(snapshot).collect(given, bundle) },
  ];
}

function collectContext(
  { client, clock }: RespondContext,
  incident: DriftIncident,
  pod: KubeObject | undefined,
  signal: AbortSignal,
): CollectContext {
  const { namespace = '', name, uid } = incident.metadata;
  const round = captureRound(incident);
  return {
    client,
    clock,
    signal,
    target: incident.spec.target,
    incident: { namespace, name, uid, ...(round > 1 && { round }) },
    ...(pod && { pod }),
  };
}
