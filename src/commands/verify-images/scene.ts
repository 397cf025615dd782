// What running pods are judged by: one reading of a cluster with the rights of a person. What may not be read is told.
import type { KubeObject } from '../../api/meta.ts';
import { APPROVED_IMAGES_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { namespaceFacts, unreadNamespace } from '../../api/namespace.ts';
import { podFacts, type PodFacts } from '../../api/pod.ts';
import type { AnyPolicy } from '../../api/policy.ts';
import type { KubeClient, Selection } from '../../kube/client.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { listAll } from '../../kube/list-all.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  DRIFT_POLICIES,
  NAMESPACES,
  PODS,
  type Resource,
} from '../../kube/resources.ts';
import { eachOf } from './each.ts';
import { ApprovedSources } from './lists.ts';
import { policiesInForce, type KnownSpace, type PoliciesInForce } from './policies.ts';
import type { ReportProblem } from './report.ts';

/** A pod, and of its object what is compared with the template. */
export interface ScenePod {
  facts: PodFacts;
  object: { metadata: { name: string }; spec: unknown };
}

/** See the file's first line. */
export interface Scene {
  /** All pods of the namespaces: baselines are made of them. */
  all: readonly ScenePod[];
  /** Whether a pod was asked for. */
  isAsked: (pod: PodFacts) => boolean;
  policies: PoliciesInForce;
  lists: ApprovedSources;
  problems: ReportProblem[];
}

/** What to read. */
export interface SceneRequest {
  /** Undefined: the whole cluster. */
  namespace: string | undefined;
  /** As kubectl takes it. */
  selector?: string | undefined;
}

const PARALLEL = 8;

/** @throws Error that names the missing right where pods cannot be listed; KubeError. */
export async function readScene(client: KubeClient, request: SceneRequest): Promise<Scene> {
  const { namespace, selector } = request;
  const where: Selection = namespace === undefined ? {} : { namespace };
  const problems: ReportProblem[] = [];
  const all = await readPods(client, where);
  const asked =
    selector === undefined ? undefined : await readUids(client, { ...where, labelSelector: selector });
  const names = new Set(all.map(({ facts }) => facts.namespace));
  const [own, cluster, spaces] = await Promise.all([
    readPolicies(client, DRIFT_POLICIES, where, problems),
    readPolicies(client, CLUSTER_DRIFT_POLICIES, {}, problems),
    readSpaces(client, request, names),
  ]);
  const policies = policiesInForce({ own: own ?? [], cluster }, spaces);
  problems.push(...policies.problems);
  const lists = new ApprovedSources();
  const inForce = [...names].flatMap((name) => policies.of(name));
  await eachOf(lists.wantedBy(inForce), PARALLEL, (at) => readList(client, at, lists));
  problems.push(...lists.problems);
  const isAsked = ({ uid }: PodFacts) => asked?.has(uid) ?? true;
  return { all, isAsked, policies, lists, problems };
}

async function readPods(client: KubeClient, where: Selection): Promise<ScenePod[]> {
  const found: ScenePod[] = [];
  await withCure(where, async () => {
    for await (const pod of listAll<KubeObject>(client, PODS, where)) {
      // Neither status nor managed fields are kept: of a large cluster they are most of the bytes.
      const { name } = pod.metadata;
      found.push({ facts: podFacts(pod), object: { metadata: { name }, spec: pod['spec'] } });
    }
  });
  return found;
}

async function readUids(client: KubeClient, where: Selection): Promise<ReadonlySet<string>> {
  const uids = new Set<string>();
  for await (const { metadata } of listAll<KubeObject>(client, PODS, where)) uids.add(metadata.uid);
  return uids;
}

async function withCure(
  { namespace }: Pick<Selection, 'namespace'>,
  read: () => Promise<void>,
): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const at =
      namespace === undefined ? 'in the whole cluster (or give one with -n)' : `in namespace ${namespace}`;
    const message = `${(error as Error).message}; verify-images needs the right to list pods ${at}`;
    throw new Error(message, { cause: error });
  }
}

// Undefined: they may not be read. Where the kind is not installed nobody has any.
async function readPolicies(
  client: KubeClient,
  resource: Resource,
  where: Selection,
  problems: ReportProblem[],
): Promise<AnyPolicy[] | undefined> {
  try {
    return await Array.fromAsync(listAll<AnyPolicy>(client, resource, where));
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return [];
    if (!isForbidden(error)) throw error;
    const message = `${resource.kind}s may not be listed, so that their lists of approved images are not known: you need the right to list ${resource.plural}.${resource.group}`;
    problems.push({ kind: 'Policy', message });
    return undefined;
  }
}

async function readSpaces(
  client: KubeClient,
  { namespace }: SceneRequest,
  names: ReadonlySet<string>,
): Promise<Map<string, KnownSpace>> {
  const spaces = new Map<string, KnownSpace>(
    [...names].map((name) => [name, { facts: unreadNamespace(name), labelsKnown: false }]),
  );
  const note = (object: KubeObject) => {
    const facts = namespaceFacts(object);
    if (names.has(facts.name)) spaces.set(facts.name, { facts, labelsKnown: true });
  };
  try {
    if (namespace !== undefined) note(await client.get<KubeObject>(NAMESPACES, { name: namespace }));
    else for await (const object of listAll<KubeObject>(client, NAMESPACES)) note(object);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  return spaces;
}

async function readList(client: KubeClient, namespace: string, lists: ApprovedSources): Promise<void> {
  try {
    const at = { namespace, name: APPROVED_IMAGES_CONFIGMAP };
    const { data } = await client.get<KubeObject & { data?: Record<string, unknown> }>(CONFIG_MAPS, at);
    lists.note(namespace, data ?? {});
  } catch (error) {
    if (isNotFound(error)) return lists.fault(namespace, 'is not there');
    if (!isForbidden(error)) throw error;
    const whose = namespace === SYSTEM_NAMESPACE ? 'ClusterDriftPolicies' : 'DriftPolicies';
    lists.fault(namespace, `may not be read, though ${whose} name it: you need the right to get it`);
  }
}
