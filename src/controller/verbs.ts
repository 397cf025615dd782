// The verbs of a dot-i operator for status and finalizers, safe against other writers and other objects of that name.
import type { KubeObject } from '../api/meta.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isTestFailure } from '../kube/errors.ts';
import { mergePatch } from './merge-patch.ts';
import { TerminalError } from './outcome.ts';
import { metaOf, resourceOf, type ResourceEvent, type ResourceMeta } from './resource-event.ts';

/** Every verb rejects with the error of the client when a call fails; nothing is logged and swallowed. */
export interface Verbs {
  /**
   * Replaces the status of that version of the object.
   * @throws KubeError for which `isTestFailure` holds if the object changed since.
   */
  setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta>;
  /**
   * Applies an RFC 7386 merge patch to the status as it is now.
   * @throws TerminalError `ObjectReplaced` if another object has the name by now.
   */
  patchResourceStatus(meta: ResourceMeta, patch: unknown): Promise<ResourceMeta>;
  /**
   * Keeps `finalizer` on the object, and when the object is to be deleted, runs `deleteAction` and then removes the
   * finalizer. If the action rejects, the finalizer stays and the rejection is passed on.
   * @returns true if the event needs no further action.
   */
  handleResourceFinalizer(
    event: ResourceEvent,
    finalizer: string,
    deleteAction: (event: ResourceEvent) => Promise<void>,
  ): Promise<boolean>;
  /**
   * Replaces the finalizers of that version of the object.
   * @throws KubeError for which `isTestFailure` holds if the object changed since.
   */
  setResourceFinalizers(meta: ResourceMeta, finalizers: readonly string[]): Promise<void>;
}

/** Another writer can win this often before an edit gives up. */
const MAX_TRIES = 5;

/** The verbs on that client. */
export function createVerbs(client: KubeClient): Verbs {
  return {
    setResourceStatus: (meta, status) => writeStatus(client, meta, status),
    patchResourceStatus: (meta, patch) =>
      untilUncontested(async () => {
        const current = await read(client, meta);
        if (current.metadata.uid !== meta.uid) throw replaced(meta);
        return writeStatus(client, at(meta, current), mergePatch(current['status'], patch));
      }),
    handleResourceFinalizer: (event, finalizer, deleteAction) =>
      handleFinalizer(client, event, { finalizer, deleteAction }),
    setResourceFinalizers: (meta, finalizers) => writeFinalizers(client, meta, finalizers),
  };
}

async function writeStatus(client: KubeClient, meta: ResourceMeta, status: unknown): Promise<ResourceMeta> {
  const resource = resourceOf(meta);
  const ops: JsonPatchOp[] = [...tests(meta), { op: 'add', path: '/status', value: status }];
  const written = await client.jsonPatch<KubeObject>(
    resource,
    { ...pathOf(meta), subresource: 'status' },
    ops,
  );
  return metaOf(resource, written);
}

async function writeFinalizers(
  client: KubeClient,
  meta: ResourceMeta,
  list: readonly string[],
): Promise<void> {
  const ops: JsonPatchOp[] = [...tests(meta), { op: 'add', path: '/metadata/finalizers', value: list }];
  await client.jsonPatch(resourceOf(meta), pathOf(meta), ops);
}

async function handleFinalizer(
  client: KubeClient,
  event: ResourceEvent,
  { finalizer, deleteAction }: { finalizer: string; deleteAction: (event: ResourceEvent) => Promise<void> },
): Promise<boolean> {
  if (event.type === 'DELETED') return false;
  const { deletionTimestamp, finalizers = [] } = event.object.metadata;
  const isSet = finalizers.includes(finalizer);
  if (deletionTimestamp === undefined) {
    if (!isSet) await editFinalizers(client, event.meta, (list) => [...list, finalizer]);
    return !isSet;
  }
  if (isSet) {
    await deleteAction(event);
    await editFinalizers(client, event.meta, (list) => list.filter((other) => other !== finalizer));
  }
  return true;
}

/** Edits the finalizers as they are now, so that those of others stay. An object that is gone needs none. */
async function editFinalizers(
  client: KubeClient,
  meta: ResourceMeta,
  edit: (finalizers: readonly string[]) => string[],
): Promise<void> {
  try {
    await untilUncontested(async () => {
      const current = await read(client, meta);
      if (current.metadata.uid !== meta.uid) return;
      const before = current.metadata.finalizers ?? [];
      const after = [...new Set(edit(before))];
      // The API server lets nobody add a finalizer to an object that is being deleted.
      const isTooLate = current.metadata.deletionTimestamp !== undefined && after.length > before.length;
      if (isTooLate || after.join() === before.join()) return;
      await writeFinalizers(client, at(meta, current), after);
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function untilUncontested<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === MAX_TRIES || !(isTestFailure(error) || isConflict(error))) throw error;
    }
  }
}

function read(client: KubeClient, meta: ResourceMeta): Promise<KubeObject> {
  return client.get<KubeObject>(resourceOf(meta), pathOf(meta));
}

const at = (meta: ResourceMeta, current: KubeObject): ResourceMeta => ({
  ...meta,
  resourceVersion: current.metadata.resourceVersion,
});

function pathOf({ namespace, name }: ResourceMeta): { namespace?: string; name: string } {
  return { ...(namespace !== undefined && { namespace }), name };
}

/** No write reaches another object of that name, nor another version of this one. */
function tests({ uid, resourceVersion }: ResourceMeta): JsonPatchOp[] {
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
  ];
}

function replaced({ kind, namespace, name, uid }: ResourceMeta): TerminalError {
  const object = [namespace, name].filter(Boolean).join('/');
  return new TerminalError(
    'ObjectReplaced',
    `${kind} ${object} with uid ${uid} is gone; another object has its name`,
  );
}
