// Single reads of a snapshot: one object or one page of a list becomes a file, a failure becomes a problem.
import type { KubeObject } from '../../api/meta.ts';
import { timestamp, type Clock } from '../../kube/clock.ts';
import type { Selection } from '../../kube/client.ts';
import { apiVersionOf, resourcePath, type Resource } from '../../kube/resources.ts';
import type { BundleFile } from '../bundle.ts';
import type { CollectContext } from '../collector.ts';
import { messageOf } from '../error-message.ts';

/** A file that no collector has claimed yet. */
export type CollectedFile = Omit<BundleFile, 'collector' | 'content'> & { content: string };

/** What one read came to. */
export interface Part {
  files: CollectedFile[];
  problems: string[];
  /** For people, and no problem. */
  notes?: string[];
  /** What was read, for reads that go on from there. */
  object?: KubeObject;
}

/** Milliseconds for one read, retries included. */
export const READ_TIMEOUT_MS = 5_000;
/** Objects of one kind that are kept. */
export const PAGE_LIMIT = 500;

/** One object to read; with `uid` another object of that name is not accepted. */
export interface ObjectRead {
  path: string;
  resource: Resource;
  namespace?: string;
  name: string;
  uid?: string;
}

/** Reads one object. Never rejects. */
export async function readObject(context: CollectContext, read: ObjectRead): Promise<Part> {
  const { path, resource, namespace, name, uid } = read;
  const at = { ...(namespace !== undefined && { namespace }), name };
  try {
    const object = await context.client.get(resource, at, callOptions(context));
    if (uid !== undefined && object.metadata.uid !== uid)
      return lost(
        `${resource.kind} ${name} is another one now: its uid is ${object.metadata.uid}, not ${uid}`,
      );
    const source = `GET ${resourcePath(resource, at)}`;
    return { files: [jsonFile({ path, source, clock: context.clock }, object)], problems: [], object };
  } catch (error) {
    return lost(messageOf(error));
  }
}

/** One page of objects to read; `keep` drops what is not about the pod. */
export interface ListRead {
  path: string;
  resource: Resource;
  selection: Selection;
  keep?: (object: KubeObject) => boolean;
}

/** Reads the first {@link PAGE_LIMIT} objects. Never rejects. */
export async function readList(context: CollectContext, read: ListRead): Promise<Part> {
  const { path, resource, selection, keep = () => true } = read;
  try {
    const page = { ...selection, limit: PAGE_LIMIT };
    const { items, metadata } = await context.client.list(resource, page, callOptions(context));
    const truncated = Boolean(metadata.continue);
    const list = {
      apiVersion: apiVersionOf(resource),
      kind: `${resource.kind}List`,
      metadata: { resourceVersion: metadata.resourceVersion },
      items: items.filter(keep).map(withoutManagedFields),
    };
    const file = jsonFile({ path, source: sourceOf(read), clock: context.clock }, list);
    const cut = `${path} is about the first ${PAGE_LIMIT} objects of kind ${resource.kind} only; there are more`;
    return { files: [{ ...file, truncated }], problems: truncated ? [cut] : [] };
  } catch (error) {
    return lost(messageOf(error));
  }
}

/** A file with the value as indented JSON; of a Kubernetes object the managed fields are left out. */
export function jsonFile(
  { path, source, clock }: { path: string; source: string; clock: Clock },
  value: object,
): CollectedFile {
  const content = `${JSON.stringify('metadata' in value ? withoutManagedFields(value) : value, null, 2)}\n`;
  return { path, content, contentType: 'application/json', source, collectedAt: timestamp(clock) };
}

/** A read that brought a problem and nothing else. */
export function lost(problem: string): Part {
  return { files: [], problems: [problem] };
}

// Managed fields say which client wrote which field: many lines, and no evidence of what ran.
function withoutManagedFields<T extends { metadata?: unknown }>(object: T): T {
  const { managedFields: _, ...metadata } = (object.metadata ?? {}) as { managedFields?: unknown };
  return { ...object, metadata };
}

function callOptions({ signal }: CollectContext) {
  return { timeoutMs: READ_TIMEOUT_MS, signal };
}

function sourceOf({ resource, selection, keep }: ListRead): string {
  const { namespace, fieldSelector } = selection;
  const query = fieldSelector === undefined ? '' : `?fieldSelector=${fieldSelector}`;
  const path = resourcePath(resource, namespace === undefined ? {} : { namespace });
  return `GET ${path}${query}${keep ? ', those that list the pod' : ''}`;
}
