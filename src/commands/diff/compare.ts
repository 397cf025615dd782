// Compares the files of one pod with its images: starts the capture pod, judges each change as it comes, keeps those that matter.
import type { FileChange } from '../../api/file-change.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podFacts } from '../../api/pod.ts';
import { driftOf, type DriftVerdict } from '../../decide/filesystem-drift.ts';
import { anyGlob } from '../../decide/image-patterns.ts';
import { readChanges } from '../../detect/filesystem-changes.ts';
import type { Collector } from '../../evidence/collector.ts';
import { targetOf } from '../../incidents/target.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { PODS } from '../../kube/resources.ts';
import { capturedContainers, type CapturedContainer } from '../../respond/capture-containers.ts';
import type { NodeRequest } from '../../respond/node-capture.ts';

/** Changes that are kept of each kind (dangerous, other drift, no drift); more are counted. */
export const MAX_KEPT = 20_000;

/** What is compared. */
export interface DiffRequest {
  name: string;
  namespace: string;
  /** Only this one; volumes of the pod, which belong to none, are then left out. */
  container: string | undefined;
  /** Patterns of paths that are known to be written. */
  expectedWrites: readonly string[];
  withinMs: number;
}

/** What comparing takes. */
export interface DiffContext {
  client: KubeClient;
  clock: Clock;
  /** Fires when the person stops it. */
  stopping: AbortSignal;
  /** Reads the node; `nodeCollector` but for tests. */
  collectorOf: (request: NodeRequest) => Collector;
  /** A UUID by which the capture pod of this run is known. */
  newId: () => string;
}

/** A change, and what it is taken for. */
export type JudgedChange = FileChange & DriftVerdict;

/** What was found. */
export interface PodDiff {
  namespace: string;
  pod: string;
  uid: string;
  node: string;
  containers: readonly CapturedContainer[];
  /** Dangerous ones first, then other drift, then what is none. */
  changes: readonly JudgedChange[];
  /** Of all changes. */
  counts: { danger: number; otherDrift: number; noDrift: number };
  /** Counted, and not in `changes`. */
  omitted: number;
  problems: readonly string[];
  /** Everything was compared. */
  complete: boolean;
}

/** How to run the program where pods can be reached, and with the rights of the responder. */
export const IN_RESPONDER =
  'kubectl exec -n die-operator-system deployment/responder -- node /app/bin/die-operator.js diff ...';
const UNREACHED = `where this machine cannot reach pods, or may not by the NetworkPolicy of die-operator-capture, run it in the pod of the responder: ${IN_RESPONDER}`;

/** Nothing can be compared, and why, for people. */
export class DiffError extends Error {}

/** See the file's first line. @throws DiffError; KubeError if the pod cannot be read; the reason of `stopping`. */
export async function comparePod(context: DiffContext, request: DiffRequest): Promise<PodDiff> {
  const { client, clock, stopping } = context;
  const pod = await readPod(client, request);
  const facts = podFacts(pod);
  if (facts.nodeName === undefined)
    throw new DiffError(`pod ${request.namespace}/${request.name} is on no node yet`);
  const found = sortedChanges(request);
  const reading = readChanges(found.take);
  const collector = context.collectorOf({
    collectors: ['Filesystem'],
    contents: false,
    maxBytes: 0,
    withinMs: request.withinMs,
    recipients: [],
  });
  const { namespace, name } = request;
  const incident = { namespace, name, uid: context.newId() };
  const target = targetOf(facts);
  try {
    await collector.collect({ client, clock, pod, target, incident, signal: stopping }, reading.writer);
  } catch (error) {
    reading.writer.problem('filesystem', error instanceof Error ? error.message : String(error));
  }
  stopping.throwIfAborted();
  const end = reading.end();
  const all = found.result();
  const isNothing = !end.complete && Object.values(all.counts).every((count) => count === 0);
  const containers = capturedContainers([pod]).containers.filter(
    (one) => request.container === undefined || one.name === request.container,
  );
  return {
    namespace,
    pod: name,
    uid: facts.uid,
    node: facts.nodeName,
    containers,
    ...all,
    ...end,
    ...(isNothing && { problems: [...end.problems, UNREACHED] }),
  };
}

async function readPod(client: KubeClient, { namespace, name, container }: DiffRequest): Promise<KubeObject> {
  const pod = await client.get<KubeObject>(PODS, { namespace, name }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new DiffError(`there is no pod ${name} in namespace ${namespace}: give its namespace with -n`);
  });
  const names = containerNames(pod);
  if (container === undefined || names.includes(container)) return pod;
  throw new DiffError(`pod ${namespace}/${name} has no container ${container}: it has ${names.join(', ')}`);
}

function containerNames(pod: KubeObject): string[] {
  const spec = (pod['spec'] ?? {}) as Record<string, { name: string }[] | undefined>;
  const kinds = ['containers', 'initContainers', 'ephemeralContainers'];
  return kinds.flatMap((kind) => spec[kind] ?? []).map(({ name }) => name);
}

type Kind = keyof PodDiff['counts'];

function sortedChanges({ expectedWrites, container }: DiffRequest) {
  const isExpected = anyGlob(expectedWrites);
  const kept: Record<Kind, JudgedChange[]> = { danger: [], otherDrift: [], noDrift: [] };
  const counts: Record<Kind, number> = { danger: 0, otherDrift: 0, noDrift: 0 };
  let omitted = 0;
  return {
    take: (change: FileChange): void => {
      if (container !== undefined && change.container !== container) return;
      const verdict = driftOf(change, isExpected);
      const kind = verdict.danger ? 'danger' : verdict.drift ? 'otherDrift' : 'noDrift';
      counts[kind] += 1;
      if (kept[kind].length < MAX_KEPT) kept[kind].push({ ...change, ...verdict });
      else omitted += 1;
    },
    result: () => {
      const { danger, otherDrift, noDrift } = kept;
      return { changes: [...danger, ...otherDrift, ...noDrift], counts, omitted };
    },
  };
}
