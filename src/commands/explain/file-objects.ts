// Objects of manifests as the API server would have them: what only a server fills in is made up.
import { z } from 'zod';
import type { KubeObject } from '../../api/meta.ts';
import { parseAny } from '../../api/parse.ts';
import type { Manifest } from '../manifests/read.ts';

/** An object out of a file. */
export type FileObject = KubeObject & { apiVersion: string; kind: string; source: string };

// Loose: the rest of the object is judged by who uses it.
const MetadataSchema = z.looseObject({
  name: z.string().min(1).max(253),
  namespace: z.string().max(253).optional(),
  uid: z.string().max(64).optional(),
  generation: z.number().optional(),
  creationTimestamp: z.string().max(64).nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const ObjectSchema = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: MetadataSchema });

const CLUSTER_SCOPED: ReadonlySet<string> = new Set(['Namespace', 'ClusterDriftPolicy']);

/**
 * One object of a manifest.
 * @param index its place among all, which makes it one of a kind.
 * @param namespace where it is if it does not say so.
 * @throws Error naming the file and what is wrong with the metadata.
 */
export function asObject({ file, line, object }: Manifest, index: number, namespace: string): FileObject {
  const source = `${file}:${line}`;
  const parsed = parseAny(ObjectSchema, object);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new Error(`${source}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
  }
  const { kind, apiVersion, metadata } = parsed.data;
  const scoped = CLUSTER_SCOPED.has(kind) ? {} : { namespace: metadata.namespace ?? namespace };
  const { labels, annotations, creationTimestamp, uid, ...rest } = metadata;
  return {
    ...parsed.data,
    apiVersion,
    kind,
    source,
    metadata: {
      ...rest,
      ...scoped,
      // Policies are told apart by it.
      uid: uid || `${source}#${index}`,
      resourceVersion: '',
      creationTimestamp: creationTimestamp ?? '',
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    } as KubeObject['metadata'],
  };
}
