// What the API server knows about the pod and its surroundings. Needs no node, and is read while the pod is isolated.
import type { KubeObject } from '../../api/meta.ts';
import { isQuarantined } from '../../api/pod.ts';
import { timestamp } from '../../kube/clock.ts';
import {
  CORE_EVENTS,
  DRIFT_INCIDENTS,
  ENDPOINT_SLICES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  resourcePath,
  SERVICE_ACCOUNTS,
} from '../../kube/resources.ts';
import type { CollectContext, Collector } from '../collector.ts';
import { messageOf } from '../error-message.ts';
import { readOwners } from './owners.ts';
import { jsonFile, lost, readList, readObject, type CollectedFile, type Part } from './reads.ts';
import { credentialsWithinReach } from './rotate.ts';
import { readTargetPod } from './target-pod.ts';

/** A snapshot in memory, at most {@link MAX_SNAPSHOT_BYTES}. */
export interface Snapshot {
  files: CollectedFile[];
  problems: string[];
}

/** Bytes of one snapshot: it is held in memory until the bundle is open. */
export const MAX_SNAPSHOT_BYTES = 8 * 1024 * 1024;

const NAME = 'api-snapshot';
const AFTER_ISOLATION =
  'The pod was read after it was isolated, which may have changed its labels, owners and endpoints. ' +
  'Labels and owners as they were before are in spec.target of incident.json.';

/**
 * The collector. `started` is a snapshot that {@link readSnapshot} began in this process when the pod was isolated;
 * without one (the operator restarted since) everything is read now.
 */
export function apiSnapshot(started?: Promise<Snapshot>): Collector {
  return {
    name: NAME,
    collect: async (context, bundle) => {
      const { files, problems } = await (started ?? readSnapshot(context));
      for (const problem of problems) bundle.problem(NAME, problem);
      for (const file of files) await bundle.add({ ...file, collector: NAME });
    },
  };
}

/**
 * Reads everything in parallel, each with its own deadline. Never rejects, so it can be started beside an isolation
 * that must not wait for it; what could not be read is among the problems.
 */
export async function readSnapshot(context: CollectContext): Promise<Snapshot> {
  const startedAt = timestamp(context.clock);
  try {
    const pod = readPod(context);
    const account = pod.then((part) => readServiceAccount(context, part.object));
    const parts = await Promise.all([
      pod,
      Promise.all([pod, account]).then(([of, by]) => rotateFile(context, of.object, by.object)),
      pod.then((part) => readOwners(context, part.object)),
      account,
      ...readSurroundings(context),
    ]);
    return withinLimit([aboutFile(context, startedAt, (await pod).object, parts), ...parts]);
  } catch (error) {
    return lost(`the snapshot failed: ${messageOf(error)}`);
  }
}

async function readPod(context: CollectContext): Promise<Part> {
  const { target, clock, pod: known } = context;
  const { namespace, name } = target;
  const about = { path: 'api/pod.json', source: `GET ${resourcePath(PODS, { namespace, name })}`, clock };
  if (known?.metadata.uid === target.uid) {
    const source = `${about.source}, as read before this capture`;
    return { files: [jsonFile({ ...about, source }, known)], problems: [], object: known };
  }
  const live = await readTargetPod(context);
  if ('problem' in live) return lost(`no manifest of the pod: ${live.problem}`);
  return { files: [jsonFile(about, live.pod)], problems: [], object: live.pod };
}

async function readServiceAccount(context: CollectContext, pod: KubeObject | undefined): Promise<Part> {
  if (!pod) return { files: [], problems: [] };
  const { serviceAccountName: name = 'default' } = (pod['spec'] ?? {}) as { serviceAccountName?: string };
  const { namespace } = context.target;
  return readObject(context, {
    path: 'api/service-account.json',
    resource: SERVICE_ACCOUNTS,
    namespace,
    name,
  });
}

function rotateFile(
  { clock }: CollectContext,
  pod: KubeObject | undefined,
  account: KubeObject | undefined,
): Part {
  if (!pod) return lost('no rotate.json: without its manifest nobody can tell what the pod could reach');
  const source = 'the manifest of the pod and its ServiceAccount';
  return {
    files: [jsonFile({ path: 'rotate.json', source, clock }, credentialsWithinReach(pod, account))],
    problems: [],
  };
}

/** The reads that need no pod. */
function readSurroundings(context: CollectContext): Promise<Part>[] {
  const { incident, target } = context;
  const { namespace, uid, nodeName } = target;
  const list = (path: string, resource: typeof PODS, keep?: (object: KubeObject) => boolean) =>
    readList(context, { path, resource, selection: { namespace }, ...(keep && { keep }) });
  return [
    readObject(context, { path: 'api/incident.json', resource: DRIFT_INCIDENTS, ...incident }),
    readList(context, {
      path: 'api/events.json',
      resource: CORE_EVENTS,
      selection: { namespace, fieldSelector: `involvedObject.uid=${uid}` },
    }),
    list('api/endpoint-slices.json', ENDPOINT_SLICES, (slice) => listsPod(slice, uid)),
    list('api/network-policies.json', NETWORK_POLICIES),
    list('api/pod-disruption-budgets.json', POD_DISRUPTION_BUDGETS),
    readObject(context, { path: 'api/namespace.json', resource: NAMESPACES, name: namespace }),
    ...(nodeName ? [readObject(context, { path: 'api/node.json', resource: NODES, name: nodeName })] : []),
  ];
}

function listsPod(slice: KubeObject, uid: string): boolean {
  const endpoints = (slice['endpoints'] ?? []) as { targetRef?: { uid?: string } }[];
  return endpoints.some((endpoint) => endpoint.targetRef?.uid === uid);
}

/** Tells how the snapshot is to be read. */
function aboutFile(
  { clock }: CollectContext,
  startedAt: string,
  pod: KubeObject | undefined,
  parts: readonly Part[],
): Part {
  const readAfterIsolation = pod !== undefined && isQuarantined({ labels: pod.metadata.labels ?? {} });
  const notes = parts.flatMap((part) => part.notes ?? []);
  if (readAfterIsolation) notes.push(AFTER_ISOLATION);
  const about = { startedAt, finishedAt: timestamp(clock), readAfterIsolation, notes };
  return {
    files: [jsonFile({ path: 'api/about.json', source: 'this capture', clock }, about)],
    problems: [],
  };
}

// Whole files are left out: half a JSON document helps nobody. The parts come in the order of their worth.
function withinLimit(parts: readonly Part[]): Snapshot {
  const files: CollectedFile[] = [];
  const problems = parts.flatMap((part) => part.problems);
  let bytes = 0;
  for (const file of parts.flatMap((part) => part.files)) {
    const size = Buffer.byteLength(file.content);
    if (bytes + size > MAX_SNAPSHOT_BYTES) {
      problems.push(
        `${file.path} (${size} bytes) is left out: a snapshot has at most ${MAX_SNAPSHOT_BYTES} bytes`,
      );
      continue;
    }
    bytes += size;
    files.push(file);
  }
  return { files, problems };
}
