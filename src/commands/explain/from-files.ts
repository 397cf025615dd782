// The subject of an explanation out of manifests: the pod, or the pod that a workload would start, taken to run.
import { namespaceFacts, unreadNamespace } from '../../api/namespace.ts';
import type { AnyPolicy } from '../../api/policy.ts';
import { GROUP } from '../../api/names.ts';
import type { StoredPolicy, Subject } from '../../explain/subject.ts';
import { countOthers } from '../../explain/others.ts';
import { targetOf } from '../../incidents/target.ts';
import { readManifests } from '../manifests/read.ts';
import { asObject, type FileObject } from './file-objects.ts';
import { podOf, type FoundPod } from './file-pods.ts';

/** What to read. */
export interface FileRequest {
  name: string;
  namespace: string | undefined;
  paths: readonly string[];
  at: number;
  protectedNamespaces: ReadonlySet<string>;
}

/** Namespace of objects that name none, as kubectl without a context. */
const DEFAULT_NAMESPACE = 'default';

/** Reads the files. @throws Error if one cannot be read, or the pod is not, or not only once, in them. */
export async function fromFiles(request: FileRequest): Promise<Subject> {
  const { manifests, problems } = await readManifests(request.paths);
  if (problems.length > 0) {
    const lines = problems.map(
      ({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`,
    );
    throw new Error(lines.join('; '));
  }
  const { namespace = DEFAULT_NAMESPACE } = request;
  const objects = manifests.map((manifest, index) => asObject(manifest, index, namespace));
  const pods = objects.flatMap((object) => podOf(object) ?? []);
  const found = pick(pods, request);
  const { pod } = found;
  const space = objects.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === pod.namespace);
  return {
    origin: 'Files',
    pod,
    target: targetOf(pod),
    space: space ? namespaceFacts(space) : unreadNamespace(pod.namespace),
    policies: policiesOf(objects),
    others: othersOf(found, pods),
    paused: { state: 'Unknown', message: 'files do not tell' },
    at: request.at,
    protectedNamespaces: request.protectedNamespaces,
  };
}

function pick(all: readonly FoundPod[], { name, namespace }: FileRequest): FoundPod {
  const found = all.filter(
    ({ pod }) => pod.name === name && (namespace === undefined || pod.namespace === namespace),
  );
  const [first, ...others] = found;
  if (first && others.length === 0) return first;
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  if (first) {
    const each = found.map(({ pod, source }) => `${source} in ${pod.namespace}`);
    throw new Error(
      `${found.length} objects${where} are called ${name} (${each.join(', ')}): give --namespace, or fewer files`,
    );
  }
  const known = all.map(({ pod }) => `${pod.namespace}/${pod.name}`);
  const there =
    known.length === 0 ? 'there are no pods and no workloads in the files' : `there are ${known.join(', ')}`;
  throw new Error(
    `no Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet or Job${where} is called ${name}: ${there}`,
  );
}

// Of several with one name the last counts, as if they were applied in the order of the files.
function policiesOf(objects: readonly FileObject[]): StoredPolicy[] {
  const found = objects.flatMap((object): [string, StoredPolicy][] => {
    const { kind, apiVersion, metadata } = object;
    const isOurs =
      apiVersion.startsWith(`${GROUP}/`) && (kind === 'DriftPolicy' || kind === 'ClusterDriftPolicy');
    const key = `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    return isOurs ? [[key, { kind, policy: object as unknown as AnyPolicy }]] : [];
  });
  return [...new Map(found).values()];
}

// Of a workload all copies are taken to be there and Ready; pods are as their files say. What is used of a quota, and which
// other pods a budget is about, is not in files.
function othersOf({ pod, copies = 0 }: FoundPod, all: readonly FoundPod[]): Subject['others'] {
  const pods = all.map((found) => found.pod).filter(({ namespace }) => namespace === pod.namespace);
  const alike = Array.from({ length: Math.max(0, copies - 1) }, (_, n) => ({
    ...pod,
    uid: `${pod.uid}#${n}`,
  }));
  const { workload, namespace, share } = countOthers(targetOf(pod), [...pods, ...alike], []);
  return { workload, namespace, availability: { share, budgets: [], quota: {}, unread: [] } };
}
