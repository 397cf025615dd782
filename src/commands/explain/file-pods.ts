// The pod in a manifest: a Pod itself, or one that a workload would start from its template.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import { parseAny } from '../../api/parse.ts';
import { podFacts, type PodFacts } from '../../api/pod.ts';
import type { FileObject } from './file-objects.ts';

/** A pod, and where it came from. */
export interface FoundPod {
  pod: PodFacts;
  /** `Deployment web (workload.yaml:14)`. */
  source: string;
  /** Copies that its workload has; undefined for a Pod itself. */
  copies?: number;
}

const ContainerSchema = z.looseObject({ name: z.string(), image: z.string().optional() });
const PodSpecSchema = z.looseObject({
  containers: z.array(ContainerSchema),
  nodeName: z.string().optional(),
  serviceAccountName: z.string().optional(),
  hostNetwork: z.boolean().optional(),
});
const StatusSchema = z.looseObject({
  phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).optional(),
  conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
  containerStatuses: z
    .array(
      z.looseObject({ name: z.string(), imageID: z.string().optional(), containerID: z.string().optional() }),
    )
    .optional(),
});
const texts = z.record(z.string(), z.string());
const OwnersSchema = z.array(
  z.looseObject({ apiVersion: z.string(), kind: z.string(), name: z.string(), uid: z.string() }),
);
const PodSchema = z.looseObject({
  metadata: z.looseObject({ ownerReferences: OwnersSchema.optional() }),
  spec: PodSpecSchema,
  status: StatusSchema.nullish(),
});
const TemplateSchema = z.looseObject({
  metadata: z.looseObject({ labels: texts.nullish(), annotations: texts.nullish() }).optional(),
  spec: PodSpecSchema,
});
const WorkloadSchema = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().int().min(0).optional(),
    parallelism: z.number().int().min(0).optional(),
    template: TemplateSchema,
  }),
});

/** What starts pods, and what owns those: a Deployment does so through a ReplicaSet. */
const WORKLOADS: Readonly<Record<string, Pick<OwnerReference, 'apiVersion' | 'kind'>>> = {
  Deployment: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  ReplicaSet: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  StatefulSet: { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  DaemonSet: { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  Job: { apiVersion: 'batch/v1', kind: 'Job' },
};
/** Nodes are not in files: other nodes are taken to have a pod each. */
const DAEMON_COPIES = 2;
const RUNNING = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };

/** The pod of an object; undefined if it is nothing that has one. @throws Error if it is not as its kind must be. */
export function podOf(object: FileObject): FoundPod | undefined {
  if (object.kind === 'Pod' && object.apiVersion === 'v1') return podItself(object);
  const owner = Object.hasOwn(WORKLOADS, object.kind) ? WORKLOADS[object.kind] : undefined;
  return owner && owner.apiVersion.split('/')[0] === object.apiVersion.split('/')[0]
    ? podOfTemplate(object, owner)
    : undefined;
}

function podItself(object: FileObject): FoundPod {
  const { metadata, spec, status } = read(PodSchema, object);
  const pod = { ...object, metadata: { ...object.metadata, ...metadata }, spec };
  // A pod that was never started (`kubectl run --dry-run` writes an empty status) is taken to run.
  const started = status?.phase === undefined ? RUNNING : status;
  return { pod: podFacts({ ...pod, status: started } as KubeObject), source: nameOf(object) };
}

function podOfTemplate(object: FileObject, owner: Pick<OwnerReference, 'apiVersion' | 'kind'>): FoundPod {
  const { replicas = 1, parallelism = 1, template } = read(WorkloadSchema, object).spec;
  const { name, namespace, uid } = object.metadata;
  const { labels, annotations } = template.metadata ?? {};
  const pod = {
    metadata: {
      ...object.metadata,
      name,
      namespace,
      labels: labels ?? {},
      annotations: annotations ?? {},
      ownerReferences: [{ ...owner, name, uid: uidOf(uid), controller: true }],
    },
    spec: template.spec,
    status: RUNNING,
  };
  const copies = { DaemonSet: DAEMON_COPIES, Job: parallelism }[object.kind] ?? replicas;
  return { pod: podFacts(pod as unknown as KubeObject), source: nameOf(object), copies };
}

function read<T>(schema: z.ZodType<T>, object: FileObject): T {
  const parsed = parseAny(schema, object);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.issues;
  throw new Error(`${nameOf(object)}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
}

function nameOf({ kind, metadata, source }: FileObject): string {
  return `${kind} ${metadata.name} (${source})`;
}

// As long as those of objects that are there: with a longer one the owner would be taken for made up.
function uidOf(place: string): string {
  return createHash('sha256').update(place).digest('hex').slice(0, 32);
}
