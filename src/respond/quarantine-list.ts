// The lists of quarantined pods that admission policies look things up in: one in each namespace, by name, and one of the
// cluster, by UID. A pod is listed before it gets the label, and taken out after it lost it. Entries are written one by one
// and tested against what was read, so that writers do not undo each other's work and a late write does nothing.
import type { KubeObject } from '../api/meta.ts';
import {
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  QUARANTINE_LIST,
  QUARANTINED_PODS_LIST,
  SYSTEM_NAMESPACE,
} from '../api/names.ts';
import { TerminalError } from '../controller/outcome.ts';
import {
  listEntry,
  uidOfEntry,
  type Hold,
  type ListedPod,
  type QuarantineList,
} from '../decide/quarantine-list.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isNotFound, isTestFailure } from '../kube/errors.ts';
import { add, pointer, remove, test } from '../kube/json-patch.ts';
import { apiVersionOf, CONFIG_MAPS } from '../kube/resources.ts';

/** An entry has at most 353 bytes (UID, namespace of 63, name of 253); the API server takes 1 MiB. */
const MAX_ENTRIES = 2_000;
/** More changes of one entry than this between read and patch is a fight. */
const MAX_TRIES = 4;

interface At {
  namespace: string;
  name: string;
}

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** What shall become of one entry, given what it is now; `Keep` leaves it alone. */
type Wish = (entry: string | undefined) => { set: string } | 'Remove' | 'Keep';

/**
 * Puts the pod into both lists, or changes its hold. Nothing is written where they say so already. The pod may have gone
 * since the caller looked: an entry that another pod of the name got since stays.
 * @param seen the entry of that name as the caller read it.
 * @throws TerminalError `ForeignConfigMap` if the name of a list is taken by an object that die-operator did not make,
 * `QuarantineListFull` if there are too many entries; KubeError, and once more is all it takes.
 */
export async function listQuarantined(
  client: KubeClient,
  pod: ListedPod,
  hold: Hold,
  seen?: string,
): Promise<void> {
  const { namespace, name, uid } = pod;
  await change(client, ofNamespace(namespace), name, (entry) => {
    const isLater = entry !== undefined && entry !== seen && uidOfEntry(entry) !== uid;
    return isLater ? 'Keep' : { set: listEntry(hold, uid) };
  });
  await listUid(client, pod);
}

/**
 * Puts the pod into both lists, held. One that is listed already keeps its hold.
 * @param isFresh whether the caller has just read the pod, so that an entry of its name can only be of an earlier one.
 * @throws as {@link listQuarantined}
 */
export async function enterQuarantined(
  client: KubeClient,
  pod: ListedPod,
  isFresh: () => boolean = () => true,
): Promise<void> {
  const { namespace, name, uid } = pod;
  await change(client, ofNamespace(namespace), name, (entry) => {
    const stays = entry !== undefined && (uidOfEntry(entry) === uid || !isFresh());
    return stays ? 'Keep' : { set: listEntry('Held', uid) };
  });
  await listUid(client, pod);
}

/**
 * Takes the pod out of both lists. The entry of another pod of that name stays, as does an object that die-operator did
 * not make.
 * @throws KubeError
 */
export async function unlistQuarantined(client: KubeClient, pod: ListedPod): Promise<void> {
  await change(client, ofNamespace(pod.namespace), pod.name, (entry) =>
    entry !== undefined && uidOfEntry(entry) === pod.uid ? 'Remove' : 'Keep',
  );
  await unlistUid(client, pod.uid);
}

/** Puts the pod into the list of the cluster. @throws as {@link listQuarantined} */
export async function listUid(client: KubeClient, { namespace, name, uid }: ListedPod): Promise<void> {
  await change(client, OF_CLUSTER, uid, always(`${namespace}/${name}`));
}

/** Takes a pod out of the list of the cluster. @throws KubeError */
export async function unlistUid(client: KubeClient, uid: string): Promise<void> {
  await change(client, OF_CLUSTER, uid, (entry) => (entry === undefined ? 'Keep' : 'Remove'));
}

/** The list of a namespace; empty if there is none of ours. @throws KubeError */
export async function readNamespaceList(client: KubeClient, namespace: string): Promise<QuarantineList> {
  return readList(client, ofNamespace(namespace));
}

/** The list of the cluster; empty if there is none of ours. @throws KubeError */
export async function readClusterList(client: KubeClient): Promise<QuarantineList> {
  return readList(client, OF_CLUSTER);
}

const OF_CLUSTER: At = { namespace: SYSTEM_NAMESPACE, name: QUARANTINED_PODS_LIST };

function ofNamespace(namespace: string): At {
  return { namespace, name: QUARANTINE_LIST };
}

function always(entry: string): Wish {
  return () => ({ set: entry });
}

async function change(client: KubeClient, at: At, key: string, wish: Wish): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await changeOnce(client, at, key, wish);
    } catch (error) {
      // Made, removed or changed by somebody since it was read.
      const lost = isAlreadyExists(error) || isNotFound(error) || isTestFailure(error);
      if (!lost || tries === MAX_TRIES) throw error;
    }
  }
}

async function changeOnce(client: KubeClient, at: At, key: string, wish: Wish): Promise<void> {
  const found = await find(client, at);
  const entry = found && entriesOf(found).get(key);
  const wanted = wish(entry);
  if (wanted === 'Keep') return;
  if (wanted === 'Remove') {
    if (found && isOurs(found))
      await client.jsonPatch(CONFIG_MAPS, at, [...same(found, key, entry), remove(path(key))]);
    return;
  }
  if (!found) {
    await client.create(CONFIG_MAPS, { namespace: at.namespace }, newList(at, { [key]: wanted.set }));
    return;
  }
  refuseForeign(found, at);
  if (entry === wanted.set) return;
  if (entry === undefined) refuseFull(found, at);
  await client.jsonPatch(CONFIG_MAPS, at, withEntry(found, key, entry, wanted.set));
}

function withEntry(found: ConfigMap, key: string, before: string | undefined, entry: string): JsonPatchOp[] {
  // The API server leaves an empty map out, and nothing can be added to what is not there.
  if (found.data === undefined)
    return [sameObject(found), test('/data', null), add('/data', { [key]: entry })];
  return [...same(found, key, before), add(path(key), entry)];
}

function same(found: ConfigMap, key: string, entry: string | undefined): JsonPatchOp[] {
  return [sameObject(found), test(path(key), entry ?? null)];
}

function sameObject({ metadata }: ConfigMap): JsonPatchOp {
  return test('/metadata/uid', metadata.uid);
}

function path(key: string): string {
  return pointer('data', key);
}

async function readList(client: KubeClient, at: At): Promise<QuarantineList> {
  const found = await find(client, at);
  return found && isOurs(found) ? (found.data ?? {}) : {};
}

async function find(client: KubeClient, at: At): Promise<ConfigMap | undefined> {
  try {
    return await client.get<ConfigMap>(CONFIG_MAPS, at);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

// A pod may be called `constructor`.
function entriesOf({ data = {} }: ConfigMap): Map<string, string> {
  return new Map(Object.entries(data));
}

function newList({ namespace, name }: At, data: QuarantineList): object {
  const metadata = { name, namespace, labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME } };
  return { apiVersion: apiVersionOf(CONFIG_MAPS), kind: CONFIG_MAPS.kind, metadata, data };
}

function isOurs({ metadata }: ConfigMap): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === OPERATOR_NAME;
}

function refuseForeign(found: ConfigMap, { namespace, name }: At): void {
  if (isOurs(found)) return;
  throw new TerminalError(
    'ForeignConfigMap',
    `ConfigMap ${namespace}/${name} was not made by die-operator and is left alone; without its own list a quarantined pod is not protected from exec, eviction and deletion: rename or delete that object`,
  );
}

function refuseFull(found: ConfigMap, { namespace, name }: At): void {
  const { size } = entriesOf(found);
  if (size < MAX_ENTRIES) return;
  throw new TerminalError(
    'QuarantineListFull',
    `ConfigMap ${namespace}/${name} lists ${size} quarantined pods and takes no more: release or evict some of them`,
  );
}
